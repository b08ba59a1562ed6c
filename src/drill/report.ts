// What a drill found out, in words: a table of times, what failed, who moved, and the verdict.
import { formatDuration } from '../config/units.ts';
import type { Progress } from './drill-world.ts';
import type { DrillResult, Judged, ToldApart } from './result.ts';

/** Own stalls below this are as any process on a shared machine has them. */
const STALL_MS_TOLD = 50;

/** The whole report, each line closed. */
export function inWords(result: DrillResult): string {
  const { event, notes, stalledMs, interrupted } = result;
  const lines = [
    `${result.target}: ${result.rate} requests a second by ${result.users} users for ${formatDuration(result.durationMs)}`,
  ];
  if (event !== null) lines.push(`${event.what}${eventWords(event)}`);
  lines.push('', ...phaseTable(result), '');
  const rows: [string, string][] = [['failed', failedWords(result)]];
  for (const { method, why, detail, count, firstMs, lastMs } of result.failures.groups) {
    const said = detail === '' ? '' : `, "${detail}"`;
    rows.push(['', `${count} ${method}: ${why}, ${span(firstMs, lastMs)}${said}`]);
  }
  if (event !== null) {
    const { harmed, harmedBy } = event;
    rows.push([
      'harmed',
      harmed === null ? `not known: ${harmedBy}` : `${harmed.join(', ') || 'none'} (${harmedBy})`,
    ]);
  }
  if (result.instances !== null) {
    const all = result.instances.map(({ name, answers }) => `${name} ${answers}`);
    rows.push([
      'answered',
      `${all.slice(0, 20).join(', ')}${all.length > 20 ? `, and ${all.length - 20} more` : ''}`,
    ]);
  }
  rows.push(['moved', movedWords(result)]);
  if (result.logins !== null) {
    const { count, made } = result.logins;
    rows.push([
      'logins',
      `${made} made, ${count} ${count === 1 ? 'user' : 'users'} asked to log in again${apart(result.logins)}`,
    ]);
  }
  rows.push(['sent twice', twiceWords(result)]);
  for (const { atMs, upstream, from, to } of result.limpetSaw ?? []) {
    rows.push(['Limpet saw', `${upstream} ${from} -> ${to}, ${at(atMs)}`]);
  }
  lines.push(...rows.map(([name, text]) => `  ${name.padEnd(12)}${text}`));
  if (stalledMs >= STALL_MS_TOLD) {
    lines.push(
      '',
      `The drill itself stood still for up to ${stalledMs} ms: latencies up to it say nothing of the proxy.`,
    );
  }
  if (notes.length > 0) lines.push('', ...notes.map((note) => `note: ${note}`));
  lines.push('', verdictWords(result));
  if (interrupted !== null) lines.push(`  it was ended early by ${interrupted}`);
  lines.push(...result.verdict.map((one) => `  ${judgedWords(one, result)}`));
  return `${lines.join('\n')}\n`;
}

function eventWords(event: NonNullable<DrillResult['event']>): string {
  const { fromMs, toMs, undone, trouble } = event;
  const did =
    fromMs === null ? ' did not come about' : toMs === null ? `, ${at(fromMs)}` : `, ${span(fromMs, toMs)}`;
  const after = undone === '' ? '' : `; ${undone}`;
  return `${did}${after}${trouble === null ? '' : `; ${trouble}`}`;
}

function phaseTable(result: DrillResult): string[] {
  const head = ['', 'requests', 'failed', 'p50', 'p99', 'p99.9', 'max'];
  const rows = result.phases.map(({ phase, requests, failed, p50Ms, p99Ms, p999Ms, maxMs }) => [
    result.event === null ? 'all' : phase,
    String(requests),
    String(failed),
    ...[p50Ms, p99Ms, p999Ms, maxMs].map(ms),
  ]);
  return [head, ...rows].map(
    ([name = '', ...cells]) => `  ${name.padEnd(12)}${cells.map((c) => c.padStart(10)).join('')}`,
  );
}

function failedWords({ failures }: DrillResult): string {
  const { count, unavoidable, firstMs, lastMs } = failures;
  if (count === 0 || firstMs === null || lastMs === null) return 'none';
  const times = `for ${seconds(lastMs - firstMs)}, ${span(firstMs, lastMs)}`;
  const excused =
    unavoidable === 0
      ? ''
      : `; ${unavoidable} of them writes that were in the harmed instance, which nobody may repeat`;
  return `${count} ${times}${excused}`;
}

function movedWords({ moved, instances }: DrillResult): string {
  if (moved === null) {
    return instances === null
      ? 'not known, since no answer says which instance gave it (`instance`)'
      : 'not known';
  }
  if (moved.count === 0) return 'nobody';
  return `${moved.count} ${moved.count === 1 ? 'user' : 'users'}, ${moved.moves} times${apart(moved)}`;
}

/** `: 17 whose instance was harmed, 0 needlessly`. */
function apart({ count, needed, needlessly }: ToldApart): string {
  if (count === 0) return '';
  if (needed === null) return '; whether needlessly is not known';
  return `: ${needed} whose instance was harmed, ${needlessly} needlessly`;
}

function twiceWords({ twice }: DrillResult): string {
  const { writes, count, ids } = twice;
  if (writes === 0) return 'none, since no request was a write';
  if (count === null) return `not known of ${writes} writes: the app cannot tell (\`ledger\`, \`handled\`)`;
  return count === 0 ? `none of ${writes} writes` : `${count} of ${writes} writes: ${ids.join(', ')}`;
}

function verdictWords({ passed }: DrillResult): string {
  return passed ? 'passed' : 'FAILED';
}

const JUDGED: Readonly<Record<Judged['limit'], string>> = {
  maxFailed: 'failed requests',
  maxP99: 'greatest p99',
  maxMoved: 'users moved needlessly',
  maxLost: 'logins lost',
  maxTwice: 'writes handled twice',
  event: 'the event and its undoing',
};

function judgedWords({ limit, allowed, was, ok }: Judged, { failures }: DrillResult): string {
  const mark = ok ? 'ok    ' : 'FAILED';
  if (limit === 'event') return `${mark} ${JUDGED.event} ${ok ? 'went well' : 'did not go well'}`;
  const value = (n: number): string => (limit === 'maxP99' ? ms(n) : String(n));
  const counted = limit === 'maxFailed' && failures.unavoidable > 0 ? ' that could have been saved' : '';
  return `${mark} ${JUDGED[limit]}${counted}: ${was === null ? 'not known' : value(was)} (at most ${value(allowed)})`;
}

function ms(value: number | null): string {
  if (value === null) return '-';
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ms`;
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(2)} s`;
}

function at(value: number): string {
  return `at ${seconds(value)}`;
}

function span(fromMs: number, toMs: number): string {
  return `${at(fromMs)} to ${seconds(toMs)}`;
}

/** One line on how a drill stands. */
export function progressWords(progress: Progress): string {
  const { atMs, durationMs, phase, asked, failed, moves, p99Ms } = progress;
  const ended = atMs > durationMs ? 'waiting for the last answers' : phase;
  const time = `${(Math.min(atMs, durationMs) / 1000).toFixed(1)} of ${(durationMs / 1000).toFixed(0)} s`;
  return `${time}  ${ended}  ${asked} requests, ${failed} failed, ${moves} moves, p99 ${ms(p99Ms)}`;
}
