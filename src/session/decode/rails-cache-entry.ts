// Values of Rails' cache out of their wrappings: Dalli's around them, and the three layouts that ActiveSupport has had.
import { Buffer } from 'node:buffer';
import type { Data } from '../data.ts';
import { DecodeError } from './decode-error.ts';
import { inflate } from './inflate.ts';
import { decodeMarshal, RubyObject } from './marshal.ts';

/** A cached value; `endsAtS`: unix seconds, null: it does not end. */
export interface CacheEntry {
  readonly value: Data;
  readonly endsAtS: number | null;
}

const FLAG_SERIALIZED = 1;
const FLAG_COMPRESSED = 2;

/**
 * What Dalli gives for a value of Memcached: dalli/protocol/value_serializer.rb and value_compressor.rb of Dalli 3. Bytes that were stored
 * as a Ruby string come back as bytes. Throws DecodeError.
 */
export function openDalli(bytes: Uint8Array, flags: number): Data {
  const packing = bytes[0] === 0x1f && bytes[1] === 0x8b ? 'gzip' : 'zlib';
  const plain = (flags & FLAG_COMPRESSED) === 0 ? bytes : inflate(packing, bytes);
  if ((flags & FLAG_SERIALIZED) === 0) return plain;
  const value = decodeMarshal(plain);
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}

/**
 * An entry of the cache. active_support/cache.rb: 6.1 writes Marshal of an Entry, whose value may be deflated Marshal; 7.0 a byte 00, or
 * 01 for deflated, and Marshal of [value, end, version]; 7.1 and later (cache/coder.rb) 00 11, a byte of the type, the end as a double, the
 * length of the version, the version and the value. Newer versions read what older ones wrote, so the bytes decide. Throws DecodeError.
 */
export function decodeCacheEntry(stored: Data): CacheEntry {
  if (!(stored instanceof Uint8Array)) return ofEntry(stored);
  if (stored[0] === 0x00 && stored[1] === 0x11) return ofSignature(Buffer.from(stored));
  if (stored[0] === 0x00) return ofPack(decodeMarshal(stored.subarray(1)));
  if (stored[0] === 0x01) return ofPack(decodeMarshal(inflate('zlib', stored.subarray(1))));
  return ofEntry(decodeMarshal(stored));
}

const VERSION_LENGTH_AT = 11;
const VERSION_AT = 15;
const TYPE_OBJECT = 0x01;
const TYPE_DEFLATED = 0x80;

function ofSignature(bytes: Buffer): CacheEntry {
  if (bytes.length < VERSION_AT) throw new DecodeError('a cache entry that was cut off');
  const type = bytes[2]!;
  const endsAtS = bytes.readDoubleLE(3);
  const payload = bytes.subarray(VERSION_AT + Math.max(bytes.readInt32LE(VERSION_LENGTH_AT), 0));
  if ((type & ~TYPE_DEFLATED) !== TYPE_OBJECT) throw new DecodeError('a cache entry that holds a text');
  const plain = (type & TYPE_DEFLATED) === 0 ? payload : inflate('zlib', payload);
  return { value: decodeMarshal(plain), endsAtS: endsAtS >= 0 ? endsAtS : null };
}

function ofPack(pack: Data): CacheEntry {
  if (!Array.isArray(pack) || pack.length === 0 || pack.length > 3)
    throw new DecodeError('a cache entry without a value');
  const [value, endsAtS = null] = pack as readonly Data[];
  if (endsAtS !== null && typeof endsAtS !== 'number')
    throw new DecodeError('a cache entry whose end is no time');
  return { value: value ?? null, endsAtS };
}

function ofEntry(entry: Data): CacheEntry {
  if (!(entry instanceof RubyObject) || entry.className !== 'ActiveSupport::Cache::Entry')
    throw new DecodeError('no cache entry');
  const held = entry.get('value') ?? null;
  const value = entry.get('compressed') === true ? decodeMarshal(inflate('zlib', bytesOf(held))) : held;
  const createdAtS = entry.get('created_at') ?? null;
  const livesS = entry.get('expires_in') ?? null;
  if (livesS === null) return { value, endsAtS: null };
  if (typeof livesS !== 'number' || typeof createdAtS !== 'number')
    throw new DecodeError('a cache entry whose end is no time');
  return { value, endsAtS: createdAtS + livesS };
}

/** The bytes of a Ruby string, which the decoder gives as a text where it is UTF-8. */
function bytesOf(value: Data): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw new DecodeError('a cache entry without bytes');
  return Buffer.from(value, 'utf8');
}
