// Writes the measured tables of README.md and docs/benchmarks.md from a run's figures: `node build/benchmark-docs.ts [[--add] FILE]`.
//
// FILE is what `npm run bench -- --json FILE` wrote; its medians become docs/benchmarks.json. With `--add FILE` they take the place of the scenarios of
// the same names there, and the others stay. Without FILE the pages are made of what is there again.
import { readFileSync, writeFileSync } from 'node:fs';

/** The part of a report of the benchmark that is kept: medians and ratios. */
export interface KeptReport {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly { readonly key: string; readonly head: string; readonly digits: number }[];
  readonly rows: readonly {
    readonly peer: string;
    // JSON has no NaN: what could not be measured is null.
    readonly figures: Readonly<Record<string, number | null>>;
    readonly ratios: Readonly<Record<string, number | null>>;
    readonly void: string | null;
  }[];
}

/** A row of the README's table: a figure of a scenario. */
interface Line {
  readonly scenario: string;
  readonly says: string;
  readonly key: string;
  readonly unit: string;
  readonly digits: number;
}

const cpu = (scenario: string, says: string): Line => ({
  scenario,
  says,
  key: 'cpuMicros',
  unit: 'µs',
  digits: 1,
});
const LINES: readonly Line[] = [
  cpu('small', 'CPU a small keep-alive GET, affinity and metrics on'),
  cpu('small-log', 'the same with the access log on'),
  cpu('post', 'CPU a POST of 4 KiB'),
  cpu('chunked', 'CPU a POST of 4 KiB in chunks, answered in chunks'),
  cpu('connect', 'CPU a GET on a connection of its own'),
  cpu('pipelined', 'CPU a GET of a pipeline of 16'),
  cpu('websocket', 'CPU a WebSocket message and its echo'),
  cpu('events', 'CPU an event to one of 500 listeners'),
  { scenario: 'download', says: 'download of 1 GiB', key: 'megabytesPerSecond', unit: 'MB/s', digits: 0 },
  { scenario: 'upload', says: 'upload of 1 GiB', key: 'megabytesPerSecond', unit: 'MB/s', digits: 0 },
  {
    scenario: 'idle',
    says: 'memory an idle client connection',
    key: 'rssKiBPerConnection',
    unit: 'KiB',
    digits: 1,
  },
];
const PEERS = ['limpet', 'haproxy', 'nginx', 'caddy', 'http-proxy', 'fastify-proxy'] as const;
const HEADS = [
  'Limpet',
  'HAProxy',
  'nginx',
  'Caddy',
  'http-proxy',
  '@fastify/http-proxy',
  'Limpet / HAProxy',
];

type Row = KeptReport['rows'][number];

function rowOf(reports: readonly KeptReport[], scenario: string, peer: string): Row | undefined {
  const row = reports.find(({ name }) => name === scenario)?.rows.find((each) => each.peer === peer);
  return row === undefined || row.void !== null ? undefined : row;
}

function shown(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? '–' : value.toFixed(digits);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What each proxy pays, a line a scenario; void rows and scenarios that were not run are left out. */
function costs(reports: readonly KeptReport[]): string {
  const rows = LINES.filter(({ scenario }) => rowOf(reports, scenario, 'limpet') !== undefined).map(
    (line) => {
      const cells = PEERS.map((peer) => {
        const figure = rowOf(reports, line.scenario, peer)?.figures[line.key];
        return typeof figure === 'number' ? `${figure.toFixed(line.digits)} ${line.unit}` : '–';
      });
      const ratio = rowOf(reports, line.scenario, 'limpet')?.ratios.haproxy;
      return [line.says, ...cells, shown(ratio, 2)];
    },
  );
  return table(['', ...HEADS], rows);
}

/** The table of a report as the run printed it. */
function whole(report: KeptReport): string {
  const ratios = [...new Set(report.rows.flatMap((row) => Object.keys(row.ratios)))];
  const heads = ['', ...report.columns.map(({ head }) => head), ...ratios.map((base) => `x ${base}`)];
  const rows = report.rows.map((row) =>
    row.void !== null
      ? [row.peer, `void: ${row.void}`, ...heads.slice(2).map(() => '')]
      : [
          row.peer,
          ...report.columns.map(({ key, digits }) => shown(row.figures[key], digits)),
          ...ratios.map((base) => shown(row.ratios[base], 2)),
        ],
  );
  return `**${report.name}**: ${report.title}\n\n${table(heads, rows)}`;
}

const START = '<!-- measured: written by `node build/benchmark-docs.ts` -->';
const END = '<!-- end of measured -->';

function between(page: string, text: string): string {
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the page has no ${START} … ${END}`);
  return `${page.slice(0, start + START.length)}\n\n${text}\n\n${page.slice(end)}`;
}

/** README.md with its table made anew. */
export function readmeWith(page: string, reports: readonly KeptReport[]): string {
  return between(page, costs(reports));
}

/** docs/benchmarks.md with all tables made anew. */
export function benchmarksWith(page: string, reports: readonly KeptReport[]): string {
  return between(page, reports.map(whole).join('\n\n'));
}

/** The reports of two runs: those of `later` in the place of their namesakes, what is new behind them. */
export function withReports(earlier: readonly KeptReport[], later: readonly KeptReport[]): KeptReport[] {
  const newer = new Map(later.map((report) => [report.name, report]));
  const kept = earlier.map((report) => newer.get(report.name) ?? report);
  return [...kept, ...later.filter(({ name }) => !earlier.some((report) => report.name === name))];
}

const at = (path: string): URL => new URL(`../${path}`, import.meta.url);

/** The kept figures. */
export function keptReports(): KeptReport[] {
  return JSON.parse(readFileSync(at('docs/benchmarks.json'), 'utf8')) as KeptReport[]; // written below
}

if (process.argv[1]?.endsWith('benchmark-docs.ts')) {
  const adding = process.argv[2] === '--add';
  const file = process.argv[adding ? 3 : 2];
  if (file !== undefined) {
    const measured = JSON.parse(readFileSync(file, 'utf8')) as KeptReport[]; // written by the bench, from its own Report
    const kept = measured.map(({ name, title, columns, rows }) => ({
      name,
      title,
      columns,
      rows: rows.map(({ peer, figures, ratios, void: why }) => ({ peer, figures, ratios, void: why })),
    }));
    const all = adding ? withReports(keptReports(), kept) : kept;
    writeFileSync(at('docs/benchmarks.json'), `${JSON.stringify(all, null, 1)}\n`);
  }
  const reports = keptReports();
  for (const [path, made] of [
    ['README.md', readmeWith],
    ['docs/benchmarks.md', benchmarksWith],
  ] as const)
    writeFileSync(at(path), made(readFileSync(at(path), 'utf8'), reports));
}
