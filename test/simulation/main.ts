// `npm run simulate`: runs the simulation and writes docs/simulation.md with its charts.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { argv, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { chartFile, ciPart, ciPartOf, pageOf, type Result, tableOf } from './report.ts';
import { holds, type Scenario, type Size } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { svgOf } from './svg-chart.ts';

const docs = (path: string): string => fileURLToPath(new URL(`../../docs/${path}`, import.meta.url));
const PAGE = docs('simulation.md');
const CHARTS = docs('simulation');

const names = argv.slice(2).filter((arg) => arg !== '--ci');
const unknown = names.find((name) => SCENARIOS.every((scenario) => scenario.name !== name));
if (unknown !== undefined) {
  stderr.write(`no scenario ${unknown}; there are ${SCENARIOS.map((s) => s.name).join(', ')}\n`);
  exit(2);
}
const results =
  names.length > 0
    ? printed(SCENARIOS.filter((scenario) => names.includes(scenario.name)))
    : argv.includes('--ci')
      ? rewriteCiPart()
      : rewriteAll();
const broken = results.flatMap(({ outcome }) => outcome.rows).filter((row) => !holds(row));
for (const row of broken) stderr.write(`does not hold: ${row.what}: ${row.measured}\n`);
exit(broken.length === 0 ? 0 : 1);

function printed(scenarios: readonly Scenario[]): Result[] {
  const size: Size = argv.includes('--ci') ? 'ci' : 'full';
  return scenarios.map((scenario) => {
    const result = simulate(scenario, size);
    stdout.write(`${scenario.setting(size)}\n\n${tableOf(result.outcome.rows)}\n`);
    return result;
  });
}

function rewriteCiPart(): Result[] {
  const ci = SCENARIOS.map((scenario) => simulate(scenario, 'ci'));
  const page = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    page.replace(ciPartOf(page), () => ciPart(ci)),
  );
  return ci;
}

function rewriteAll(): Result[] {
  const full = SCENARIOS.map((scenario) => simulate(scenario, 'full'));
  const ci = SCENARIOS.map((scenario) => simulate(scenario, 'ci'));
  mkdirSync(CHARTS, { recursive: true });
  for (const file of readdirSync(CHARTS)) if (file.endsWith('.svg')) rmSync(docs(`simulation/${file}`));
  for (const { scenario, outcome } of full) {
    for (const chart of outcome.charts) writeFileSync(docs(chartFile(scenario, chart)), svgOf(chart));
  }
  writeFileSync(PAGE, pageOf(full, ci));
  return [...full, ...ci];
}

function simulate(scenario: Scenario, size: Size): Result {
  const beganMs = performance.now();
  const outcome = scenario.run(size);
  stderr.write(`${scenario.name} (${size}): ${((performance.now() - beganMs) / 1000).toFixed(1)} s\n`);
  return { scenario, outcome };
}
