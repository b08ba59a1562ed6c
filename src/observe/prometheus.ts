// The text of /metrics: prom-client prints it, from the shelf's sums and from what the main thread knows when it is asked.
import { collectDefaultMetrics, type Metric, type OpenMetricsContentType, Registry } from 'prom-client';
import type { Exemplar, Exemplars } from './exemplars.ts';
import type { ExpositionFormat } from './exposition-format.ts';
import { countOf, type MetricShelf, type MetricSum } from './metric-shelf.ts';
import { BUCKET_BOUNDS_S, type CountedName, labelKey, METRICS, type MetricDefinition } from './names.ts';
import { openMetricsOf, type PrintedExemplar, type Sample } from './open-metrics.ts';

/** One upstream's state, for the gauges that are read and not counted. */
export interface UpstreamGauges {
  readonly pool: string;
  readonly name: string;
  /** Health lets it serve. */
  readonly up: boolean;
  readonly inFlight: number;
  readonly users: number;
}

/** One pool's state, for the gauges that are read and not counted. */
export interface PoolGauges {
  readonly pool: string;
  /** Requests in its waiting line. */
  readonly waiting: number;
}

/** The switch's state, for the gauges that are read and not counted. */
export interface RevocationGauges {
  readonly entries: number;
  readonly synced: boolean;
  readonly waiting: number;
  /** How far the clock that replicas share is ahead of ours, ms. */
  readonly clockAheadMs: number;
  readonly loginsLost: number;
}

/** A certificate of a listener, for the gauge that is read and not counted. */
export interface CertificateGauges {
  readonly listener: string;
  readonly names: readonly string[];
  readonly fingerprint: string;
  readonly notAfterMs: number;
}

/** How a certificate by ACME fares. */
export interface AcmeGauges {
  readonly certificate: string;
  readonly notAfterMs: number | null;
  readonly failingSinceMs: number | null;
}

export interface ExpositionOptions {
  readonly shelf: MetricShelf;
  readonly upstreams: () => Iterable<UpstreamGauges>;
  readonly pools: () => Iterable<PoolGauges>;
  /** What is revoked; left out or null: no session is checked. */
  readonly revocations?: () => RevocationGauges | null;
  /** Certificates of the listeners; left out: none. */
  readonly certificates?: () => Iterable<CertificateGauges>;
  /** Certificates by ACME; left out: none. */
  readonly acme?: () => Iterable<AcmeGauges>;
  /** Number of the config in force. */
  readonly generation: () => number;
  /** Unix ms since when it is in force. */
  readonly configSinceMs: () => number;
  /** Whether a gauge with these labels is of something that the config still has; left out: all are. Counts are told for ever. */
  readonly lives?: (labels: Readonly<Record<string, string | number>>) => boolean;
  /** Log lines dropped, over all threads. */
  readonly logDropped: () => number;
  /** Client connections that all workers together hold at most; left out: nobody knows. */
  readonly connectionsMax?: () => number;
  /** Traces that histograms point to; left out: none. */
  readonly exemplars?: Exemplars;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Also tell of the process (CPU, memory, descriptors, event loop); default true. */
  readonly processMetrics?: boolean;
}

/** A text younger than this is given again, so that many scrapers cost what one does. */
const FRESH_MS = 1000;

/** A text, and when it was made. */
interface Made {
  readonly text: Promise<string>;
  readonly atMs: number;
}

/** All metrics of the process, as Prometheus' text (exposition format 0.0.4) or as OpenMetrics 1.0. Main thread. */
export class Exposition {
  readonly #registry = new Registry();
  /** Prints the same metrics as OpenMetrics. Filled when it is first asked. */
  readonly #open = new Registry<OpenMetricsContentType>();
  readonly #nowMs: () => number;
  readonly #made: { [F in ExpositionFormat]: Made | null } = { text: null, openmetrics: null };

  constructor(options: ExpositionOptions) {
    this.#nowMs = options.nowMs;
    this.#open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const ofSwitch = (value: (gauges: RevocationGauges) => number) => (): Sample[] => {
      const gauges = options.revocations?.() ?? null;
      return gauges === null ? [] : [{ labels: {}, value: value(gauges) }];
    };
    const read: Readonly<Record<string, () => Sample[]>> = {
      limpet_revocations_active: ofSwitch(({ entries }) => entries),
      limpet_revocations_synced: ofSwitch(({ synced }) => Number(synced)),
      limpet_revocations_waiting: ofSwitch(({ waiting }) => waiting),
      limpet_revocations_clock_skew_seconds: ofSwitch(({ clockAheadMs }) => clockAheadMs / 1000),
      limpet_logins_lost_total: ofSwitch(({ loginsLost }) => loginsLost),
      limpet_upstream_up: () => perUpstream(options.upstreams(), (upstream) => Number(upstream.up)),
      limpet_upstream_inflight: () => perUpstream(options.upstreams(), (upstream) => upstream.inFlight),
      limpet_upstream_users: () => perUpstream(options.upstreams(), (upstream) => upstream.users),
      limpet_pool_waiting: () =>
        Array.from(options.pools(), ({ pool, waiting }) => ({ labels: { pool }, value: waiting })),
      limpet_config_applied_timestamp_seconds: () => [{ labels: {}, value: options.configSinceMs() / 1000 }],
      limpet_certificate_expiry_timestamp_seconds: () =>
        Array.from(options.certificates?.() ?? [], ({ listener, names, fingerprint, notAfterMs }) => ({
          labels: { listener, name: names[0] ?? '', fingerprint: fingerprint.slice(0, 16) },
          value: Math.floor(notAfterMs / 1000),
        })),
      limpet_acme_certificate_expiry_timestamp_seconds: () =>
        Array.from(options.acme?.() ?? [], ({ certificate, notAfterMs }) => ({
          labels: { certificate },
          value: Math.floor((notAfterMs ?? 0) / 1000),
        })),
      limpet_acme_failing_since_timestamp_seconds: () =>
        Array.from(options.acme?.() ?? [], ({ certificate, failingSinceMs }) => ({
          labels: { certificate },
          value: Math.floor((failingSinceMs ?? 0) / 1000),
        })),
      limpet_config_generation: () => [{ labels: {}, value: options.generation() }],
      limpet_connections_max: () =>
        options.connectionsMax === undefined ? [] : [{ labels: {}, value: options.connectionsMax() }],
      limpet_log_dropped_total: () => [{ labels: {}, value: options.logDropped() }],
    };
    for (const [name, definition] of Object.entries(METRICS)) {
      const counts = (): Sample[] => {
        const all = counted(options.shelf, options.exemplars ?? null, name as CountedName);
        const { lives } = options;
        return lives === undefined || definition.kind !== 'gauge'
          ? all
          : all.filter(({ labels }) => lives(labels));
      };
      this.#register(name, definition, read[name] ?? counts);
    }
    if (options.processMetrics ?? true) collectDefaultMetrics({ register: this.#registry });
  }

  /** The text, at most a second old. */
  text(format: ExpositionFormat = 'text'): Promise<string> {
    const nowMs = this.#nowMs();
    const kept = this.#made[format];
    if (kept !== null && nowMs - kept.atMs < FRESH_MS) return kept.text;
    const text = this.#print(format);
    const made = { text, atMs: nowMs };
    this.#made[format] = made;
    // A text that could not be made is not kept; whoever asked for it gets the error.
    text.catch(() => {
      if (this.#made[format] === made) this.#made[format] = null;
    });
    return text;
  }

  #print(format: ExpositionFormat): Promise<string> {
    if (format === 'text') return this.#registry.metrics();
    if (this.#open.getMetricsAsArray().length === 0) openMetricsOf(this.#registry, this.#open);
    return this.#open.metrics();
  }

  #register(name: string, definition: MetricDefinition, samples: () => Sample[]): void {
    const metric = {
      name,
      help: definition.help,
      type: definition.kind,
      aggregator: 'sum',
      get: () => Promise.resolve({ name, help: definition.help, type: definition.kind, values: samples() }),
      reset: () => {},
    };
    // Because: prom-client's own counters and histograms can't be loaded with counts that were made elsewhere; what its
    // registry calls on a metric is `get` and `reset`, and those are here.
    this.#registry.registerMetric(metric as unknown as Metric);
  }
}

function perUpstream(
  upstreams: Iterable<UpstreamGauges>,
  value: (upstream: UpstreamGauges) => number,
): Sample[] {
  const samples: Sample[] = [];
  for (const upstream of upstreams) {
    samples.push({ labels: { pool: upstream.pool, upstream: upstream.name }, value: value(upstream) });
  }
  return samples;
}

function counted(shelf: MetricShelf, exemplars: Exemplars | null, name: CountedName): Sample[] {
  const sums = shelf.shown(name);
  if (METRICS[name].kind === 'histogram') {
    return sums.flatMap((sum) =>
      histogramSamples(name, sum, exemplars?.of(labelKey(name, sum.labels)) ?? []),
    );
  }
  return sums.map(({ labels, cells }) => ({ labels, value: cells[0]! }));
}

/** Buckets are cumulative in the text and not in the cells. */
function histogramSamples(
  name: string,
  { labels, cells }: MetricSum,
  exemplars: readonly (Exemplar | undefined)[],
): Sample[] {
  const samples: Sample[] = [];
  let below = 0;
  for (let bucket = 0; bucket < BUCKET_BOUNDS_S.length; bucket++) {
    below += cells[bucket]!;
    const le = String(BUCKET_BOUNDS_S[bucket]!);
    const exemplar = printed(exemplars[bucket]);
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below, exemplar });
  }
  const count = countOf(cells);
  const above = printed(exemplars[BUCKET_BOUNDS_S.length]);
  samples.push({
    metricName: `${name}_bucket`,
    labels: { ...labels, le: '+Inf' },
    value: count,
    exemplar: above,
  });
  samples.push({ metricName: `${name}_sum`, labels, value: cells[BUCKET_BOUNDS_S.length + 1]! });
  samples.push({ metricName: `${name}_count`, labels, value: count });
  return samples;
}

function printed(exemplar: Exemplar | undefined): PrintedExemplar | null {
  if (exemplar === undefined) return null;
  const { traceId, seconds, atS } = exemplar;
  return { labelSet: { trace_id: traceId }, value: seconds, timestamp: Math.round(atS * 1000) / 1000 };
}
