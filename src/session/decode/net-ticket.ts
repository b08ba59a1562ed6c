// What .NET's BinaryWriter wrote of a sign-in ticket, and what ASP.NET Core's session writes: their values, read as data.
import type { Data } from '../data.ts';
import { DecodeError } from './decode-error.ts';
import { phpText as textOf } from './php-serialize.ts';

const COUNT_MAX = 10_000;
/** Identities inside identities (actors). */
const DEPTH_MAX = 8;
/** A text that means the default (TicketSerializer.cs, `DefaultValues.DefaultStringPlaceholder`). */
const PLACEHOLDER = '\0';
const NAME_CLAIM = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name';

/**
 * A ticket's claims by the last word of their type and by the whole type, the first of each; and its properties. TicketSerializer.cs
 * format 5 and PropertiesSerializer.cs format 1. Throws DecodeError and nothing else.
 */
export function decodeNetTicket(bytes: Uint8Array): Data {
  const reader = new NetReader(bytes);
  if (reader.int32() !== 5) throw new DecodeError('a ticket of an unknown format');
  const scheme = reader.text();
  const claims = new Map<Data, Data>();
  for (let left = reader.count(); left > 0; left--) readIdentity(reader, claims, 0);
  const properties = new Map<Data, Data>();
  if (reader.int32() !== 1) throw new DecodeError('properties of an unknown format');
  for (let left = reader.count(); left > 0; left--) {
    const name = reader.text();
    properties.set(name, reader.text());
  }
  return new Map<Data, Data>([
    ['scheme', scheme],
    ['claims', claims],
    ['properties', properties],
  ]);
}

function readIdentity(reader: NetReader, claims: Map<Data, Data>, depth: number): void {
  if (depth > DEPTH_MAX) throw new DecodeError('identities deeper than the bound');
  reader.text();
  const nameType = reader.text();
  reader.text();
  for (let left = reader.count(); left > 0; left--) {
    const written = reader.text();
    const type = written === PLACEHOLDER ? (nameType === PLACEHOLDER ? NAME_CLAIM : nameType) : written;
    const value = reader.text();
    for (let i = 0; i < 3; i++) reader.text();
    for (let more = reader.count(); more > 0; more--) {
      reader.text();
      reader.text();
    }
    for (const name of [type, type.slice(type.lastIndexOf('/') + 1)]) {
      if (depth === 0 && !claims.has(name)) claims.set(name, value);
    }
  }
  if (reader.flag()) reader.text();
  if (reader.flag()) readIdentity(reader, claims, depth + 1);
}

/**
 * The values of a session by key: texts where they are UTF-8, else bytes (DistributedSession.cs, `Deserialize`, version 2). What is of
 * another version is an empty session, as it is there. Throws DecodeError and nothing else.
 */
export function decodeNetSession(bytes: Uint8Array): Data {
  if (bytes[0] !== 2) return new Map();
  const reader = new NetReader(bytes);
  const head = reader.take(20);
  const count = (head[1]! << 16) | (head[2]! << 8) | head[3]!;
  if (count > COUNT_MAX) throw new DecodeError('more values than the bound');
  const values = new Map<Data, Data>();
  for (let left = count; left > 0; left--) {
    const name = reader.take(reader.take(2).readUInt16BE(0)).toString('utf8');
    values.set(name, textOf(reader.take(reader.take(4).readInt32BE(0))));
  }
  return values;
}

class NetReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new DecodeError('.NET data that ends too early');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  int32(): number {
    return this.take(4).readInt32LE(0);
  }

  count(): number {
    const count = this.int32();
    if (count < 0 || count > COUNT_MAX) throw new DecodeError('a .NET count beyond the bound');
    return count;
  }

  flag(): boolean {
    return this.take(1)[0] !== 0;
  }

  /** Its length comes in sevens of bits, the lowest first. */
  text(): string {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 28) throw new DecodeError('a .NET length beyond the bound');
      const byte = this.take(1)[0]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.take(length).toString('utf8');
    }
  }
}
