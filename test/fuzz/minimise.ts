// Makes a finding as short as it can be while it stays the same finding.

/** Judgements that minimising may take. */
const TRIES_MAX = 20_000;

/**
 * `bytes` without every piece whose loss leaves `isSame` true: halves first, then ever smaller pieces, down to single bytes
 * (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
 */
export function minimise(bytes: Buffer, isSame: (bytes: Buffer) => boolean): Buffer {
  let least = bytes;
  let tries = 0;
  for (let size = Math.ceil(bytes.length / 2); size > 0; ) {
    let lost = false;
    for (let at = 0; at < least.length && tries < TRIES_MAX; tries++) {
      const shorter = Buffer.concat([least.subarray(0, at), least.subarray(at + size)]);
      if (shorter.length > 0 && isSame(shorter)) {
        least = shorter;
        lost = true;
      } else at += size;
    }
    // A round of single bytes that took some away may have made others superfluous.
    if (size === 1 && !lost) break;
    size = lost && size === 1 ? 1 : Math.floor(size / 2);
    if (tries >= TRIES_MAX) break;
  }
  return least;
}
