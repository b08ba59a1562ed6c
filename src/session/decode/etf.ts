// Erlang's external term format as data: what Plug and Phoenix put into a session.
import type { Data } from '../data.ts';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';
import { inflate } from './inflate.ts';
import { phpText as textOf } from './php-serialize.ts';

const DEPTH_MAX = 64;
const VALUES_MAX = 100_000;
/** Bytes of a bignum: more than any id has. */
const BIG_BYTES_MAX = 1024;
const VERSION = 131;
const COMPRESSED = 80;
/** Bytes behind the node's name: pids, new and old, and ports, newest, new and old. */
const NODE_BOUND_BYTES: Readonly<Record<number, number>> = { 88: 12, 103: 9, 120: 12, 89: 8, 102: 5 };

/**
 * The one term that `bytes` hold (erts External Term Format, version 131): maps are maps, tuples and lists are lists, binaries are texts
 * where they are UTF-8, atoms are texts but for nil, true and false; pids, ports, references and bit strings are null. Functions are
 * refused, as Plug.Crypto.non_executable_binary_to_term refuses what could run. Bounds: 1 MiB, also inflated, depth 64, 100,000 values. Throws
 * DecodeError and nothing else.
 */
export function decodeEtf(bytes: Uint8Array): Data {
  if (bytes.length > STORED_BYTES_MAX) throw new DecodeError('a term longer than the bound');
  let buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] !== VERSION) throw new DecodeError('a term of an unknown version');
  let start = 1;
  if (buffer[1] === COMPRESSED) {
    if (buffer.length < 6) throw new DecodeError('a term that ends too early');
    const size = buffer.readUInt32BE(2);
    buffer = inflate('zlib', buffer.subarray(6));
    if (buffer.length !== size) throw new DecodeError('a compressed term of another size');
    start = 0;
  }
  try {
    const reader = new TermReader(buffer, start);
    const term = reader.term();
    if (!reader.done) throw new DecodeError('a term with more behind its end');
    return term;
  } catch (error) {
    // Reading beyond the end of a buffer.
    if (error instanceof RangeError) throw new DecodeError('a term that ends too early');
    throw error;
  }
}

class TermReader {
  readonly #bytes: Buffer;
  #at: number;
  #depth = 0;
  #values = 0;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  #number(size: number): number {
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DecodeError('a term that ends too early');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  term(): Data {
    if (++this.#values > VALUES_MAX) throw new DecodeError('more terms than the bound');
    const tag = this.#number(1);
    switch (tag) {
      case 97:
        return this.#number(1);
      case 98:
        return this.#number(4) | 0;
      case 70:
        return this.#take(8).readDoubleBE(0);
      case 99:
        return Number.parseFloat(this.#take(31).toString('latin1'));
      case 110:
        return this.#big(this.#number(1));
      case 111:
        return this.#big(this.#number(4));
      case 100: // atoms by size of their length and by encoding
        return atom(this.#take(this.#number(2)).toString('latin1'));
      case 115:
        return atom(this.#take(this.#number(1)).toString('latin1'));
      case 118:
        return atom(this.#take(this.#number(2)).toString('utf8'));
      case 119:
        return atom(this.#take(this.#number(1)).toString('utf8'));
      case 109:
        return textOf(this.#take(this.#number(4)));
      case 106:
        return [];
      case 107: {
        const count = this.#number(2);
        this.#values += count;
        return [...this.#take(count)];
      }
      case 77: // bits that are no whole bytes
        this.#take(this.#number(4) + 1);
        return null;
      default:
        return this.#container(tag);
    }
  }

  #container(tag: number): Data {
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('terms deeper than the bound');
    const value = this.#contents(tag);
    this.#depth--;
    return value;
  }

  #contents(tag: number): Data {
    switch (tag) {
      case 104:
        return this.#items(this.#number(1));
      case 105:
        return this.#items(this.#number(4));
      case 108: {
        const items = this.#items(this.#number(4));
        const tail = this.term();
        // A proper list ends in an empty one.
        return Array.isArray(tail) && tail.length === 0 ? items : [...items, tail];
      }
      case 116: {
        const count = this.#number(4);
        const map = new Map<Data, Data>();
        for (let i = 0; i < count; i++) {
          const key = this.term();
          map.set(key, this.term());
        }
        return map;
      }
      case 88:
      case 89:
      case 102:
      case 103:
      case 120:
        return this.#nodeBound(NODE_BOUND_BYTES[tag]!);
      case 90:
      case 114: {
        const words = this.#number(2);
        return this.#nodeBound((tag === 90 ? 4 : 1) + 4 * words);
      }
      default:
        throw new DecodeError('a term of a kind that no session holds');
    }
  }

  /** A node's name and `length` bytes: it means something to that node only. */
  #nodeBound(length: number): null {
    this.term();
    this.#take(length);
    return null;
  }

  #items(count: number): Data[] {
    const items: Data[] = [];
    for (let i = 0; i < count; i++) items.push(this.term());
    return items;
  }

  #big(length: number): Data {
    if (length > BIG_BYTES_MAX) throw new DecodeError('a number longer than the bound');
    const negative = this.#number(1) === 1;
    let value = 0n;
    for (const byte of this.#take(length).toReversed()) value = value * 256n + BigInt(byte);
    const signed = negative ? -value : value;
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }
}

function atom(name: string): Data {
  if (name === 'nil' || name === 'undefined') return null;
  return name === 'true' ? true : name === 'false' ? false : name;
}
