// Lost sessions are told apart by the two upstreams, and by no more pairs of them than there is room for.
import t from 'tap';
import { MetricBook } from '../../src/observe/metric-book.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { PlaneMetrics } from '../../src/proxy/plane-metrics.ts';

t.test('resets of many pairs are counted together as other', async (t) => {
  const told: Readonly<Record<string, string>>[] = [];
  const capacity = 4096;
  const buffer = new SharedArrayBuffer(capacity * 8);
  const book = new MetricBook({ buffer, capacity, edition: 1 }, ({ name, labels }) => {
    if (name === 'limpet_session_resets_total') told.push(labels);
  });
  const metrics = new PlaneMetrics(book, [], []);
  // All that is read of a pool here.
  const pool = { name: 'shop' } as unknown as Pool;
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 300; i++) metrics.sessionReset(pool, `a${i}`, 'b', true);
  metrics.sessionReset(pool, 'a0', 'b', false);
  t.equal(told.length, 256 + 1 + 1);
  t.same(told[0], { pool: 'shop', from: 'a0', to: 'b', cause: 'moved' });
  const count = (labels: Readonly<Record<string, string>>): number =>
    book.values[book.counter('limpet_session_resets_total', labels)]!;
  t.equal(count({ pool: 'shop', from: 'a0', to: 'b', cause: 'moved' }), 2);
  t.equal(count({ pool: 'shop', from: 'a0', to: 'b', cause: 'same' }), 1);
  t.equal(count({ pool: 'shop', from: 'other', to: 'other', cause: 'moved' }), 2 * (300 - 256));
});
