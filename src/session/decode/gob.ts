// Go's encoding/gob as data: streams describe their own types, so structs come out by the names of their fields.
import type { Data } from '../data.ts';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';
import { phpText as textOf } from './php-serialize.ts';

const DEPTH_MAX = 64;
const VALUES_MAX = 100_000;
const TYPES_MAX = 1000;

/** How a type of the stream is read. */
type GobType =
  | { readonly kind: 'array' | 'slice'; readonly element: number }
  | { readonly kind: 'map'; readonly key: number; readonly element: number }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly type: number }[] }
  | { readonly kind: 'opaque' };

/** Types that need no description (encoding/gob type.go, `bootstrapType`). */
const BASIC = { bool: 1, int: 2, uint: 3, float: 4, bytes: 5, string: 6, complex: 7, interface: 8 } as const;

/**
 * The first value in `bytes` (encoding/gob doc.go, Go 1.19). Values with encoders of their own, such as time.Time, stay bytes, but for a
 * UUID in an interface, which is its text. Bounds: 1 MiB, depth 64, 100,000 values, 1,000 types. Throws DecodeError and nothing else.
 */
export function decodeGob(bytes: Uint8Array): Data {
  if (bytes.length > STORED_BYTES_MAX) throw new DecodeError('a gob longer than the bound');
  return new GobReader(bytes).message();
}

class GobReader {
  readonly #bytes: Buffer;
  #at = 0;
  #depth = 0;
  #values = 0;
  readonly #types = new Map<number, GobType>();

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Descriptions come as messages of their own before the value. */
  message(): Data {
    for (;;) {
      this.#length();
      const type = this.#int();
      if (type >= 0) return this.#alone(type);
      this.#describe(-type);
    }
  }

  #big(): bigint {
    const head = this.#byte();
    if (head < 0x80) return BigInt(head);
    const size = 0x100 - head;
    if (size > 8) throw new DecodeError('a gob number that cannot be read');
    let value = 0n;
    for (let i = 0; i < size; i++) value = value * 256n + BigInt(this.#byte());
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new DecodeError('a gob that ends too early');
    return byte;
  }

  #uint(): number {
    return Number(this.#big());
  }

  #bigInt(): bigint {
    const value = this.#big();
    return value & 1n ? ~(value >> 1n) : value >> 1n;
  }

  #int(): number {
    return Number(this.#bigInt());
  }

  /** A length that the rest of the stream can hold. */
  #length(): number {
    const length = this.#uint();
    if (length > this.#bytes.length - this.#at) throw new DecodeError('a gob that ends too early');
    return length;
  }

  #take(): Buffer {
    const length = this.#length();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #text(): string {
    return this.#take().toString('utf8');
  }

  /** A value that is no part of another: all but structs have a zero before them. */
  #alone(type: number): Data {
    if (this.#types.get(type)?.kind !== 'struct' && this.#uint() !== 0)
      throw new DecodeError('a gob value that cannot be read');
    return this.#value(type);
  }

  #value(type: number): Data {
    if (++this.#values > VALUES_MAX) throw new DecodeError('more gob values than the bound');
    switch (type) {
      case BASIC.bool:
        return this.#uint() !== 0;
      case BASIC.int:
        return small(this.#bigInt());
      case BASIC.uint:
        return small(this.#big());
      case BASIC.float:
        return this.#float();
      case BASIC.complex:
        return [this.#float(), this.#float()];
      case BASIC.bytes:
        return this.#take();
      case BASIC.string:
        return textOf(this.#take());
      default:
        return this.#compound(type);
    }
  }

  /** Its bytes come the other way round, so that small ones are short. */
  #float(): number {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(this.#big());
    return bytes.readDoubleBE(0);
  }

  #compound(type: number): Data {
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('gob values deeper than the bound');
    const value = type === BASIC.interface ? this.#interface() : this.#described(type);
    this.#depth--;
    return value;
  }

  /** The name of the type inside, its number, the length of its value and the value. */
  #interface(): Data {
    const name = this.#text();
    if (name === '') return null;
    let type = this.#int();
    while (type < 0) {
      this.#describe(-type);
      this.#uint();
      type = this.#int();
    }
    this.#length();
    const value = this.#alone(type);
    // google/uuid, gofrs/uuid and satori's, whose MarshalBinary gives the bytes.
    return name.endsWith('/uuid.UUID') || name.endsWith('/go.uuid.UUID') ? uuidText(value) : value;
  }

  #described(id: number): Data {
    const type = this.#types.get(id);
    switch (type?.kind) {
      case 'opaque':
        return this.#take();
      case 'struct':
        return this.#struct(type.fields);
      case 'map': {
        const map = new Map<Data, Data>();
        for (let left = this.#length(); left > 0; left--) {
          const key = this.#value(type.key);
          map.set(key, this.#value(type.element));
        }
        return map;
      }
      case 'array':
      case 'slice':
        return Array.from({ length: this.#length() }, () => this.#value(type.element));
      default:
        throw new DecodeError('a gob value of a type that was not described');
    }
  }

  #struct(fields: readonly { readonly name: string; readonly type: number }[]): Data {
    const map = new Map<Data, Data>();
    for (const field of this.#fields()) {
      const known = fields[field];
      if (known === undefined) throw new DecodeError('a gob field that was not described');
      map.set(known.name, this.#value(known.type));
    }
    return map;
  }

  /** Numbers of the fields that are there; each is written as the distance to the one before, and 0 ends them. */
  *#fields(): Iterable<number> {
    let at = -1;
    for (let step = this.#uint(); step !== 0; step = this.#uint()) {
      at += step;
      yield at;
    }
  }

  /** A wireType: one of its fields says which kind of type it is (type.go, `wireType`). */
  #describe(id: number): void {
    if (this.#types.size >= TYPES_MAX) throw new DecodeError('more gob types than the bound');
    let type: GobType = { kind: 'opaque' };
    for (const field of this.#fields()) {
      if (field === 2) type = { kind: 'struct', fields: this.#structType() };
      else type = kindOf(field, this.#typeNumbers());
    }
    this.#types.set(id, type);
  }

  /** A description but a struct's: its common part, then numbers. */
  #typeNumbers(): number[] {
    const numbers: number[] = [];
    for (const field of this.#fields()) {
      if (field === 0) this.#common();
      else numbers[field] = this.#int();
    }
    return numbers;
  }

  #structType(): { name: string; type: number }[] {
    const fields: { name: string; type: number }[] = [];
    for (const part of this.#fields()) {
      if (part === 0) {
        this.#common();
        continue;
      }
      for (let left = this.#length(); left > 0; left--) {
        const described = { name: '', type: 0 };
        for (const field of this.#fields()) {
          if (field === 0) described.name = this.#text();
          else described.type = this.#int();
        }
        fields.push(described);
      }
    }
    return fields;
  }

  /** Name and number of a type. */
  #common(): void {
    for (const field of this.#fields()) {
      if (field === 0) this.#text();
      else this.#int();
    }
  }
}

/** By the field of wireType: array, slice, (struct), map, and three kinds with encoders of their own. */
function kindOf(field: number, numbers: readonly number[]): GobType {
  if (field === 0 || field === 1) return { kind: field === 0 ? 'array' : 'slice', element: numbers[1] ?? 0 };
  if (field === 3) return { kind: 'map', key: numbers[1] ?? 0, element: numbers[2] ?? 0 };
  if (field <= 6) return { kind: 'opaque' };
  throw new DecodeError('a gob type of an unknown kind');
}

function uuidText(value: Data): Data {
  if (!(value instanceof Uint8Array) || value.length !== 16) return value;
  return Buffer.from(value)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function small(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
