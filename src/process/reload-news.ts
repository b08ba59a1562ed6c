// What came of a reload, told in the log, as a metric and as an event.
import type { ReloadResult } from '../admin/reload-result.ts';
import type { ConfigProblem } from '../config/problem.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import type { ReloadCause } from './reloader.ts';

/** Changes and problems that one line tells; the API has all. */
const TOLD_MAX = 50;

/** Where it is told. */
export interface ReloadListeners {
  readonly log: Logger;
  readonly events: EventHub;
  readonly shelf: MetricShelf;
}

export function tellReload(
  { log, events, shelf }: ReloadListeners,
  cause: ReloadCause,
  told: ReloadResult,
): void {
  const { result, generation } = told;
  // What an operator orders is told by the one who takes the order.
  if (cause.how === 'order' && result !== 'refused') return;
  shelf.own.values[shelf.own.counter('limpet_config_reloads_total', { result })]!++;
  const { how, by } = cause;
  if (told.result === 'refused') {
    const problems = told.problems.slice(0, TOLD_MAX).map(inWords);
    log.error(
      { how, by, generation, why: told.error, problems },
      'the config was not reloaded; nothing has changed',
    );
    events.publish('reload', 'error', `the config was not reloaded: ${told.error}`, { generation, how, by });
    return;
  }
  // Somebody only touched the file.
  if (result === 'unchanged' && how === 'watch') return;
  const { needsRestart } = told;
  const changes = told.changes.slice(0, TOLD_MAX).map(({ text }) => text);
  if (told.changes.length > TOLD_MAX) changes.push(`${told.changes.length - TOLD_MAX} more`);
  const text = result === 'applied' ? 'the config was reloaded' : 'the config says what is in force already';
  log.info({ how, by, generation, changes }, text);
  for (const problem of told.warnings) log.warn({}, inWords(problem));
  if (needsRestart.length > 0)
    log.warn({ keys: needsRestart }, 'these keys of the config are followed after a restart only');
  const more =
    changes.length === 0 ? '' : `: ${changes.slice(0, 3).join('; ')}${changes.length > 3 ? ' …' : ''}`;
  events.publish('reload', 'info', `${text}${more}`, { generation, how, by, changes: told.changes.length });
}

/** `limpet.yaml:3:5: what is wrong (what would be right)`. */
function inWords({ file, line, column, message, hint }: ConfigProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `${place}: ${message}${hint === '' ? '' : ` (${hint})`}`;
}
