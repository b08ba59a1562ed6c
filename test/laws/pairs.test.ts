// Balancers that compare two draw every pair as often as every other, also while some upstreams are down.
import t from 'tap';
import type { LoadColumns } from '../../src/balance/balancer.ts';
import { BALANCER_KINDS } from '../../src/balance/kinds.ts';
import { KINDS, SimulatedPool, upstreams } from './simulated-pool.ts';

const PICKS = 100_000;

/** Slots whose load was read since `read` was last emptied. */
function watched(load: LoadColumns): { readonly load: LoadColumns; readonly read: Set<number> } {
  const read = new Set<number>();
  const inFlight = new Proxy(load.inFlight, {
    get(column, at) {
      if (typeof at === 'string' && /^\d+$/.test(at)) read.add(Number(at));
      return Reflect.get(column, at);
    },
  });
  return { load: { ...load, inFlight }, read };
}

/** By pair of positions: how many of the picks compared it. Null: some pick looked at more or fewer than two. */
function comparisons(kind: (typeof KINDS)[number], weights: readonly number[]): number[][] | null {
  const pool = new SimulatedPool(kind, upstreams(...weights), 17);
  // Nobody is idle: who is takes a request without a comparison.
  pool.input.load.inFlight.fill(1);
  const { load, read } = watched(pool.input.load);
  const balancer = BALANCER_KINDS[kind].build({ ...pool.input, load }, { kind, hash: null, hashLoad: 1.25 });
  const positions = new Map(pool.candidates.map((c, position) => [c.slot, position]));
  const seen = pool.candidates.map(() => new Array<number>(pool.candidates.length).fill(0));
  // What is usual has to be learnt first.
  for (let i = 0; i < 1000; i++) balancer.pick(pool.key(), null);
  for (let i = 0; i < PICKS; i++) {
    read.clear();
    balancer.pick(pool.key(), null);
    if (read.size !== 2) return null;
    const [a, b] = [...read].map((slot) => positions.get(slot)!).sort((x, y) => x - y);
    seen[a!]![b!]!++;
  }
  return seen;
}

const COMPARING = KINDS.filter((kind) => comparisons(kind, [1, 1, 1, 1]) !== null);

t.test('the balancers of two choices are those that are meant to be', async (t) => {
  t.same(COMPARING, ['peak-ewma', 'random']);
});

for (const kind of COMPARING) {
  t.test(`${kind}: every pair is compared as often as every other, while some are down`, async (t) => {
    const seen = comparisons(kind, [1, -1, 1, 1, -1, 1, 1, 1, 1])!;
    const n = seen.length;
    const fair = PICKS / ((n * (n - 1)) / 2);
    let chiSquare = 0;
    for (let a = 0; a < n; a++) {
      for (let b = a + 1; b < n; b++) chiSquare += (seen[a]![b]! - fair) ** 2 / fair;
    }
    // 21 pairs, 20 degrees of freedom: fair draws pass 45.3 once in a thousand times.
    t.equal(n, 7);
    t.ok(chiSquare < 45.3, `chi square ${chiSquare}`);
  });

  t.test(`${kind}: by weight, each side of a pair is drawn as often as its weight says`, async (t) => {
    const weights = [3, -2, 1, 2, -5, 2];
    const seen = comparisons(kind, weights)!;
    const up = weights.filter((w) => w > 0);
    const sum = up.reduce((a, b) => a + b, 0);
    for (let a = 0; a < up.length; a++) {
      for (let b = a + 1; b < up.length; b++) {
        // One first, then the other by its share of what is left; or the other way round.
        const [p, q] = [up[a]! / sum, up[b]! / sum];
        const fair = (p * q) / (1 - p) + (p * q) / (1 - q);
        const share = seen[a]![b]! / PICKS;
        t.ok(Math.abs(share - fair) < 0.006, `${a} and ${b}: ${share} of ${fair}`);
      }
    }
  });
}
