// The benchmark's arithmetic: medians over rounds, and ratios taken within a round.
import t from 'tap';
import { type Measurement, rowsOf, tableOf } from '../../bench/report.ts';
import { Latencies, median } from '../kit/load-latencies.ts';

function rounds(...cpuMicros: number[]): Measurement[] {
  return cpuMicros.map((cpu) => ({ figures: { cpuMicros: cpu }, trouble: '' }));
}

t.test('a ratio is the median of the ratios within each round, not the ratio of the medians', async (t) => {
  // The machine is three times slower in the second round: for both.
  const rows = rowsOf(
    new Map([
      ['haproxy', rounds(10, 30, 12)],
      ['limpet', rounds(11, 33, 14.4)],
    ]),
    'cpuMicros',
  );
  t.equal(rows[1]!.figures.cpuMicros, 14.4);
  t.equal(rows[1]!.ratios.haproxy!.toFixed(3), '1.100');
});

t.test('a row with one wrong round is void and shows no figure', async (t) => {
  const measured = new Map([['limpet', [...rounds(11), { figures: { cpuMicros: 1 }, trouble: '3 failed' }]]]);
  const rows = rowsOf(measured, 'cpuMicros');
  t.equal(rows[0]!.void, '3 failed');
  const columns = [{ key: 'cpuMicros', head: 'CPU us/req', digits: 2 }];
  const table = tableOf({ name: 'small', title: 'x', columns, ratioOf: 'cpuMicros', rows });
  t.match(table, /limpet +void: 3 failed/);
  t.notMatch(table, /6\.00/);
});

t.test('percentiles are right to 2 %', async (t) => {
  const latencies = new Latencies();
  for (let i = 1; i <= 1000; i++) latencies.record(i);
  t.ok(Math.abs(latencies.percentile(0.5) - 500) < 10);
  t.ok(Math.abs(latencies.percentile(0.99) - 990) < 20);
  t.equal(latencies.percentile(1), 1000);
  t.equal(new Latencies().percentile(0.99), 0);
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
});
