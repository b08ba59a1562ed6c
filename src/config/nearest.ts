// Finds the known word nearest to a mistyped one, so that an error can say what was probably meant.

/**
 * The word of `known` with the fewest edits from `word` (insertion, deletion, replacement, swap of neighbours: Damerau's
 * optimal string alignment distance, 1964), without regard to case. Null when more than a third of it would have to change,
 * since a far-fetched guess is worse than none.
 */
export function nearest(word: string, known: Iterable<string>): string | null {
  const wanted = plain(word);
  // A word this long is no slip of the finger, and the table of distances grows with its square.
  if (wanted.length > 60) return null;
  let best: string | null = null;
  let bestEdits = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const edits = distance(wanted, plain(candidate));
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** `max_connections`, `max-connections` and `maxConnections` are one word to a person. */
function plain(word: string): string {
  return word.toLowerCase().replace(/[-_ ]/g, '');
}

function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1);
      }
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
