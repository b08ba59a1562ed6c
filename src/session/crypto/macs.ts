// Signatures compared in constant time: the one way a MAC is checked in this room.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** True when both are the same bytes. Takes the same time wherever they differ; a difference in length is no secret. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** True when both texts are the same, compared as bytes of latin1 after a look at their lengths. */
export function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));
}

/** HMAC of `data`; texts are UTF-8. */
export function hmac(algorithm: string, key: string | Uint8Array, data: string | Uint8Array): Buffer {
  return createHmac(algorithm, key).update(data).digest();
}
