// The alert rules and the dashboard ask only for metrics, labels and values that there are, and every alert says what to do.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { MetricShelf } from '../../src/observe/metric-shelf.ts';
import { BUCKET_BOUNDS_S, METRICS, type MetricDefinition } from '../../src/observe/names.ts';
import { Exposition } from '../../src/observe/prometheus.ts';
import { beginAtZero } from '../../src/process/zero-counts.ts';
import { readMetrics } from '../kit/metric-text.ts';
import { type Asked, readPromql } from '../kit/promql.ts';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Panel {
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const rules: Rule[] = parse(read('config/prometheus/limpet-alerts.yaml')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);
const dashboard = JSON.parse(read('config/grafana/limpet.json'));
const panels: Panel[] = dashboard.panels;

/** Metrics that the process tells of itself under names that they have everywhere, and their labels. */
const OF_PROCESS: Readonly<Record<string, readonly string[]>> = {
  process_cpu_seconds_total: [],
  process_resident_memory_bytes: [],
};
/** Added by Prometheus. */
const OF_SCRAPE = ['instance', 'job'];

/** What a series may be of, with the labels that it has; null: there is none. */
function labelsOf(metric: string): readonly string[] | null {
  const table: Readonly<Record<string, MetricDefinition>> = METRICS;
  const own = table[metric];
  if (own !== undefined && own.kind !== 'histogram') return own.labels;
  const base = table[metric.replace(/_(bucket|sum|count)$/, '')];
  if (base?.kind === 'histogram' && metric !== metric.replace(/_(bucket|sum|count)$/, ''))
    return metric.endsWith('_bucket') ? [...base.labels, 'le'] : base.labels;
  return OF_PROCESS[metric] ?? null;
}

/** All that is wrong with an expression; `usesLabels`: those that a text beside it names. */
function complaints(expression: string, usedLabels: readonly string[]): string[] {
  let asked: Asked;
  try {
    asked = readPromql(expression);
  } catch (error) {
    return [String(error)];
  }
  const wrong: string[] = [];
  if (asked.selectors.length === 0) wrong.push(`asks for nothing: ${expression}`);
  const known = new Set<string>(OF_SCRAPE);
  for (const { metric, matchers } of asked.selectors) {
    const labels = labelsOf(metric);
    if (labels === null) wrong.push(`there is no ${metric}`);
    for (const label of labels ?? []) known.add(label);
    for (const { label } of matchers)
      if (labels !== null && ![...labels, ...OF_SCRAPE].includes(label))
        wrong.push(`${metric} has no ${label}`);
  }
  for (const label of [...asked.grouped, ...usedLabels])
    if (!known.has(label)) wrong.push(`nothing in ${expression} has a ${label}`);
  if (/histogram_quantile/.test(expression) && !asked.grouped.includes('le'))
    wrong.push(`a quantile without its buckets: ${expression}`);
  return wrong;
}

/** Labels that a template names. */
const templated = (text: string): string[] =>
  [...text.matchAll(/\$labels\.(\w+)|\{\{\s*(\w+)\s*\}\}/g)].flatMap((match) => match[1] ?? match[2] ?? []);

t.test('the reader of expressions notices what is wrong', async (t) => {
  const notes = (expression: string, ...labels: string[]): string =>
    complaints(expression, labels).join('; ');
  t.equal(notes('sum by (pool) (rate(limpet_retries_total{reason=~"a.*"}[5m])) > 0.5', 'pool'), '');
  t.match(notes('limpet_retry_total > 0'), 'there is no limpet_retry_total');
  t.match(notes('limpet_request_seconds > 0'), 'there is no limpet_request_seconds', 'a histogram has parts');
  t.match(notes('limpet_retries_total{upstream="a"}'), 'has no upstream');
  t.match(notes('sum by (route) (limpet_retries_total)'), 'has a route');
  t.match(notes('sum(limpet_retries_total', ''), 'not closed');
  t.match(notes('limpet_connections{listener="a}'), 'cannot be read');
  t.match(notes('histogram_quantile(0.9, sum(rate(limpet_request_seconds_bucket[5m])))'), 'buckets');
  t.match(notes('limpet_connections', 'route'), 'has a route');
});

t.test('the alerts ask for what there is', async (t) => {
  for (const { alert, expr, annotations } of rules) {
    const { summary = '' } = annotations;
    // An aggregation keeps only what it groups by.
    const kept = readPromql(expr).grouped;
    for (const label of kept.length > 0 ? templated(summary) : [])
      t.ok(kept.includes(label), `${alert}: ${label}`);
    t.same(complaints(expr, templated(summary)), [], alert);
  }
});

t.test('each alert says what is the matter and what to do', async (t) => {
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  for (const { alert, labels, annotations } of rules) {
    t.match(alert, /^Limpet[A-Z][A-Za-z]+$/);
    t.match(labels.severity, /^(critical|warning|info)$/, alert);
    t.match(annotations.summary, /^\S.*\.$/, `${alert}: a sentence`);
    t.match(annotations.runbook, /^[A-Z].{30,}\.$/, `${alert}: a sentence of what to do`);
  }
  const page = read('docs/monitoring.md');
  for (const { alert } of rules) t.match(page, `\`${alert}\``, 'and the page has it');
});

t.test('what an operator must hear of has its alert', async (t) => {
  const asked = new Set(rules.flatMap(({ expr }) => readPromql(expr).selectors.map(({ metric }) => metric)));
  for (const metric of [
    'limpet_upstream_up',
    'limpet_ejections_total',
    'limpet_requests_total',
    'limpet_request_seconds_bucket',
    'limpet_session_store_up',
    'limpet_revocations_synced',
    'limpet_certificate_expiry_timestamp_seconds',
    'limpet_acme_failing_since_timestamp_seconds',
    'limpet_config_reloads_total',
    'limpet_worker_restarts_total',
    'limpet_log_dropped_total',
    'limpet_connections_max',
  ])
    t.ok(asked.has(metric), metric);
});

t.test('what is to wake somebody at its first event is told as 0 before', async (t) => {
  const shelf = new MetricShelf({ workers: 1, onFull: () => {} });
  beginAtZero(shelf.own);
  const exposition = new Exposition({
    shelf,
    upstreams: () => [],
    pools: () => [],
    generation: () => 1,
    configSinceMs: () => 0,
    logDropped: () => 0,
    nowMs: () => 0,
  });
  const families = readMetrics(await exposition.text(), 'text');
  // Where nothing is traced nothing can be dropped; with tracing, its counters begin with it.
  const waking = rules.filter(
    ({ alert, expr }) => /increase\(.*> 0$/.test(expr) && alert !== 'LimpetSpansDropped',
  );
  t.ok(waking.length >= 4);
  for (const { alert, expr } of waking) {
    for (const { metric, matchers } of readPromql(expr).selectors) {
      const fits = families
        .get(metric)!
        .samples.filter(({ labels }) => matchers.every(({ label, value }) => labels[label] === value));
      t.same(
        fits.map(({ value }) => value),
        [0],
        `${alert}: ${metric}`,
      );
    }
  }
});

t.test('thresholds lie where a bucket ends, since between them nobody knows', async (t) => {
  for (const { alert, expr } of rules) {
    const bound = /histogram_quantile[\s\S]*?>\s*([\d.]+)/.exec(expr)?.[1];
    if (bound !== undefined) t.ok(BUCKET_BOUNDS_S.includes(Number(bound)), `${alert}: ${bound} s`);
  }
});

t.test('the dashboard asks for what there is', async (t) => {
  const targets = panels.flatMap(({ title, targets = [] }) =>
    targets.map((target) => ({ title, ...target })),
  );
  t.ok(targets.length > 20);
  for (const { title, expr, legendFormat } of targets)
    t.same(complaints(expr, templated(legendFormat)), [], title);
  for (const { name, query } of dashboard.templating.list) {
    if (name === 'datasource') continue;
    const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query.query) ?? [];
    t.same(complaints(selector, [label]), [], `the variable ${name}`);
  }
  for (const { name, expr } of dashboard.annotations.list) t.same(complaints(expr, []), [], name);
  const text = JSON.stringify(dashboard);
  const variables = new Set(dashboard.templating.list.map(({ name }: { name: string }) => name));
  for (const [, used = ''] of text.matchAll(/\$\{?(\w+)/g))
    t.ok(variables.has(used) || used === '__rate_interval' || used === '__all', `$${used} is a variable`);
});

t.test('no panel lies on another', async (t) => {
  t.equal(new Set(panels.map(({ title }) => title)).size, panels.length, 'each has a title of its own');
  const cells = new Set<string>();
  for (const { title, gridPos } of panels) {
    t.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (cells.has(`${x} ${y}`)) t.fail(`${title} lies on another`);
        cells.add(`${x} ${y}`);
      }
  }
});
