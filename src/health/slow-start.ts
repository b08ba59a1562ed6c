// An upstream that has just come back is given its users little by little, while its caches and compilers warm up.

/** Steps of the ramp. Each is a rebuild of the balancers, so there are few; each adds no more than a tenth of the weight. */
const STEPS = 10;

/**
 * Share of its weight that an upstream gets `upForMs` after it came up: from a tenth, in ten even steps, to all of it at
 * `slowStartMs`. 1 when there is no slow start (0).
 */
export function slowStartShare(upForMs: number, slowStartMs: number): number {
  if (slowStartMs <= 0 || upForMs >= slowStartMs) return 1;
  const step = Math.floor((Math.max(0, upForMs) / slowStartMs) * STEPS);
  return Math.min(STEPS, step + 1) / STEPS;
}
