// How requests are traced, as the config says it.

/** Where spans go, and of which requests there are any. */
export interface TracingOptions {
  /** URL that OTLP over HTTP is posted to, path included. */
  readonly endpoint: string;
  /** Share of requests that are traced, 0 … 1. */
  readonly sample: number;
  /** `service.name`. */
  readonly service: string;
  /** Fields of each post; their values are secrets. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** A trusted client decides for its own traces. */
  readonly parentBased: boolean;
}

/** The packages that an operator installs beside Limpet. */
export const TRACING_PACKAGES = [
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
] as const;
