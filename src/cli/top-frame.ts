// What `limpet top` shows of one state: what is wrong first, then every pool and its upstreams, within the room that there is.
import type { LiveFigures, LivePool, LiveSnapshot, LiveUpstream, Severity } from '../admin/live-view.ts';
import { spanOf } from './span.ts';
import { shown } from './table.ts';

export interface FrameRoom {
  readonly columns: number;
  /** Null: as many as it takes. */
  readonly rows: number | null;
  readonly color: boolean;
}

/** Narrower than this and nothing can be told; lines are cut then. */
const COLUMNS_MIN = 60;
const TROUBLES_MAX = 4;

/** Heads and widths of what stands right of the name. */
const COLUMNS = [
  ['STATE', 11],
  ['REQ/S', 7],
  ['ERR/S', 6],
  ['P50 ms', 7],
  ['P99 ms', 7],
  ['FLIGHT', 7],
  ['USERS', 7],
] as const;
const RIGHT = COLUMNS.reduce((sum, [, width]) => sum + 1 + width, 0);

type Paint = (text: string, colour: keyof typeof COLOURS) => string;
const COLOURS = { bold: '1', dim: '2', red: '31', yellow: '33', green: '32' } as const;

interface Row {
  readonly line: string;
  /** Nothing is to be seen to: it is left out first. */
  readonly plain: boolean;
}

/** The lines, none longer than there are columns; colours take no room. */
export function frameOf(state: LiveSnapshot, room: FrameRoom): string[] {
  const columns = Math.max(COLUMNS_MIN, room.columns);
  const paint: Paint = (text, colour) => (room.color ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text);
  const head = headOf(state, columns, paint);
  const rows = state.pools.flatMap((pool) => rowsOf(pool, columns, paint));
  const fits = room.rows === null ? rows.length : Math.max(1, room.rows - head.length);
  return [...head, ...within(rows, fits, columns)];
}

function headOf(state: LiveSnapshot, columns: number, paint: Paint): string[] {
  const { version, uptimeS, generation, workers, totals, troubles, ok, since, at } = state;
  const [title = '', ...figures] = [
    `Limpet ${shown(version)}  up ${spanOf(uptimeS)}  generation ${generation}  workers ${workers.listening}/${workers.wanted}`,
    `${rate(totals.requestsPerS)} req/s  ${rate(totals.errorsPerS)} err/s  p50 ${ms(totals.p50Ms)} ms  p99 ${ms(totals.p99Ms)} ms  in flight ${totals.inFlight}`,
    `connections ${totals.connections}/${totals.connectionsMax}  tunnels ${totals.tunnels}  streams ${totals.streams}  refused ${rate(totals.refusedPerS)}/s  retries ${rate(totals.retriesPerS)}/s`,
  ];
  const shortly = (time: string): string => spanOf((Date.parse(at) - Date.parse(time)) / 1000);
  const told = troubles.slice(0, TROUBLES_MAX).map(({ severity, what, since: from }) => {
    const text = `${severity}: ${shown(what)} (${shortly(from)})`;
    return paint(cut(text, columns), SEVERITY_COLOURS[severity]);
  });
  if (troubles.length > TROUBLES_MAX) told.push(`and ${troubles.length - TROUBLES_MAX} more: limpet status`);
  const well = ok ? [paint(cut(`all is well for ${shortly(since)}`, columns), 'green')] : [];
  return [
    paint(cut(title, columns), 'bold'),
    ...figures.map((line) => cut(line, columns)),
    ...well,
    ...told,
    '',
    paint(
      lineOf(
        'POOL / UPSTREAM',
        COLUMNS.map(([text]) => text),
        columns,
      ),
      'dim',
    ),
  ];
}

const SEVERITY_COLOURS: Readonly<Record<Severity, keyof typeof COLOURS>> = {
  critical: 'red',
  warning: 'yellow',
  notice: 'dim',
};

function rowsOf(pool: LivePool, columns: number, paint: Paint): Row[] {
  const users = pool.upstreams.reduce((sum, upstream) => sum + upstream.users, 0);
  const up = pool.upstreams.filter(({ eligible }) => eligible).length;
  const state = `${up}/${pool.upstreams.length} up`;
  const own = lineOf(shown(pool.name), [state, ...figuresOf(pool), count(users)], columns);
  return [
    { line: paint(own, 'bold'), plain: false },
    ...pool.upstreams.map((upstream): Row => {
      const word = stateOf(upstream);
      const line = lineOf(
        `  ${shown(upstream.name)}`,
        [word, ...figuresOf(upstream), count(upstream.users)],
        columns,
      );
      if (word === 'up') return { line, plain: true };
      const broken = upstream.wanted === 'ready' && ['down', 'ejected'].includes(upstream.observed);
      return { line: paint(line, broken ? 'red' : 'yellow'), plain: false };
    }),
  ];
}

/** What is wanted where it is not `ready`, and else what is seen. */
function stateOf({ wanted, observed }: LiveUpstream): string {
  if (wanted === 'maintenance') return 'maintenance';
  if (wanted === 'drain') return observed === 'up' ? 'drain' : `drain ${observed}`;
  return observed;
}

function figuresOf({ requestsPerS, errorsPerS, p50Ms, p99Ms, inFlight }: LiveFigures): string[] {
  return [rate(requestsPerS), rate(errorsPerS), ms(p50Ms), ms(p99Ms), count(inFlight)];
}

/** As many rows as there is room for: of those that are simply up, the last are left out. */
function within(rows: readonly Row[], fits: number, columns: number): string[] {
  if (rows.length <= fits) return rows.map(({ line }) => line);
  let over = rows.length - fits + 1;
  const kept: string[] = [];
  for (const { line, plain } of [...rows].reverse()) {
    if (plain && over > 0) over--;
    else kept.unshift(line);
  }
  const left = kept.slice(0, fits - 1);
  return [...left, cut(`${rows.length - left.length} more: limpet upstreams`, columns)];
}

function lineOf(name: string, cells: readonly string[], columns: number): string {
  const room = columns - RIGHT;
  const right = COLUMNS.map(([, width], i) => {
    const text = cut(cells[i] ?? '', width);
    return i === 0 ? text.padEnd(width) : text.padStart(width);
  });
  return `${cut(name, room).padEnd(room)} ${right.join(' ')}`;
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
}

function count(value: number): string {
  if (value < 100_000) return String(value);
  return value < 1e7 ? `${Math.round(value / 1000)}k` : `${Math.round(value / 1e6)}M`;
}

function rate(perS: number): string {
  return perS < 100 ? perS.toFixed(1) : count(Math.round(perS));
}

function ms(value: number | null): string {
  if (value === null) return '-';
  return value < 100 ? value.toFixed(1) : count(Math.round(value));
}
