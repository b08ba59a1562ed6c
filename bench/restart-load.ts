// What the scenarios of restarts have in common: the traffic, what is asked of the proxy under it, and the figures of what came of it.
import type { TrafficCount, TrafficSpec, TrafficUpstreams } from '../test/kit/restart-traffic.ts';
import type { LiveTask, PeerTask } from './peers.ts';
import type { Column } from './report.ts';

/** What an old process is given to end, ms. */
export const END_MS = 3000;
/** How long one waits for it beyond what it was given, ms. */
export const OVER_MS = 5000;
const EVERY_MS = 100;
const WEB_SOCKETS = 20;
const EVENT_STREAMS = 10;

/** Says in a title what the traffic is. */
export function trafficWords(rate: number): string {
  return `${rate} requests/s (a third on connections of their own), ${WEB_SOCKETS} WebSockets and ${EVENT_STREAMS} event streams of a third of a second`;
}

/** `rate`: requests a second. */
export function trafficSpec(rate: number): TrafficSpec {
  const users = (rate * EVERY_MS) / 1000;
  return {
    keepAlive: Math.ceil((users * 2) / 3),
    fresh: Math.ceil(users / 3),
    webSockets: WEB_SOCKETS,
    eventStreams: EVENT_STREAMS,
    everyMs: EVERY_MS,
  };
}

export function restartTask(
  dir: string,
  upstreams: TrafficUpstreams,
  live: Omit<LiveTask, 'longPort' | 'endMs'>,
): PeerTask {
  return {
    upstreamPorts: [upstreams.plainPort],
    dir,
    // Nothing is pinned: what counts is who is kept waiting, and a proxy that makes its next config ready, or its successor, has more than one thread at work.
    core: null,
    affinity: true,
    accessLog: false,
    responseMs: 60_000,
    byLatency: false,
    workers: 1,
    routes: 1,
    checkMs: 2000,
    live: { longPort: upstreams.longPort, endMs: END_MS, ...live },
  };
}

export const RESTART_COLUMNS: readonly Column[] = [
  { key: 'failedRequests', head: 'failed requests', digits: 0 },
  { key: 'lostConnections', head: 'of them by a lost connection', digits: 0 },
  { key: 'toldToLeave', head: 'WebSockets told to leave', digits: 0 },
  { key: 'tunnelsClosed', head: 'cut', digits: 0 },
  { key: 'streamsBroken', head: 'streams broken', digits: 0 },
  { key: 'answered', head: 'answered', digits: 0 },
  { key: 'worstMs', head: 'worst ms', digits: 0 },
  { key: 'stalledMs', head: 'load stood still ms', digits: 0 },
];

/** The figures of these columns, and `refused`: connections of all kinds that nobody took. */
export function restartFigures(count: TrafficCount): Record<string, number> {
  const { failures, answered, toldToLeave, worstMs, stalledMs } = count;
  const sum = (matches: (key: string) => boolean): number =>
    [...failures].reduce((total, [key, times]) => total + (matches(key) ? times : 0), 0);
  const isRequest = (key: string): boolean => /^(keep-alive|new connection): /.test(key);
  return {
    failedRequests: sum(isRequest),
    lostConnections: sum((key) => isRequest(key) && /: (closed|connect .*)$/.test(key)),
    refused: sum((key) => /: connect /.test(key)),
    toldToLeave,
    tunnelsClosed: sum((key) => key.startsWith('websocket: closed')),
    streamsBroken: sum((key) => key.startsWith('event stream: ')),
    answered,
    worstMs,
    stalledMs,
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
