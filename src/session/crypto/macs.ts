// Signatures compared in constant time: the one way a MAC is checked in this room.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** True when both are the same bytes. Takes the same time wherever they differ; a difference in length is no secret. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * True when both texts are the same, where one of them is of our own making. Compared as bytes of UTF-8: in latin1, what a client has percent-encoded
 * would pass for the character that its low byte is.
 */
export function sameText(a: string, b: string): boolean {
  return sameBytes(Buffer.from(a), Buffer.from(b));
}

/** HMAC of `data`; texts are UTF-8. */
export function hmac(algorithm: string, key: string | Uint8Array, data: string | Uint8Array): Buffer {
  return createHmac(algorithm, key).update(data).digest();
}
