// The two forms of /metrics, and which of them whoever asks would rather have.

/** `text`: Prometheus' own, which every scraper reads; `openmetrics`: its successor, which can point to traces. */
export type ExpositionFormat = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** Versions of OpenMetrics that a reader of ours can be told; without one, any will do. */
const VERSIONS: ReadonlySet<string> = new Set(['', '0.0.1', '1.0.0']);

/** The form that an `Accept` field asks for: OpenMetrics where it is named and nothing else is preferred, else text. */
export function preferredFormat(accept: string | undefined): ExpositionFormat {
  let open = 0;
  let text = 0;
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const of = (name: string): string =>
      parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
    const written = of('q');
    const q = written === '' ? 1 : Number(written);
    if (!(q > 0)) continue;
    if (type === 'application/openmetrics-text' && VERSIONS.has(of('version').replaceAll('"', '')))
      open = Math.max(open, q);
    else if (type === 'text/plain') text = Math.max(text, q);
  }
  return open > 0 && open >= text ? 'openmetrics' : 'text';
}
