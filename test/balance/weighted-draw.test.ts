// Draws follow the weights, and every pair is as likely as every other.
import t from 'tap';
import { WeightedDraw } from '../../src/balance/weighted-draw.ts';
import { SeededRandom } from '../../src/base/random.ts';

const set = (...weights: number[]) => weights.map((weight, i) => ({ slot: i * 2, weight, name: `u${i}` }));

t.test('single draws follow the weights', async (t) => {
  for (const weights of [[1, 1, 1], [5, 1, 3, 0.25], [1000, 1], [1]]) {
    const draw = new WeightedDraw(set(...weights), new SeededRandom(1));
    const sum = weights.reduce((a, b) => a + b, 0);
    const seen = weights.map(() => 0);
    for (let i = 0; i < 100_000; i++) seen[draw.one(null)]!++;
    seen.forEach((count, i) => {
      t.ok(Math.abs(count / 100_000 - weights[i]! / sum) < 0.006, `${weights}: ${seen}`);
    });
  }
});

t.test('with equal weights every ordered pair is as likely as every other', async (t) => {
  const n = 6;
  const draw = new WeightedDraw(set(...new Array<number>(n).fill(2)), new SeededRandom(5));
  const rounds = 300_000;
  const seen = new Int32Array(n * n);
  for (let i = 0; i < rounds; i++) {
    const first = draw.one(null);
    seen[first * n + draw.other(first, null)]!++;
  }
  const fair = rounds / (n * (n - 1));
  let chiSquare = 0;
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      const count = seen[a * n + b]!;
      if (a === b) t.equal(count, 0, 'never the same twice');
      else chiSquare += (count - fair) ** 2 / fair;
    }
  }
  // 29 degrees of freedom: 58.3 is passed once in a thousand times by fair draws.
  t.ok(chiSquare < 58.3, `chi square ${chiSquare}`);
});
