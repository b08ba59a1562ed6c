// Where spans go, out of the config as read; whether they can is better known before the first request.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { TRACING_PACKAGES, type TracingOptions } from '../observe/tracing-options.ts';
import { blame, blameKey, type Draft, warn } from './draft.ts';
import { isInstalled } from './installed.ts';
import { isWrong, quote } from './units.ts';
import { parseFieldValue } from './words.ts';

const EXAMPLE = 'http://127.0.0.1:4318';

/** Null: nothing is traced. */
export function resolveTracing(draft: Draft): TracingOptions | null {
  const { tracing } = draft.read;
  if (tracing === false) return null;
  const { endpoint, sample, service, parentBased } = tracing;
  const missing = TRACING_PACKAGES.filter((name) => !isInstalled(name));
  if (missing.length > 0) {
    const what = `${missing.length === 1 ? 'the package' : 'the packages'} ${missing.join(', ')}`;
    const why = `tracing needs ${what}, which ${missing.length === 1 ? 'is' : 'are'} not installed`;
    blameKey(draft, 'tracing', why, `npm install ${missing.join(' ')}`);
  }
  const headers = Object.entries(tracing.headers);
  for (const [name, value] of headers) {
    const reading = parseFieldValue(value);
    if (isWrong(reading)) blame(draft, `tracing.headers.${name}`, reading.wrong, reading.right);
  }
  return {
    endpoint: endpoint === undefined ? '' : readEndpoint(draft, endpoint, headers.length > 0),
    sample,
    service,
    headers,
    parentBased,
  };
}

function readEndpoint(draft: Draft, written: string, hasHeaders: boolean): string {
  const path = 'tracing.endpoint';
  let url: URL;
  try {
    url = new URL(written);
  } catch {
    blame(draft, path, `${quote(written)} is no URL`, EXAMPLE);
    return '';
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    blame(draft, path, `${quote(url.protocol)} is not spoken to collectors: OTLP goes over HTTP`, EXAMPLE);
  } else if (url.username !== '' || url.password !== '') {
    blame(
      draft,
      path,
      'a user and password in the URL would be ignored',
      'headers: { Authorization: "Basic ${COLLECTOR_AUTH}" }',
    );
  } else if (url.protocol === 'http:' && hasHeaders && !isLocal(url.hostname)) {
    warn(draft, path, 'the `headers` go over the network in clear', `https://${url.host}`);
  }
  if (url.pathname === '/') url.pathname = '/v1/traces';
  return url.href;
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
