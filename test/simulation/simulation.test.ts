// The simulation at the size of CI: every law holds, the same seeds give the same figures, and the page in docs says what comes out.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { chartFile, ciPart, ciPartOf, tableOf } from './report.ts';
import { holds } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { svgOf } from './svg-chart.ts';

const docs = (path: string): string => fileURLToPath(new URL(`../../docs/${path}`, import.meta.url));
const page = readFileSync(docs('simulation.md'), 'utf8');
const results = SCENARIOS.map((scenario) => ({ scenario, outcome: scenario.run('ci') }));

for (const { scenario, outcome } of results) {
  t.test(scenario.title, async (t) => {
    for (const row of outcome.rows) {
      t.ok(
        holds(row),
        `${row.what}: ${row.measured} (${row.atLeast ?? ''} … ${row.atMost ?? ''}; ${row.whence})`,
      );
    }
    t.ok(outcome.rows.length > 0);
  });

  t.test(`${scenario.title}: the page shows its charts`, async (t) => {
    t.ok(outcome.charts.length > 0);
    for (const chart of outcome.charts) {
      const file = chartFile(scenario, chart);
      t.match(page, `](${file})`);
      t.ok(existsSync(docs(file)), file);
      // Drawn at the small size too: a line without a point would be a chart of nothing.
      const svg = svgOf(chart);
      t.notMatch(svg, /NaN|Infinity|undefined|d=""/);
    }
  });
}

t.test('a second run gives the same figures to the last digit', async (t) => {
  for (const { scenario, outcome } of results) {
    if (scenario.name === 'many-replicas' || scenario.name === 'autoscaling' || scenario.name === 'brown-out')
      t.strictSame(scenario.run('ci').rows, outcome.rows, scenario.title);
  }
});

t.test('docs/simulation.md says what the simulation measures', async (t) => {
  t.equal(ciPartOf(page), ciPart(results), 'written anew by `npm run simulate -- --ci`');
  t.notMatch(page, '| NO |', 'and no law was broken at full size');
});

t.test('the control: a law that does not hold is told', async (t) => {
  const row = { what: 'a', measured: 2, whence: 'b' };
  t.ok(holds({ ...row, atMost: 2 }));
  for (const broken of [
    row,
    { ...row, atMost: 1 },
    { ...row, atLeast: 3 },
    { ...row, measured: Number.NaN, atMost: 1 },
  ]) {
    t.notOk(holds(broken));
    t.match(tableOf([broken]), '| NO |');
  }
});
