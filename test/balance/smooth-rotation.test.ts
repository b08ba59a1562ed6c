// The rotation is smooth, exact where it can be, and bounded.
import t from 'tap';
import { smoothRotation } from '../../src/balance/smooth-rotation.ts';

const counts = (rotation: Int32Array, n: number) =>
  Array.from({ length: n }, (_, i) => rotation.filter((p) => p === i).length);

t.test('weights 5, 1, 1 give a a b a c a a', async (t) => {
  t.same([...smoothRotation([5, 1, 1])], [0, 0, 1, 0, 2, 0, 0]);
});

t.test('equal weights take turns, whatever they are', async (t) => {
  for (const w of [1, 7, 0.5, 1000]) t.same([...smoothRotation([w, w, w])], [0, 1, 2]);
});

t.test('no upstream waits much longer than its weight says', async (t) => {
  const rotation = smoothRotation([8, 3, 2, 1]);
  const last = [-1, -1, -1, -1];
  for (let turn = 0; turn < rotation.length * 2; turn++) {
    const position = rotation[turn % rotation.length]!;
    const gap = turn - last[position]!;
    const fair = 14 / [8, 3, 2, 1][position]!;
    if (gap > fair * 2) t.fail(`${position} waited ${gap} turns, fair is ${fair}`);
    last[position] = turn;
  }
  t.same(counts(rotation, 4), [8, 3, 2, 1]);
});

t.test('large weights that share no divisor are scaled into the bound, the least to one turn', async (t) => {
  const rotation = smoothRotation([99_991, 50_021, 1]);
  t.ok(rotation.length <= 2049, `${rotation.length}`);
  const [a, b, c] = counts(rotation, 3);
  t.ok(Math.abs(a! / b! - 99_991 / 50_021) < 0.01);
  t.equal(c, 1);
});

t.test('a thousand upstreams of odd weights keep their shares', async (t) => {
  const weights = Array.from({ length: 1000 }, (_, i) => 1 + (i % 7) / 3);
  const rotation = smoothRotation(weights);
  const sum = weights.reduce((a, b) => a + b, 0);
  t.ok(rotation.length <= 8500, `${rotation.length}`);
  counts(rotation, 1000).forEach((count, i) => {
    const fair = (weights[i]! / sum) * rotation.length;
    if (Math.abs(count - fair) > 1) t.fail(`${i}: ${count} of ${fair}`);
  });
});
