// What a registry of prom-client's is told otherwise where it prints OpenMetrics: names of counters, bounds, and exemplars.
import type { Metric, OpenMetricsContentType, Registry } from 'prom-client';

/** What prom-client's registry prints of a bucket's exemplar. */
export interface PrintedExemplar {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** One line of a metric, as prom-client's registry takes it. */
export interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels?: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly exemplar?: PrintedExemplar | null;
}

/** What `get` of a metric gives. prom-client's own types leave out what its registry reads. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

/**
 * Registers every metric of `from` with `to` under its name in OpenMetrics: a counter's family has no `_total`, its samples do (OpenMetrics
 * 1.0, "Counter"), and bounds are written as floats. Not the metrics themselves, since printing OpenMetrics renames a counter for good.
 */
export function openMetricsOf(from: Registry, to: Registry<OpenMetricsContentType>): void {
  for (const metric of from.getMetricsAsArray()) {
    // What prom-client's registry calls on a metric is `get`, and that is all that is promised here.
    const source = metric as unknown as {
      readonly name: string;
      readonly type: string;
      get(): Promise<Family>;
    };
    const renamed = {
      ...{ name: familyName(source), help: '', type: '', aggregator: 'sum' },
      get: async () => inOpenMetrics(await source.get()),
      reset: () => {},
    };
    to.registerMetric(renamed as unknown as Metric);
  }
}

function inOpenMetrics(family: Family): Family {
  if (family.type === 'counter') return { ...family, name: familyName(family) };
  return family.type === 'histogram' ? { ...family, values: family.values.map(withFloatBound) } : family;
}

/** Gauges may end in `_total`, as one of Node's does, and keep it. */
function familyName({ name, type }: Pick<Family, 'name' | 'type'>): string {
  return type === 'counter' ? name.replace(/_total$/, '') : name;
}

/** `le="1.0"`, as OpenMetrics has numbers; Prometheus 3 makes the same of what the older form says. */
function withFloatBound(sample: Sample): Sample {
  const { le } = sample.labels;
  if (le === undefined || !/^\d+$/.test(String(le))) return sample;
  return { ...sample, labels: { ...sample.labels, le: `${le}.0` } };
}
