// What PHP's igbinary extension writes, versions 1 and 2, as data: nothing is instantiated.
import type { Data } from '../data.ts';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';
import { phpText, propertyName } from './php-serialize.ts';

const DEPTH_MAX = 64;
const VALUES_MAX = 100_000;

/** Kinds by their first byte (igbinary 3.2, src/php7/igbinary.c, `enum igbinary_type`). Those that come in sizes go up by one. */
const T = {
  null: 0x00,
  ref: 0x01,
  false: 0x04,
  true: 0x05,
  long: 0x06,
  double: 0x0c,
  empty: 0x0d,
  stringId: 0x0e,
  string: 0x11,
  array: 0x14,
  object: 0x17,
  objectId: 0x1a,
  serialized: 0x1d,
  long64: 0x20,
  objectRef: 0x22,
  marked: 0x25,
  string64: 0x26,
  enumCase: 0x27,
} as const;

/** The one value that `bytes` hold. Bounds: 1 MiB, depth 64, 100,000 values. Throws DecodeError and nothing else. */
export function decodeIgbinary(bytes: Uint8Array): Data {
  if (bytes.length > STORED_BYTES_MAX) throw new DecodeError('igbinary longer than the bound');
  try {
    return new IgbinaryReader(bytes).whole();
  } catch (error) {
    // Reading beyond the end of a buffer.
    if (error instanceof RangeError) throw new DecodeError('igbinary that ends too early');
    throw error;
  }
}

class IgbinaryReader {
  readonly #bytes: Buffer;
  #at = 0;
  #depth = 0;
  #values = 0;
  /** Texts met so far, which later ones are written as numbers of. */
  readonly #strings: (string | Uint8Array)[] = [];
  /** Arrays, objects and what was marked as referenced, in order (`igbinary_serialize_array_ref` counts all arrays, an object's own aside). */
  readonly #references: Data[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  whole(): Data {
    const version = this.#number(4);
    if (version !== 1 && version !== 2) throw new DecodeError('igbinary of an unknown version');
    const value = this.#value(false);
    if (this.#at !== this.#bytes.length) throw new DecodeError('igbinary with more behind its end');
    return value;
  }

  #number(size: number): number {
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  /** 1, 2 or 4 bytes long, by how far `type` is above the first of its kind. */
  #sized(type: number, first: number): number {
    return this.#number(1 << (type - first));
  }

  #value(marked: boolean): Data {
    if (++this.#values > VALUES_MAX) throw new DecodeError('more igbinary values than the bound');
    const type = this.#number(1);
    // Marked once only: a chain of marks would be a depth of its own.
    if (type === T.marked && !marked) return this.#value(true);
    if (type >= T.array && type < T.array + 3) return this.#array(this.#sized(type, T.array));
    if (type >= T.object && type < T.object + 3) {
      this.#string(this.#sized(type, T.object));
      return this.#object();
    }
    if (type >= T.objectId && type < T.objectId + 3) {
      this.#known(this.#sized(type, T.objectId));
      return this.#object();
    }
    if (type >= T.ref && type < T.ref + 3) return this.#referred(this.#sized(type, T.ref));
    if (type >= T.objectRef && type < T.objectRef + 3) return this.#referred(this.#sized(type, T.objectRef));
    const scalar = this.#scalar(type);
    if (marked) this.#references.push(scalar);
    return scalar;
  }

  #scalar(type: number): Data {
    switch (type) {
      case T.null:
        return null;
      case T.false:
        return false;
      case T.true:
        return true;
      case T.double: {
        const value = this.#bytes.readDoubleBE(this.#at);
        this.#at += 8;
        return value;
      }
      default:
        return this.#key(type);
    }
  }

  /** What keys may be as well: integers and texts. */
  #key(type: number): string | Uint8Array | number | bigint {
    if (type >= T.long && type < T.double) {
      const size = 1 << ((type - T.long) >> 1);
      const value = this.#number(size);
      return (type - T.long) % 2 === 0 ? value : -value;
    }
    if (type === T.long64 || type === T.long64 + 1) {
      const value = this.#bytes.readBigUInt64BE(this.#at) * (type === T.long64 ? 1n : -1n);
      this.#at += 8;
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    }
    if (type === T.empty) return '';
    if (type >= T.stringId && type < T.stringId + 3) return this.#known(this.#sized(type, T.stringId));
    if (type >= T.string && type < T.string + 3) return this.#string(this.#sized(type, T.string));
    throw new DecodeError('an igbinary value of no known type');
  }

  #string(length: number): string | Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DecodeError('igbinary that ends too early');
    const text = phpText(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    this.#strings.push(text);
    return text;
  }

  #known(index: number): string | Uint8Array {
    const text = this.#strings[index];
    if (text === undefined) throw new DecodeError('an igbinary text that was not written');
    return text;
  }

  #referred(index: number): Data {
    const value = this.#references[index];
    if (value === undefined) throw new DecodeError('an igbinary reference to nothing');
    return value;
  }

  #array(count: number): Data {
    const map = new Map<Data, Data>();
    this.#references.push(map);
    return this.#fill(map, count, false);
  }

  /** Behind the name of a class: its properties, or bytes that only the class can read; of an enumeration, the name of a case. */
  #object(): Data {
    const type = this.#number(1);
    if (type === T.enumCase) {
      const name = this.#key(this.#number(1));
      this.#references.push(name);
      return name;
    }
    if (type >= T.serialized && type < T.serialized + 3) {
      const end = this.#at + this.#sized(type, T.serialized);
      if (end > this.#bytes.length) throw new DecodeError('igbinary that ends too early');
      const content = this.#bytes.subarray(this.#at, end);
      this.#at = end;
      this.#references.push(content);
      return content;
    }
    if (type < T.array || type >= T.array + 3) throw new DecodeError('an igbinary object without properties');
    const map = new Map<Data, Data>();
    this.#references.push(map);
    return this.#fill(map, this.#sized(type, T.array), true);
  }

  #fill(map: Map<Data, Data>, count: number, isObject: boolean): Data {
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('igbinary deeper than the bound');
    for (let i = 0; i < count; i++) {
      const written = this.#key(this.#number(1));
      const key = typeof written === 'object' ? Buffer.from(written).toString('latin1') : written;
      map.set(isObject ? propertyName(key) : key, this.#value(false));
    }
    this.#depth--;
    return map;
  }
}
