// MessagePack read by its library, after a scan that holds it to the bounds of a session.
import { decode } from '@msgpack/msgpack';
import type { Data } from '../data.ts';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';

const VALUES_MAX = 100_000;
const DEPTH_MAX = 64;

/**
 * The one value that `bytes` hold. Integers beyond 2^53 are bigints, maps are objects; keys other than text and numbers, and the key
 * `__proto__`, are refused; `nilKey`: what the key nil is read as, where it may be one. Bounds: STORED_BYTES_MAX bytes, 100,000 values, depth 64. Throws DecodeError and nothing else.
 */
export function decodeMsgpack(bytes: Uint8Array, nilKey?: string): Data {
  if (bytes.length > STORED_BYTES_MAX) throw new DecodeError('MessagePack longer than the bound');
  // Because the library makes room for as many items as a head announces, the announcements are checked against what is there first.
  scan(bytes);
  try {
    // Data is what MessagePack can hold, but for timestamps (Date) and unknown extensions, which `plain` makes of it.
    return plain(decode(bytes, { useBigInt64: true, mapKeyConverter: (key) => keyOf(key, nilKey) }));
  } catch {
    throw new DecodeError('MessagePack that cannot be read');
  }
}

function keyOf(key: unknown, nilKey: string | undefined): string | number {
  if (typeof key === 'string' || typeof key === 'number') return key;
  if (key === null && nilKey !== undefined) return nilKey;
  throw new DecodeError('MessagePack with a key that is no text and no number');
}

/** Safe to recurse: the scan has bounded the depth. */
function plain(value: unknown): Data {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== 'object' || value === null) return value as null | boolean | number | string;
  if (value instanceof Uint8Array) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  const made: { [key: string]: Data } = Object.create(null);
  for (const [key, part] of Object.entries(value)) made[key] = plain(part);
  return made;
}

/** Walks the heads without making anything. */
function scan(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Values still to come, a level each. */
  const open: number[] = [1];
  let at = 0;
  let values = 0;
  while (open.length > 0) {
    const level = open.length - 1;
    if (open[level] === 0) {
      open.pop();
      continue;
    }
    open[level]!--;
    if (at >= bytes.length) throw new DecodeError('MessagePack that ends too early');
    if (++values > VALUES_MAX) throw new DecodeError('MessagePack of more values than the bound');
    const head = bytes[at]!;
    const room = headRoom(head);
    if (at + 1 + room > bytes.length) throw new DecodeError('MessagePack that ends too early');
    const { inside, skip } = content(view, at, head);
    at += 1 + room + skip;
    if (inside === 0) continue;
    if (inside > bytes.length - at) throw new DecodeError('MessagePack that announces more than it has');
    // Containers only: a map has two values an entry.
    if (open.push(inside) > DEPTH_MAX + 1) throw new DecodeError('MessagePack deeper than the bound');
  }
  if (at !== bytes.length) throw new DecodeError('MessagePack with more behind its end');
}

/** Bytes between the head and the content: lengths. */
function headRoom(head: number): number {
  if (head === 0xc4 || head === 0xc7 || head === 0xd9) return 1;
  if (head === 0xc5 || head === 0xc8 || head === 0xda || head === 0xdc || head === 0xde) return 2;
  if (head === 0xc6 || head === 0xc9 || head === 0xdb || head === 0xdd || head === 0xdf) return 4;
  return 0;
}

/** Sizes of the numbers and fixed extensions from 0xca to 0xd8, by head. */
const FIXED = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17] as const;

function content(
  view: DataView,
  at: number,
  head: number,
): { readonly inside: number; readonly skip: number } {
  if (head < 0x80 || head >= 0xe0) return { inside: 0, skip: 0 };
  if (head < 0x90) return { inside: (head & 15) * 2, skip: 0 };
  if (head < 0xa0) return { inside: head & 15, skip: 0 };
  if (head < 0xc0) return { inside: 0, skip: head & 31 };
  if (head === 0xc1) throw new DecodeError('MessagePack with a head that does not exist');
  if (head < 0xc4) return { inside: 0, skip: 0 };
  if (head >= 0xca && head <= 0xd8) return { inside: 0, skip: FIXED[head - 0xca]! };
  const room = headRoom(head);
  const length =
    room === 1 ? view.getUint8(at + 1) : room === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1);
  if (head >= 0xde) return { inside: length * 2, skip: 0 };
  if (head >= 0xdc) return { inside: length, skip: 0 };
  // An extension has a byte for its type as well.
  return { inside: 0, skip: head >= 0xc7 && head <= 0xc9 ? length + 1 : length };
}
