// Non-cryptographic 32-bit hashes for tables, rings and rendezvous weights.

/** FNV-1a over `bytes[start, end)` (Fowler, Noll, Vo; RFC 9923), then a murmur3 finaliser so that near keys spread. Unsigned 32 bits. */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  return mix(h);
}

/** The same over a string's latin1 bytes. */
export function hashString(text: string, seed = 0): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ (text.charCodeAt(i) & 0xff), 0x01000193);
  return mix(h);
}

/** murmur3's 32-bit finaliser (Appleby 2008): every input bit changes every output bit about half of the time. Unsigned. */
export function mix(h: number): number {
  return mixSigned(h) >>> 0;
}

/** The same as a signed number: V8 keeps signed 32 bits in a register, and may box what is above 2^31. For hot paths. */
export function mixSigned(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
