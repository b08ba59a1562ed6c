// Counters that are told as 0 from the start: a series that begins with its first event shows Prometheus no increase by it.
import type { MetricBook } from '../observe/metric-book.ts';
import type { CounterName } from '../observe/names.ts';

/** The rare ones that somebody is to be woken by (config/prometheus/limpet-alerts.yaml). */
const FROM_ZERO: readonly (readonly [name: CounterName, labels: Readonly<Record<string, string>>])[] = [
  ['limpet_worker_restarts_total', {}],
  ['limpet_config_reloads_total', { result: 'applied' }],
  ['limpet_config_reloads_total', { result: 'unchanged' }],
  ['limpet_config_reloads_total', { result: 'refused' }],
];

/** `own`: the main thread's book. */
export function beginAtZero(own: MetricBook): void {
  for (const [name, labels] of FROM_ZERO) own.counter(name, labels);
}
