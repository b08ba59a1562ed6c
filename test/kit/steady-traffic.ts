// Steady traffic of four kinds through a proxy whose config changes: kept and new connections at a fixed rate, WebSockets and event streams that stay open.
import { type ClientRequest, get } from 'node:http';
import { WebSocket } from 'ws';
import { Generator } from './load-drill.ts';
import type { LoadResult, LoadSpec } from './load-generator.ts';

export interface SteadySpec {
  readonly port: number;
  /** Requests a second on kept connections, of so many users. */
  readonly rate: number;
  readonly users: number;
  /** Requests a second on a connection each. */
  readonly freshRate: number;
  /** Open WebSockets, and as many event streams. */
  readonly streams: number;
  /** Where the load runs; null: on any core. */
  readonly core: number | null;
}

/** What came of it. Latencies are from when a request was due. */
export interface SteadyCount {
  readonly answered: number;
  readonly freshAnswered: number;
  /** Messages that came back, and events. */
  readonly echoes: number;
  readonly events: number;
  /** Whatever went wrong, in words. */
  readonly failures: readonly string[];
  /** Requests that had no right answer; those of them whose connection was refused, reset or closed. */
  readonly failedRequests: number;
  readonly lostConnections: number;
  /** WebSockets that were closed or not opened, and event streams that ended. Each is opened again. */
  readonly tunnelsClosed: number;
  readonly streamsBroken: number;
  /** Of kept connections. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of both kinds of requests. */
  readonly worstMs: number;
  /** Longest that a load generator itself stood still: latencies up to it say nothing of the proxy. */
  readonly stalledMs: number;
}

/** The host paths of what stays open. */
const SOCKETS = '/long/sockets';
const EVENTS = '/long/events';
const ECHO_EVERY_MS = 50;
/** One that was closed comes again after so long, ms. */
const AGAIN_MS = 20;
const READY_MS = 30_000;

/** Runs from `start` to `end`. */
export class SteadyTraffic {
  readonly #generators: readonly Generator[];
  readonly #runs: readonly Promise<LoadResult>[];
  readonly #streams: OpenStreams;

  private constructor(generators: readonly Generator[], spec: SteadySpec) {
    this.#generators = generators;
    const load = (rate: number, users: number, shape: 'get' | 'closing'): LoadSpec => ({
      port: spec.port,
      users,
      rate,
      shape,
      warmupMs: 0,
      // It is told when to end.
      measureMs: 3_600_000,
      drainMs: 8000,
      // A POST may not be sent again: where its connection is closed under it, it fails.
      postEvery: shape === 'get' ? 10 : 0,
      watchPid: 0,
    });
    this.#runs = [
      generators[0]!.run(load(spec.rate, spec.users, 'get')),
      generators[1]!.run(load(spec.freshRate, 50, 'closing')),
    ];
    // `end` waits for them; where nobody does, there is another error to see.
    for (const run of this.#runs) run.catch(() => undefined);
    this.#streams = new OpenStreams(spec.port, spec.streams);
  }

  /** Resolves when all that stays open is open. */
  static async start(spec: SteadySpec): Promise<SteadyTraffic> {
    const generators = [await Generator.start(spec.core), await Generator.start(spec.core)];
    const traffic = new SteadyTraffic(generators, spec);
    const endMs = performance.now() + READY_MS;
    while (traffic.#streams.open < spec.streams * 2) {
      if (performance.now() > endMs) {
        await traffic.kill();
        throw new Error(`only ${traffic.#streams.open} of ${spec.streams * 2} streams are open`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return traffic;
  }

  /** Lets what is under way be answered. */
  async end(): Promise<SteadyCount> {
    for (const generator of this.#generators) generator.finish();
    const [kept, fresh] = (await Promise.all(this.#runs)) as [LoadResult, LoadResult]; // one of each
    const { echoes, events, tunnelsClosed, streamsBroken, failures } = this.#streams.end();
    await this.kill();
    const failed = [...kept.failures, ...fresh.failures];
    const lost = failed.filter(({ why }) => why === 'closed' || why.startsWith('connect '));
    return {
      answered: kept.answered,
      freshAnswered: fresh.answered,
      echoes,
      events,
      failures: [
        ...kept.failures.map(({ method, why, sentMs }) => `${method} at ${sentMs}: ${why}`),
        ...fresh.failures.map(({ why, sentMs }) => `a fresh connection at ${sentMs}: ${why}`),
        ...failures,
      ],
      failedRequests: kept.failed + fresh.failed,
      lostConnections: lost.length,
      tunnelsClosed,
      streamsBroken,
      p50Ms: kept.p50Ms,
      p99Ms: kept.p99Ms,
      worstMs: Math.max(kept.maxMs, fresh.maxMs),
      stalledMs: Math.max(kept.stalledMs, fresh.stalledMs),
    };
  }

  /** Ends it without a count. */
  async kill(): Promise<void> {
    this.#streams.end();
    for (const generator of this.#generators) await generator.stop();
  }
}

/** WebSockets that are echoed, and event streams whose ids rise by one. */
class OpenStreams {
  /** Of both kinds, opened so far. */
  open = 0;
  #echoes = 0;
  #events = 0;
  #tunnelsClosed = 0;
  #streamsBroken = 0;
  #ended = false;
  readonly #port: number;
  readonly #failures: string[] = [];
  readonly #sockets = new Set<WebSocket>();
  readonly #requests = new Set<ClientRequest>();
  readonly #timer: NodeJS.Timeout;

  constructor(port: number, count: number) {
    this.#port = port;
    for (let i = 0; i < count; i++) {
      this.#connect(i);
      this.#listen(i);
    }
    this.#timer = setInterval(() => {
      for (const socket of this.#sockets) if (socket.readyState === WebSocket.OPEN) socket.send('echo');
    }, ECHO_EVERY_MS);
  }

  end(): Pick<SteadyCount, 'echoes' | 'events' | 'tunnelsClosed' | 'streamsBroken' | 'failures'> {
    this.#ended = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.terminate();
    for (const request of this.#requests) request.destroy();
    return {
      echoes: this.#echoes,
      events: this.#events,
      tunnelsClosed: this.#tunnelsClosed,
      streamsBroken: this.#streamsBroken,
      failures: this.#failures,
    };
  }

  #connect(i: number): void {
    if (this.#ended) return;
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}${SOCKETS}`);
    this.#sockets.add(socket);
    let why = '';
    socket.on('open', () => this.open++);
    socket.on('message', () => this.#echoes++);
    socket.on('error', (error) => {
      why = `: ${error.message}`;
    });
    // It follows every error.
    socket.on('close', (code) => {
      this.#sockets.delete(socket);
      if (this.#ended) return;
      this.#tunnelsClosed++;
      this.#failures.push(`WebSocket ${i} was closed: ${code}${why}`);
      setTimeout(() => this.#connect(i), AGAIN_MS);
    });
  }

  #listen(i: number): void {
    if (this.#ended) return;
    const place = { host: '127.0.0.1', port: this.#port, path: EVENTS, agent: false } as const;
    const request = get(place, (response) => {
      if (response.statusCode === 200) this.open++;
      let text = '';
      let last = 0;
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const id = Number(text.slice(4, end));
          if (id !== ++last && !this.#ended)
            this.#failures.push(`stream ${i}: event ${id} in place of ${last}`);
          this.#events++;
          text = text.slice(end + 2);
        }
      });
      // `close` tells of it.
      response.on('error', () => {});
    });
    this.#requests.add(request);
    let why = '';
    request.on('error', (error) => {
      why = `: ${error.message}`;
    });
    request.on('close', () => {
      this.#requests.delete(request);
      if (this.#ended) return;
      this.#streamsBroken++;
      this.#failures.push(`stream ${i} was closed${why}`);
      setTimeout(() => this.#listen(i), AGAIN_MS);
    });
  }
}
