// `npm run fuzz`: makes hostile input without end, or as much as is asked for, and stops at the first thing that should not be.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCorpus, writeCase } from './corpus.ts';
import { type RunResult, replay, runTarget } from './run.ts';
import type { FuzzTarget } from './target.ts';
import { TARGETS } from './targets.ts';

const USAGE = `npm run fuzz -- [TARGET…] [options]
${TARGETS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}
  proxy              hostile clients and upstreams against a running Limpet; alone, and with --for or without end
  --seed N           default: drawn, and printed
  --messages N       cases of each target; default: without end
  --for TIME         such as 30s, 10m or 2h for all targets together; default: without end
`;

/** Cases of one target before the next has its turn. */
const TURN = 50_000;
/** Longest turn of one target. */
const TURN_MS = 20_000;
/** A run of so many cases of a target should have needed every explanation. */
const LONG_RUN = 1_000_000;

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

function fail(problem: string): never {
  process.stderr.write(`fuzz: ${problem}\n\n${USAGE}`);
  process.exit(1);
}

function whole(text: string, option: string): number {
  if (!/^\d{1,15}$/.test(text)) fail(`${option} is a whole number`);
  return Number(text);
}

function duration(text: string): number {
  const parts = /^(\d{1,6})([smh])$/.exec(text);
  return parts === null ? fail('--for is a time such as 10m') : Number(parts[1]) * UNITS[parts[2]!]!;
}

function targetsNamed(names: readonly string[]): readonly FuzzTarget[] {
  if (names.length === 0) return TARGETS;
  return names.map((name) => TARGETS.find((one) => one.name === name) ?? fail(`unknown target ${name}`));
}

/** What all turns of one target came to. */
class Tally {
  readonly target: FuzzTarget;
  cases = 0;
  seconds = 0;
  readonly kinds = new Map<string, number>();

  constructor(target: FuzzTarget) {
    this.target = target;
  }

  add(result: RunResult): void {
    this.cases += result.cases;
    this.seconds += result.seconds;
    for (const [kind, count] of result.kinds) this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + count);
  }

  get line(): string {
    return `${this.target.name}: ${this.cases} cases, ${Math.round(this.cases / Math.max(0.001, this.seconds))} a second`;
  }

  /** Explanations that nothing needed. */
  get idle(): string[] {
    return this.target.explanations.filter((kind) => !this.kinds.has(kind));
  }
}

function report(tallies: readonly Tally[]): boolean {
  let idle = false;
  for (const tally of tallies) {
    process.stdout.write(`${tally.line}\n`);
    for (const [kind, count] of [...tally.kinds].sort((a, b) => b[1] - a[1])) {
      process.stdout.write(`  ${String(count).padStart(9)}  ${kind}\n`);
    }
    for (const kind of tally.idle) {
      process.stdout.write(`  never needed: ${kind}\n`);
      if (tally.cases >= LONG_RUN) idle = true;
    }
  }
  return idle;
}

let options: { seed?: string; messages?: string; for?: string; help?: boolean };
let names: string[];
try {
  const text = { type: 'string' } as const;
  const parsed = parseArgs({
    options: { seed: text, messages: text, for: text, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  options = parsed.values;
  names = parsed.positionals;
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (names.includes('proxy')) {
  if (names.length > 1 || options.messages !== undefined) fail('proxy runs alone, and for a time');
  const args = [fileURLToPath(new URL('proxy.test.ts', import.meta.url)), '--for', options.for ?? '7d'];
  if (options.seed !== undefined) args.push('--seed', String(whole(options.seed, '--seed')));
  // A test file, since its Limpet and its upstreams are those of the tests.
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  process.exit(status ?? 1);
}
const targets = targetsNamed(names);
const seed = options.seed === undefined ? Date.now() % 2 ** 31 : whole(options.seed, '--seed');
const most =
  options.messages === undefined ? Number.POSITIVE_INFINITY : whole(options.messages, '--messages');
const untilMs =
  performance.now() + (options.for === undefined ? Number.POSITIVE_INFINITY : duration(options.for));
process.stderr.write(`fuzz: seed ${seed}\n`);

let stopped = false;
process.once('SIGINT', () => {
  stopped = true;
});
const tallies = targets.map((target) => new Tally(target));
for (const { target } of tallies) {
  for (const [file, one] of readCorpus(target.name)) {
    const { finding } = replay(target, one);
    if (finding === null) continue;
    process.stderr.write(`fuzz: ${file} is not mended: ${finding}\n`);
    process.exit(1);
  }
}
let shownMs = performance.now();
const show = (tally: Tally, cases: number): void => {
  if (performance.now() - shownMs < 1000) return;
  shownMs = performance.now();
  const line = `fuzz: ${tally.target.name} ${tally.cases + cases} cases, all ${tallies.reduce((sum, one) => sum + one.cases, cases)}`;
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
};
for (let working = true; working && !stopped; ) {
  working = false;
  for (const tally of tallies) {
    if (stopped || tally.cases >= most || performance.now() >= untilMs) continue;
    working = true;
    const cases = Math.min(TURN, most - tally.cases);
    const stopMs = Math.min(untilMs, performance.now() + TURN_MS);
    const bounds = { seed, from: tally.cases, cases, untilMs: stopMs };
    const result = await runTarget(tally.target, bounds, (done) => show(tally, done));
    tally.add(result);
    if (result.finding === null) continue;
    const path = writeCase(result.finding);
    process.stderr.write(`\nfuzz: ${tally.target.name}: ${result.finding.found}\n`);
    process.stderr.write(`  ${JSON.stringify(result.finding.bytes.slice(0, 2000))}\n  written to ${path}\n`);
    process.exit(1);
  }
}
if (process.stderr.isTTY) process.stderr.write('\n');
if (report(tallies)) {
  process.stderr.write('fuzz: a long run needed not every explanation: those are to be taken out\n');
  process.exitCode = 1;
}
