// Memcached's binary protocol (doc/protocol-binary.txt of memcached 1.6), spoken where there are credentials: SASL is part of it alone.
import { STORED_BYTES_MAX } from '../store.ts';
import { Garbage, type MemcachedProtocol, type Parsed } from './memcached-reply.ts';

const HEADER_BYTES = 24;
const GET = 0x00;
const VERSION = 0x0b;
const AUTH = 0x21;
const NOT_FOUND = 0x01;
const AUTH_ERROR = 0x20;

export class BinaryProtocol implements MemcachedProtocol {
  readonly greetings: readonly Uint8Array[];
  readonly version = question(VERSION, '', '');

  constructor(username: string, password: string) {
    this.greetings = [question(AUTH, 'PLAIN', `\0${username}\0${password}`)];
  }

  greeted(): void {}

  get(key: string): Uint8Array {
    return question(GET, key, '');
  }

  parse(bytes: Buffer): Parsed {
    if (bytes.length > 0 && bytes[0] !== 0x81) throw new Garbage('no answer of the binary protocol');
    if (bytes.length < HEADER_BYTES) return { reply: null, need: HEADER_BYTES };
    const opcode = bytes[1]!;
    const status = bytes.readUInt16BE(6);
    const bodyStart = HEADER_BYTES + bytes[4]! + bytes.readUInt16BE(2);
    const used = HEADER_BYTES + bytes.readUInt32BE(8);
    if (used < bodyStart) throw new Garbage('a body that is shorter than its parts');
    if (used - bodyStart > STORED_BYTES_MAX) return { reply: { kind: 'long' }, used };
    if (bytes.length < used) return { reply: null, need: used };
    if (status === NOT_FOUND) return { reply: { kind: 'none' }, used };
    if (status !== 0) {
      const why = status === AUTH_ERROR ? 'user or password is wrong' : `status ${status}`;
      return { reply: { kind: 'refused', why }, used };
    }
    const body = bytes.subarray(bodyStart, used);
    if (opcode === AUTH) return { reply: { kind: 'known' }, used };
    if (opcode === VERSION) return { reply: { kind: 'version', text: body.toString('latin1') }, used };
    if (opcode !== GET) throw new Garbage('an answer to nothing that was asked');
    const flags = bytes[4]! >= 4 ? bytes.readUInt32BE(HEADER_BYTES) : 0;
    return { reply: { kind: 'value', bytes: Buffer.from(body), flags, ttlS: null }, used };
  }
}

function question(opcode: number, key: string, value: string): Uint8Array {
  const body = Buffer.from(key + value);
  const head = Buffer.alloc(HEADER_BYTES);
  head[0] = 0x80;
  head[1] = opcode;
  head.writeUInt16BE(Buffer.byteLength(key), 2);
  head.writeUInt32BE(body.length, 8);
  return Buffer.concat([head, body]);
}
