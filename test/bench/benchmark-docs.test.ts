// The figures that the pages show are those of the kept run, and what a run prints of its changes is right.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { changesSince, type Report, rowsOf } from '../../bench/report.ts';
import {
  benchmarksWith,
  type KeptReport,
  keptReports,
  readmeWith,
  withReports,
} from '../../build/benchmark-docs.ts';

const page = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

t.test('README.md and docs/benchmarks.md show the figures of docs/benchmarks.json', async (t) => {
  const reports = keptReports();
  const hint = 'else: node build/benchmark-docs.ts';
  t.equal(readmeWith(page('README.md'), reports), page('README.md'), hint);
  t.equal(benchmarksWith(page('docs/benchmarks.md'), reports), page('docs/benchmarks.md'), hint);
  t.notOk(reports.some((report) => report.rows.some((row) => row.peer === 'limpet' && row.void !== null)));
});

t.test('what is added takes the place of its namesake, and the others stay where they are', async (t) => {
  const report = (name: string, title: string): KeptReport => ({ name, title, columns: [], rows: [] });
  const all = withReports([report('a', '1'), report('b', '1')], [report('c', '2'), report('a', '2')]);
  t.same(
    all.map(({ name, title }) => name + title),
    ['a2', 'b1', 'c2'],
  );
});

t.test('changes are told of rows that both runs have, void ones left out', async (t) => {
  const report = (limpet: number, haproxy: number, trouble = ''): Report => ({
    name: 'small',
    title: '',
    columns: [{ key: 'cpuMicros', head: 'CPU us/req', digits: 1 }],
    ratioOf: 'cpuMicros',
    rows: rowsOf(
      new Map([
        ['haproxy', [{ figures: { cpuMicros: haproxy }, trouble }]],
        ['limpet', [{ figures: { cpuMicros: limpet }, trouble: '' }]],
      ]),
      'cpuMicros',
    ),
  });
  t.same(changesSince([report(20, 10)], [report(15, 10, '1 failed')]), [
    'small, limpet: CPU us/req 20.0 -> 15.0 (-25 %); x haproxy 2.00 -> 1.50',
  ]);
  t.same(changesSince([], [report(15, 10)]), []);
});

t.test('ratios may be to another size of the same peer', async (t) => {
  const measured = new Map(
    [
      ['limpet 2', 10],
      ['limpet 500', 11],
    ].map(([name, cpuMicros]) => [
      String(name),
      [{ figures: { cpuMicros: Number(cpuMicros) }, trouble: '' }],
    ]),
  );
  const rows = rowsOf(measured, 'cpuMicros', new Map([['fewest', (name) => name.replace(/\d+$/, '2')]]));
  t.same(
    rows.map((row) => row.ratios.fewest?.toFixed(2)),
    ['1.00', '1.10'],
  );
});
