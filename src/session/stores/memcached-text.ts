// Memcached's text protocol (doc/protocol.txt of memcached 1.6): its meta commands tell the remaining time, `get` does where they are missing.
import { STORED_BYTES_MAX } from '../store.ts';
import { Garbage, type MemcachedProtocol, type MemcachedReply, type Parsed } from './memcached-reply.ts';

/** Longest first line of an answer: VALUE, a key of 250 bytes, three numbers. */
const LINE_MAX = 512;
const VERSION = Buffer.from('version\r\n');

export class TextProtocol implements MemcachedProtocol {
  readonly greetings = [VERSION];
  readonly version = VERSION;
  /** Meta commands came with 1.6; what does not name itself so, such as a proxy, is asked in the old words. */
  #meta = false;

  greeted(reply: MemcachedReply): void {
    this.#meta = reply.kind === 'version' && /^1\.([6-9]|\d\d)/.test(reply.text);
  }

  get(key: string): Uint8Array {
    return Buffer.from(this.#meta ? `mg ${key} t f v\r\n` : `get ${key}\r\n`);
  }

  parse(bytes: Buffer): Parsed {
    const end = bytes.indexOf('\r\n');
    if (end < 0) {
      if (bytes.length > LINE_MAX) throw new Garbage('a line without an end');
      return { reply: null, need: bytes.length + 1 };
    }
    if (end > LINE_MAX) throw new Garbage('a line that is too long');
    const line = bytes.toString('latin1', 0, end);
    const used = end + 2;
    if (line === 'EN' || line === 'END') return { reply: { kind: 'none' }, used };
    const meta = /^VA (\d{1,10})((?: [a-zA-Z]\S*)*)$/.exec(line);
    if (meta !== null) {
      const ttl = / t(\d{1,10})(?: |$)/.exec(meta[2]!)?.[1];
      const flags = / f(\d{1,10})(?: |$)/.exec(meta[2]!)?.[1];
      return value(
        bytes,
        used,
        Number(meta[1]),
        Number(flags ?? 0),
        ttl === undefined ? null : Number(ttl),
        '',
      );
    }
    const old = /^VALUE \S+ (\d{1,10}) (\d{1,10})(?: \d+)?$/.exec(line);
    if (old !== null) return value(bytes, used, Number(old[2]), Number(old[1]), null, 'END\r\n');
    if (line.startsWith('VERSION ')) return { reply: { kind: 'version', text: line.slice(8) }, used };
    const refused = /^(ERROR|CLIENT_ERROR|SERVER_ERROR)(?: |$)/.exec(line);
    if (refused !== null) return { reply: { kind: 'refused', why: refused[1]! }, used };
    throw new Garbage('a line that is none of its words');
  }
}

function value(
  bytes: Buffer,
  start: number,
  length: number,
  flags: number,
  ttlS: number | null,
  after: string,
): Parsed {
  const end = start + length;
  const used = end + 2 + after.length;
  if (length > STORED_BYTES_MAX) return { reply: { kind: 'long' }, used };
  if (bytes.length < used) return { reply: null, need: used };
  if (bytes.toString('latin1', end, used) !== `\r\n${after}`) throw new Garbage('a value without its end');
  // Copied, so that a small value does not keep a large read buffer.
  return { reply: { kind: 'value', bytes: Buffer.from(bytes.subarray(start, end)), flags, ttlS }, used };
}
