// Lost users find the same new home on every worker and replica, and spread by weight.
import t from 'tap';
import { Avoid, type Candidate } from '../../src/balance/balancer.ts';
import { rendezvous } from '../../src/balance/rendezvous.ts';
import { SeededRandom } from '../../src/base/random.ts';

const set = (...weights: number[]): Candidate[] =>
  weights.map((weight, i) => ({ slot: i + 3, weight, name: `10.0.0.${i}:80` }));

t.test('all requests of a user go to one upstream, in whatever order the upstreams are listed', async (t) => {
  const random = new SeededRandom(1);
  const forth = set(1, 2, 1, 1.5);
  const back = [...forth].reverse();
  for (let i = 0; i < 2000; i++) {
    const hi = random.below(0x7fffffff) * 2;
    const lo = random.below(0x7fffffff) - 0x40000000;
    const name = forth[rendezvous(hi, lo, forth, null)]!.name;
    if (name !== back[rendezvous(hi, lo, back, null)]!.name) t.fail(`${hi} ${lo}`);
    if (name !== forth[rendezvous(hi | 0, lo, forth, null)]!.name)
      t.fail('signed and unsigned halves are the same user');
  }
  t.pass('2000 users');
});

t.test('users spread by weight', async (t) => {
  const random = new SeededRandom(2);
  const candidates = set(1, 2, 5);
  const seen = [0, 0, 0];
  for (let i = 0; i < 50_000; i++) {
    seen[rendezvous(random.below(0x7fffffff), random.below(0x7fffffff), candidates, null)]!++;
  }
  seen.forEach((count, i) => {
    t.ok(Math.abs(count / 50_000 - candidates[i]!.weight / 8) < 0.01, `${seen}`);
  });
});

t.test('who is avoided gets nobody, and moves nobody else', async (t) => {
  const random = new SeededRandom(3);
  const candidates = set(1, 1, 1, 1);
  const avoid = new Avoid();
  avoid.add(candidates[1]!.slot);
  const heirs = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i++) {
    const key = random.below(0x7fffffff);
    const was = rendezvous(key, i, candidates, null);
    const is = rendezvous(key, i, candidates, avoid);
    if (was !== 1 && was !== is) t.fail('moved without need');
    if (was === 1) heirs[is]!++;
  }
  t.equal(heirs[1], 0);
  for (const i of [0, 2, 3]) t.ok(heirs[i]! > 1400 && heirs[i]! < 1950, `${heirs}`);
  for (const c of candidates) avoid.add(c.slot);
  t.equal(rendezvous(1, 2, candidates, avoid), -1);
});
