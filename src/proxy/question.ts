// Turns a request as it is typed into bytes, and routes and upstreams into words; the small change of `explain`.
import type { Config, ListenerConfig } from '../config/config.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { isEligible, OBSERVED_NAMES, WANTED, WANTED_NAMES } from '../upstream/upstream-table.ts';
import type { Question } from './explanation.ts';

/** The listener whose port the URL names, else one that speaks as the URL says; the first where there is neither. */
export function listenerFor(config: Config, url: string): ListenerConfig {
  const absolute = /^(https?):\/\/[^/?#]*?(?::(\d+))?(?:[/?#]|$)/i.exec(url);
  const secure = absolute?.[1]?.toLowerCase() === 'https';
  const usual = secure ? 443 : 80;
  const port = absolute === null ? -1 : Number(absolute[2] ?? usual);
  const { listeners } = config;
  return (
    listeners.find(({ bind }) => bind.kind === 'tcp' && bind.port === port) ??
    listeners.find(({ tls }) => absolute !== null && (tls !== null) === secure) ??
    // A config without a listener does not load.
    listeners[0]!
  );
}

export function reasonOf(plan: RoutePlan): string {
  const host = plan.host === null ? 'any host' : `host ${plan.host}`;
  const path = plan.exact ? `exactly ${plan.path}` : `paths under ${plan.path}`;
  const methods = plan.methods === null ? 'every method' : plan.methods.join(', ');
  return `${host}, ${path}, ${methods}`;
}

export function whyNot(upstream: Upstream): string {
  const wanted = WANTED_NAMES[upstream.table.wanted[upstream.slot]!]!;
  if (wanted !== 'ready') return `${upstream.name}, wanted ${wanted}`;
  const observed = upstream.table.observed[upstream.slot]!;
  if (!isEligible(WANTED.ready, observed)) return `${upstream.name}, ${OBSERVED_NAMES[observed]}`;
  return upstream.table.weight[upstream.slot] === 0
    ? `${upstream.name}, of weight 0`
    : `${upstream.name}, a backup for when no other is up`;
}

/** The request as bytes, as a client would send it: the authority of an absolute URL is its `Host`, and a fragment stays at home. */
export function requestBytes(question: Question): Uint8Array {
  const absolute = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(question.url);
  const target = absolute === null ? question.url : (absolute[2] ?? '');
  const named = question.headers.some(([name]) => name.toLowerCase() === 'host');
  const host = named ? '' : `Host: ${absolute?.[1] ?? 'localhost'}\r\n`;
  const rest = question.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const path = absolute !== null && !target.startsWith('/') ? `/${target}` : target;
  return new Uint8Array(Buffer.from(`${question.method} ${path} HTTP/1.1\r\n${host}${rest}\r\n`));
}
