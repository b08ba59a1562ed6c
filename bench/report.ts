// What was measured, as rows of figures with their ratios, printed as tables for people and as JSON for programs.
import { median } from '../test/kit/load-latencies.ts';

/** One peer in one scenario: the median of each figure over the rounds. */
export interface Row {
  readonly peer: string;
  readonly figures: Readonly<Record<string, number>>;
  /** Median over the rounds of this peer's figure divided by the other's in the same round. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly rounds: readonly Readonly<Record<string, number>>[];
  /** Why the row counts for nothing, or null. */
  readonly void: string | null;
}

export interface Column {
  readonly key: string;
  readonly head: string;
  readonly digits: number;
}

/** A scenario's outcome. */
export interface Report {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  /** The figure that the ratios are of. */
  readonly ratioOf: string;
  readonly rows: readonly Row[];
}

/** What a row's figure is divided by: the name of the ratio, and the peer whose figure it is. */
export type Bases = ReadonlyMap<string, (peer: string) => string>;

/** The peers that the others are compared with, where nothing else is said. */
const PEERS: Bases = new Map(['haproxy', 'http-proxy'].map((base) => [base, () => base]));

/** One measurement: figures, and what was wrong (empty for nothing). */
export interface Measurement {
  readonly figures: Readonly<Record<string, number>>;
  readonly trouble: string;
}

/** Rows out of the measurements of every peer, `measured.get(peer)![round]`. */
export function rowsOf(
  measured: ReadonlyMap<string, readonly Measurement[]>,
  ratioOf: string,
  bases: Bases = PEERS,
): Row[] {
  return Array.from(measured, ([peer, rounds]) => {
    const keys = Object.keys(rounds[0]?.figures ?? {});
    const figures = Object.fromEntries(
      keys.map((key) => [key, median(rounds.map((round) => round.figures[key]!))]),
    );
    const ratios: Record<string, number> = {};
    for (const [base, of] of bases) {
      const others = measured.get(of(peer));
      if (others === undefined || ratioOf === '') continue;
      ratios[base] = median(
        rounds.map((round, i) => round.figures[ratioOf]! / (others[i]?.figures[ratioOf] ?? Number.NaN)),
      );
    }
    return {
      peer,
      figures,
      ratios,
      rounds: rounds.map((round) => round.figures),
      void: rounds.find((round) => round.trouble !== '')?.trouble ?? null,
    };
  });
}

/** What changed since `before`, a line for each row that both have; a void row has no figures to compare. */
export function changesSince(before: readonly Report[], now: readonly Report[]): string[] {
  const lines: string[] = [];
  for (const report of now) {
    const old = before.find((each) => each.name === report.name);
    for (const row of report.rows) {
      const was = old?.rows.find((each) => each.peer === row.peer);
      if (was === undefined || was.void !== null || row.void !== null) continue;
      const changes = report.columns.flatMap(({ key, head, digits }) => {
        const [a, b] = [was.figures[key], row.figures[key]];
        if (a === undefined || b === undefined) return [];
        const percent = a === 0 ? '' : ` (${b >= a ? '+' : ''}${((b / a - 1) * 100).toFixed(0)} %)`;
        return [`${head} ${shown(a, digits)} -> ${shown(b, digits)}${percent}`];
      });
      for (const [base, ratio] of Object.entries(row.ratios)) {
        const a = was.ratios[base];
        if (a !== undefined) changes.push(`x ${base} ${shown(a, 2)} -> ${shown(ratio, 2)}`);
      }
      lines.push(`${report.name}, ${row.peer}: ${changes.join('; ')}`);
    }
  }
  return lines;
}

/** A report as a table of plain text. */
export function tableOf(report: Report): string {
  const bases = [...new Set(report.rows.flatMap((row) => Object.keys(row.ratios)))];
  const lines = [['', ...report.columns.map((column) => column.head), ...bases.map((base) => `x ${base}`)]];
  for (const row of report.rows) {
    if (row.void !== null) lines.push([row.peer, `void: ${row.void}`]);
    else
      lines.push([
        row.peer,
        ...report.columns.map((column) => shown(row.figures[column.key], column.digits)),
        ...bases.map((base) => shown(row.ratios[base], 2)),
      ]);
  }
  const widths = lines[0]!.map((_, i) =>
    Math.max(...lines.map((line) => (isVoid(line) ? 0 : line[i]!.length))),
  );
  widths[0] = Math.max(...lines.map((line) => line[0]!.length));
  const text = lines.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]!))).join('  '),
  );
  return [`\n${report.name}: ${report.title}`, ...text].join('\n');
}

function isVoid(line: readonly string[]): boolean {
  return line[1]?.startsWith('void: ') ?? false;
}

function shown(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits);
}
