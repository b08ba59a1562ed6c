// The order in which weighted upstreams take turns, worked out once, so that a turn is one look-up.

/** Turns in a rotation at most, while a pool has fewer than 256 upstreams: shares are then right to 1/2048. */
const TURNS_MAX = 2048;
/** Turns per upstream in a larger pool, at most. */
const TURNS_PER_UPSTREAM = 8;
/** Effective weights come in steps of 1/256 (slow start). */
const WEIGHT_STEPS = 256;

/**
 * Smooth weighted round robin, as nginx introduced it (commit 52327e0627f4, 2012): at each turn every upstream earns its
 * weight, the richest is taken and pays the sum of all weights. Weights 5, 1, 1 give a a b a c a a, never a a a a a b c.
 * The order repeats after (sum of weights / their greatest common divisor) turns and is written down for one period;
 * where that is longer than the bound, weights are scaled down, each to one turn at least.
 *
 * The same weights in the same order give the same rotation in every worker.
 * Returns positions into `weights` (each > 0, at least one). Costs turns x upstreams, once per change of the set.
 */
export function smoothRotation(weights: readonly number[]): Int32Array {
  const turns = turnsOf(weights);
  const n = turns.length;
  let total = 0;
  for (let i = 0; i < n; i++) total += turns[i]!;
  const credit = new Int32Array(n);
  const rotation = new Int32Array(total);
  for (let turn = 0; turn < total; turn++) {
    let richest = 0;
    for (let i = 0; i < n; i++) {
      credit[i]! += turns[i]!;
      if (credit[i]! > credit[richest]!) richest = i;
    }
    credit[richest]! -= total;
    rotation[turn] = richest;
  }
  return rotation;
}

/** Turns per upstream in one period. */
function turnsOf(weights: readonly number[]): Int32Array {
  const steps = weights.map((w) => Math.max(1, Math.round(w * WEIGHT_STEPS)));
  const divisor = steps.reduce(greatestCommonDivisor);
  const sum = steps.reduce((a, b) => a + b, 0) / divisor;
  const bound = Math.max(TURNS_MAX, weights.length * TURNS_PER_UPSTREAM);
  const scale = sum <= bound ? 1 / divisor : bound / (sum * divisor);
  return Int32Array.from(steps, (s) => Math.max(1, Math.round(s * scale)));
}

function greatestCommonDivisor(a: number, b: number): number {
  let x = a;
  let y = b;
  while (y !== 0) {
    const rest = x % y;
    x = y;
    y = rest;
  }
  return x;
}
