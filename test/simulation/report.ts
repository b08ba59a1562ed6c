// docs/simulation.md: what was simulated, the figures beside their bounds at full size, and those of the size that CI runs.
import { BALANCER_KINDS } from '../../src/balance/kinds.ts';
import { holds, type Outcome, type Row, type Scenario } from './scenario.ts';

const CI_BEGIN = '<!-- The size that CI runs: begin -->';
const CI_END = '<!-- The size that CI runs: end -->';
/** Significant digits of a figure in the docs. */
const DIGITS = 4;

export interface Result {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
}

/** The file of a scenario's chart, below docs. */
export function chartFile(scenario: Scenario, chart: { readonly name: string }): string {
  return `simulation/${scenario.name}-${chart.name}.svg`;
}

/** A row whose law does not hold says NO: test/simulation looks for that in the committed page. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.what} | ${figure(row.measured)} | ${boundOf(row)} | ${holds(row) ? 'yes' : 'NO'} | ${row.whence} |`,
  );
  return [
    '| what | measured | bound | holds | where the bound comes from |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** The part of the page that CI can make anew. */
export function ciPart(results: readonly Result[]): string {
  const parts = results.map(
    ({ scenario, outcome }) =>
      `### ${scenario.title}\n\n${scenario.setting('ci')}\n\n${tableOf(outcome.rows)}\n`,
  );
  return `${CI_BEGIN}\n\n${parts.join('\n')}\n${CI_END}`;
}

/** The same part of a page that was written before; empty where there is none. */
export function ciPartOf(page: string): string {
  const from = page.indexOf(CI_BEGIN);
  const to = page.indexOf(CI_END);
  return from < 0 || to < from ? '' : page.slice(from, to + CI_END.length);
}

/** The whole page. */
export function pageOf(full: readonly Result[], ci: readonly Result[]): string {
  const parts = full.map(({ scenario, outcome }) => {
    const charts = outcome.charts.map((chart) => `![${chart.title}](${chartFile(scenario, chart)})\n`);
    return `## ${scenario.title}

${scenario.text}

${charts.join('\n')}
${scenario.setting('full')}

${tableOf(outcome.rows)}
`;
  });
  return `${INTRODUCTION}
${workTable()}

${parts.join('\n')}
## The size that CI runs

\`npm test\` simulates this much, asserts every bound, and compares the figures with these.

${ciPart(ci)}
`;
}

const INTRODUCTION = `# Laws and simulation

<!-- Written by \`npm run simulate\`: change test/simulation, not this page. -->

What the balancers promise is checked in two ways. The **law tests** (\`test/laws\`) run every balancer through the same laws: weights within 1 % over 100,000 seeded
picks while some upstreams are down, every pair compared as often as every other, nobody picked who is to be avoided, nothing allocated, and work that grows with the pool no more than the table below
says. The **simulation** (\`test/simulation\`) lets Limpet's own balancers, affinity, retry budget and health board run before imagined upstreams on a clock
that is moved by hand, thousands of them, with as many replicas as wanted, and holds the figures against the bounds of the papers.

\`\`\`sh
npm run simulate                  # everything at full size: writes this page and its charts, some minutes
npm run simulate -- --ci          # the small size only: its part of this page
npm run simulate -- slow-third    # one scenario at full size, printed, nothing written
\`\`\`

Every run has its seeds, and the same seeds give the same figures to the last digit, on Node ${process.versions.node.split('.')[0]} on this
architecture (\`${process.arch}\`); another one's logarithms may differ in the last bit, and queues then run another course. A bound marked "the contrast" is not Limpet's:
it shows what happens without the thing that is tested, and that the test can fail.

## The work of a pick

How it grows with the number of upstreams that may be picked, as \`src/balance/kinds.ts\` has it and \`test/laws/work-of-a-pick.test.ts\` counts it. \`hash\` remembers whose a key is, up to
262,144 keys in a large pool; one that it does not remember costs a look at each upstream, some 7 ns.
`;

function workTable(): string {
  const rows = Object.entries(BALANCER_KINDS).map(
    ([name, { work, description }]) => `| \`${name}\` | ${work.idle} | ${work.busy} | ${description} |`,
  );
  return [
    '| balancer | while all are idle | while all are busy | what it does |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function boundOf({ atLeast, atMost }: Row): string {
  if (atLeast === undefined) return atMost === undefined ? 'none' : `≤ ${figure(atMost)}`;
  return atMost === undefined ? `≥ ${figure(atLeast)}` : `${figure(atLeast)} … ${figure(atMost)}`;
}

function figure(value: number): string {
  return value === 0 ? '0' : String(Number(value.toPrecision(DIGITS)));
}
