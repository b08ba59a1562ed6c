// Bytes spoiled by seeded chance: what every decoder must take without anything but its own error.
import { DecodeError } from '../../../src/session/decode/decode-error.ts';

/** Small numbers from a seed; the same ones on every run. */
export function chance(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Runs `decode` over mutations of `good`; gives back how many were refused. Throws what is no DecodeError. */
export function refusedOfMutations(
  decode: (bytes: Uint8Array) => unknown,
  good: Uint8Array,
  rounds: number,
  seed = 4242,
): number {
  const below = chance(seed);
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    let bad = Buffer.from(good);
    for (let change = 0; change <= below(4); change++) bad[below(bad.length)] = below(256);
    if (below(8) === 0) bad = bad.subarray(0, below(bad.length));
    if (!decodes(decode, bad)) refused++;
  }
  return refused;
}

/** Whether `decode` takes `bytes`. Throws what is no DecodeError. */
export function decodes(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    decode(bytes);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** The lengths to which `good` may be cut and is still taken. */
export function takenWhenCut(decode: (bytes: Uint8Array) => unknown, good: Uint8Array): number[] {
  return Array.from(good, (_, length) => length).filter((length) =>
    decodes(decode, good.subarray(0, length)),
  );
}
