// What PHP's serialize() writes, as data: arrays and objects are maps, nothing is instantiated, no class is known.
import type { Data } from '../data.ts';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';

const DEPTH_MAX = 64;
const VALUES_MAX = 100_000;

/** A text where the bytes are UTF-8, else the bytes themselves: PHP's strings are either. */
export function phpText(bytes: Uint8Array): string | Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.includes('\ufffd') ? bytes : text;
}

/** A property's name without the class that its visibility writes before it: `\0Class\0name`. */
export function propertyName(key: Data): Data {
  if (typeof key !== 'string' || !key.startsWith('\0')) return key;
  const end = key.indexOf('\0', 1);
  return end < 0 ? key : key.slice(end + 1);
}

/** The one value that `bytes` hold. Bounds: 1 MiB, depth 64, 100,000 values. Throws DecodeError and nothing else. */
export function decodePhp(bytes: Uint8Array): Data {
  const reader = new PhpReader(bytes);
  const value = reader.value();
  if (!reader.done) throw new DecodeError('a PHP value with more behind its end');
  return value;
}

/**
 * Reads one value after another; references count over all of them, as in one call of PHP's (php_var_unserialize, ext/standard/
 * var_unserializer.re of 8.2). A reference is the value itself: shared, and possibly inside itself.
 */
export class PhpReader {
  readonly #bytes: Buffer;
  #at: number;
  #depth = 0;
  #values = 0;
  /** What `R:n;` and `r:n;` mean, from 1. */
  readonly #slots: Data[] = [null];

  constructor(bytes: Uint8Array, at = 0) {
    if (bytes.length > STORED_BYTES_MAX) throw new DecodeError('a PHP value longer than the bound');
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Where it stands, and may be put to. */
  get at(): number {
    return this.#at;
  }

  set at(to: number) {
    this.#at = to;
  }

  value(): Data {
    const type = this.#bytes[this.#at];
    if (type === 0x52 || type === 0x72) return this.#reference(type);
    const slot = this.#slots.push(null) - 1;
    if (++this.#values > VALUES_MAX) throw new DecodeError('more PHP values than the bound');
    return this.#plain(type, slot);
  }

  #plain(type: number | undefined, slot: number): Data {
    switch (type) {
      case 0x4e: // N;
        this.#skip('N;');
        return null;
      case 0x62: // b:1;
        return this.#keep(slot, this.#scalar('b', /^[01]$/) === '1');
      case 0x69: // i:42;
        return this.#keep(slot, this.#integer());
      case 0x64: // d:1.5;
        return this.#keep(slot, phpFloat(this.#scalar('d', /^(-?INF|NAN|[-+]?[0-9.]+([eE][-+]?\d+)?)$/)));
      case 0x73: // s:2:"ab";
        this.#skip('s:');
        return this.#keep(slot, phpText(this.#quoted(';')));
      case 0x61: // a:1:{...}
        this.#skip('a:');
        return this.#entries(slot, new Map(), false);
      case 0x4f: // O:3:"Foo":1:{...}
        this.#skip('O:');
        this.#quoted(':');
        return this.#entries(slot, new Map(), true);
      case 0x43: // C:3:"Foo":4:{....}
        return this.#keep(slot, this.#custom());
      case 0x45: // E:7:"Foo:Bar";
        this.#skip('E:');
        return this.#keep(slot, phpText(this.#quoted(';')));
      default:
        throw new DecodeError('a PHP value of no known type');
    }
  }

  #keep(slot: number, value: Data): Data {
    this.#slots[slot] = value;
    return value;
  }

  #reference(type: number): Data {
    const text = this.#scalar(type === 0x52 ? 'R' : 'r', /^\d{1,9}$/);
    const slot = Number(text);
    if (slot === 0 || slot >= this.#slots.length) throw new DecodeError('a PHP reference to nothing');
    const value = this.#slots[slot]!;
    // Only `r` is a value of its own.
    if (type === 0x72) this.#slots.push(value);
    if (++this.#values > VALUES_MAX) throw new DecodeError('more PHP values than the bound');
    return value;
  }

  #integer(): Data {
    const value = BigInt(this.#scalar('i', /^[-+]?\d{1,20}$/).replace('+', ''));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #entries(slot: number, map: Map<Data, Data>, isObject: boolean): Data {
    this.#slots[slot] = map;
    const count = this.#count(':{');
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('PHP values deeper than the bound');
    for (let i = 0; i < count; i++) {
      const key = this.#key();
      map.set(isObject ? propertyName(key) : key, this.value());
    }
    this.#skip('}');
    this.#depth--;
    return map;
  }

  /** Keys are integers and texts, and no reference means them. */
  #key(): Data {
    if (this.#bytes[this.#at] === 0x69) return this.#integer();
    this.#skip('s:');
    const text = phpText(this.#quoted(';'));
    return typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
  }

  /** What a class serialized in its own way: bytes that only the class can read. */
  #custom(): Data {
    this.#skip('C:');
    this.#quoted(':');
    const length = this.#count(':{');
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DecodeError('a PHP value that ends too early');
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    this.#skip('}');
    return content;
  }

  /** The bytes in `2:"ab"`, up to `end` behind them. */
  #quoted(end: string): Uint8Array {
    const length = this.#count(':"');
    const from = this.#at;
    if (from + length > this.#bytes.length) throw new DecodeError('a PHP text that ends too early');
    this.#at += length;
    this.#skip(`"${end}`);
    return this.#bytes.subarray(from, from + length);
  }

  /** A length, and what stands behind it. */
  #count(behind: string): number {
    const end = this.#bytes.indexOf(behind, this.#at, 'latin1');
    const text = end < 0 || end - this.#at > 10 ? '' : this.#bytes.toString('latin1', this.#at, end);
    if (!/^\+?\d{1,9}$/.test(text)) throw new DecodeError('a PHP length that cannot be read');
    this.#at = end + behind.length;
    return Number(text);
  }

  /** The text in `x:text;`. */
  #scalar(type: string, shape: RegExp): string {
    this.#skip(`${type}:`);
    const end = this.#bytes.indexOf(0x3b, this.#at);
    const text = end < 0 || end - this.#at > 100 ? '' : this.#bytes.toString('latin1', this.#at, end);
    if (!shape.test(text)) throw new DecodeError('a PHP value that cannot be read');
    this.#at = end + 1;
    return text;
  }

  #skip(text: string): void {
    if (this.#bytes.toString('latin1', this.#at, this.#at + text.length) !== text)
      throw new DecodeError('a PHP value that cannot be read');
    this.#at += text.length;
  }
}

function phpFloat(text: string): number {
  if (text === 'NAN') return Number.NaN;
  if (text.endsWith('INF')) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}
