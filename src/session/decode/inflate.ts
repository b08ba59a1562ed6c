// Compressed sessions made plain again, never longer than a stored session may be.
import type { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';

/** How the bytes were packed. `zlib` is the format of RFC 1950, `deflate-raw` that of RFC 1951 alone. */
export type Packing = 'zlib' | 'gzip' | 'deflate-raw' | 'zstd';

const BOUND = { maxOutputLength: STORED_BYTES_MAX } as const;

/** Whether this Node can read `packing`: Zstandard came with 22.15. */
export function canInflate(packing: Packing): boolean {
  return packing !== 'zstd' || typeof zlib.zstdDecompressSync === 'function';
}

/** The plain bytes, at most STORED_BYTES_MAX; else DecodeError. Synchronous: a session is a few hundred bytes. */
export function inflate(packing: Packing, bytes: Uint8Array): Buffer {
  try {
    if (packing === 'zlib') return zlib.inflateSync(bytes, BOUND);
    if (packing === 'gzip') return zlib.gunzipSync(bytes, BOUND);
    if (packing === 'zstd') return zlib.zstdDecompressSync(bytes, BOUND);
    return zlib.inflateRawSync(bytes, BOUND);
  } catch {
    throw new DecodeError('compressed data that cannot be read, or more than the bound');
  }
}
