// Turns begin anywhere, so that replicas that start together don't begin at the same upstream.
import t from 'tap';
import { SeededRandom } from '../../src/base/random.ts';
import { UpstreamTable } from '../../src/upstream/upstream-table.ts';

t.test('each pool of each table begins at a place of its own, within the counter’s range', async (t) => {
  const starts = new Set<number>();
  const random = new SeededRandom(3);
  for (let replica = 0; replica < 50; replica++) {
    const table = new UpstreamTable(UpstreamTable.allocate(4, 1));
    table.beginTurns(random);
    for (const start of table.cursor) {
      t.ok(start >= 0, `${start}`);
      starts.add(start);
    }
    t.same([...table.inFlight], [0, 0, 0, 0], 'and nothing else is written');
  }
  t.ok(starts.size > 195, `${starts.size} of 200 differ`);
});
