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

/** Judgements that `shrink` may take, and until when (ms as of performance.now). */
export interface ShrinkBounds {
  readonly tries: number;
  readonly untilMs: number;
}

/**
 * As `minimise`, for judgements that take their time: by the first of `splits` `bytes` are cut into pieces, of which all are taken away whose loss
 * leaves `isSame` true, then what is left by the next, so that whole messages go before single bytes are tried.
 */
export async function shrink(
  bytes: Buffer,
  splits: readonly ((bytes: Buffer) => Buffer[])[],
  isSame: (bytes: Buffer) => Promise<boolean>,
  bounds: ShrinkBounds,
): Promise<{ readonly bytes: Buffer; readonly tries: number }> {
  let least = bytes;
  let tries = 0;
  const mayTry = (): boolean => tries < bounds.tries && performance.now() < bounds.untilMs;
  for (const split of splits) {
    let pieces = split(least);
    for (let size = Math.ceil(pieces.length / 2); size > 0 && mayTry(); ) {
      let lost = false;
      for (let at = 0; at < pieces.length && mayTry(); tries++) {
        const fewer = [...pieces.slice(0, at), ...pieces.slice(at + size)];
        const shorter = Buffer.concat(fewer);
        if (shorter.length > 0 && (await isSame(shorter))) {
          pieces = fewer;
          least = shorter;
          lost = true;
        } else at += size;
      }
      // As above: until a round of single pieces takes none away.
      if (size === 1 && !lost) break;
      size = Math.max(1, Math.floor(size / 2));
    }
  }
  return { bytes: least, tries };
}

/** Lines with their ends. */
export function linesOf(bytes: Buffer): Buffer[] {
  return (bytes.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) =>
    Buffer.from(line, 'latin1'),
  );
}

export function bytesOf(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

/** What stands between offsets that rise. */
export function piecesOf(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const edges = [0, ...offsets.filter((offset) => offset > 0 && offset < bytes.length), bytes.length];
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
}
