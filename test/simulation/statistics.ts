// Means, percentiles and shares of what a simulation saw.

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

export function largest(values: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!);
  return most;
}

/** The value that `share` (0 … 1) of them do not pass (nearest rank). */
export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** Complementary distribution: [value, share above it] at up to `points` places, denser towards the tail. */
export function tail(values: ArrayLike<number>, points = 80): [number, number][] {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const seen: [number, number][] = [];
  for (let i = 0; i < points; i++) {
    const share = n ** (-i / (points - 1));
    const at = Math.min(n - 1, Math.max(0, Math.ceil((1 - share) * n)));
    seen.push([sorted[at]!, Math.max(share, 1 / n)]);
  }
  return seen;
}
