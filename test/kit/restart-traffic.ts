// Steady traffic of four kinds through a proxy that is restarted, which forgives nothing: whatever is refused, cut or wrong is told.
import { get } from 'node:http';
import { WebSocket } from 'ws';
import { startUpstream } from './load-upstream.ts';
import { LoadUser } from './load-user.ts';
import { freePort } from './ports.ts';
import { EVENTS, startStreamsApp } from './streams-app.ts';

/** How many of a kind, and how often each of them asks. */
export interface TrafficSpec {
  readonly keepAlive: number;
  readonly fresh: number;
  readonly webSockets: number;
  readonly eventStreams: number;
  readonly everyMs: number;
}

/** What came of the traffic. */
export interface TrafficCount {
  /** Answers to requests. */
  answered: number;
  /** Messages that came back on WebSockets, and WebSockets that were told to come again. */
  echoed: number;
  toldToLeave: number;
  /** Event streams that came to their end. */
  streamed: number;
  /** Longest that an answer took from when its request was due, ms. */
  worstMs: number;
  /** Longest that this process itself stood still, ms: latencies up to it say nothing of the proxy. */
  stalledMs: number;
  /** What went wrong, by kind and reason. */
  readonly failures: Map<string, number>;
}

const TICK_MS = 5;

/** The upstreams: one for requests, one for WebSockets and event streams below /long/. */
export interface TrafficUpstreams {
  readonly plainPort: number;
  readonly longPort: number;
  stop(): void;
}

export async function startTrafficUpstreams(): Promise<TrafficUpstreams> {
  const plainPort = await freePort();
  const plain = await startUpstream(plainPort, 1);
  const long = await startStreamsApp();
  return {
    plainPort,
    longPort: long.port,
    stop: () => {
      plain.close();
      long.stop();
    },
  };
}

/** Runs until `stop`. `port`: where to connect to, asked for each connection. */
export class RestartTraffic {
  readonly count: TrafficCount = {
    answered: 0,
    echoed: 0,
    toldToLeave: 0,
    streamed: 0,
    worstMs: 0,
    stalledMs: 0,
    failures: new Map(),
  };
  readonly #spec: TrafficSpec;
  readonly #port: () => number;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #users: LoadUser[] = [];
  readonly #sockets = new Set<WebSocket>();
  #stopping = false;
  #open = 0;

  constructor(spec: TrafficSpec, port: () => number) {
    this.#spec = spec;
    this.#port = port;
  }

  start(): void {
    const { keepAlive, fresh, webSockets, eventStreams } = this.#spec;
    let tickedMs = performance.now();
    const tick = setInterval(() => {
      const nowMs = performance.now();
      this.count.stalledMs = Math.max(this.count.stalledMs, nowMs - tickedMs - TICK_MS);
      tickedMs = nowMs;
    }, TICK_MS);
    this.#timers.push(tick);
    for (let i = 0; i < keepAlive; i++) this.#ask(i, 'get');
    for (let i = 0; i < fresh; i++) this.#ask(keepAlive + i, 'closing');
    for (let i = 0; i < webSockets; i++) this.#talk();
    for (let i = 0; i < eventStreams; i++) this.#listen();
  }

  /** Lets what is under way end; resolves when it has. */
  async stop(): Promise<TrafficCount> {
    this.#stopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    const untilMs = performance.now() + 20_000;
    while ((this.#users.some(({ busy }) => busy) || this.#open > 0) && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const user of this.#users) if (user.busy) user.close('no answer');
    for (const user of this.#users) user.close('over');
    for (const socket of this.#sockets) socket.terminate();
    return this.count;
  }

  #failed(kind: string, why: string): void {
    const key = `${kind}: ${why}`;
    this.count.failures.set(key, (this.count.failures.get(key) ?? 0) + 1);
  }

  /** A user whose requests are due each `everyMs`, whatever became of those before: they wait for him, and the time counts. */
  #ask(id: number, shape: 'get' | 'closing'): void {
    const waiting: number[] = [];
    const next = (user: LoadUser): void => {
      const dueMs = waiting.shift();
      if (dueMs !== undefined) user.send(false, dueMs, performance.now());
    };
    const report = {
      answered: (user: LoadUser) => {
        this.count.answered++;
        this.count.worstMs = Math.max(this.count.worstMs, performance.now() - user.dueMs);
        next(user);
      },
      failed: (user: LoadUser, why: string) => {
        this.#failed(shape === 'get' ? 'keep-alive' : 'new connection', why);
        // Not at once: a refused connection would be asked for in a circle without end.
        setTimeout(() => {
          if (!user.busy) next(user);
        }, 10);
      },
    };
    const user = new LoadUser(id, this.#port, report, {}, shape);
    this.#users.push(user);
    const { everyMs } = this.#spec;
    const first = setTimeout(() => {
      this.#timers.push(
        setInterval(() => {
          waiting.push(performance.now());
          if (!user.busy) next(user);
        }, everyMs),
      );
    }, Math.random() * everyMs);
    this.#timers.push(first);
  }

  /** A WebSocket that says something each while, and comes again when it is told that the server goes away. */
  #talk(): void {
    if (this.#stopping) return;
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port()}/long/ws`);
    this.#sockets.add(socket);
    let sent = 0;
    let heard = 0;
    let timer: NodeJS.Timeout | null = null;
    socket.on('open', () => {
      timer = setInterval(() => {
        if (socket.readyState === WebSocket.OPEN && sent === heard) socket.send(String(++sent));
      }, this.#spec.everyMs);
    });
    socket.on('message', (data) => {
      heard++;
      if (String(data) === String(heard)) this.count.echoed++;
      else this.#failed('websocket', `heard ${data} in place of ${heard}`);
    });
    socket.on('error', (error) => this.#failed('websocket', error.message));
    socket.on('close', (code) => {
      if (timer !== null) clearInterval(timer);
      this.#sockets.delete(socket);
      if (this.#stopping) return;
      if (code === 1001) this.count.toldToLeave++;
      else this.#failed('websocket', `closed with ${code}`);
      this.#talk();
    });
  }

  #listen(): void {
    if (this.#stopping) return;
    this.#open++;
    let text = '';
    let over = false;
    const end = (why: string): void => {
      if (over) return;
      over = true;
      this.#open--;
      if (why === '') this.count.streamed++;
      else this.#failed('event stream', why);
      setTimeout(() => this.#listen(), 10);
    };
    const request = get(
      { port: this.#port(), host: '127.0.0.1', path: '/long/sse', agent: false },
      (answer) => {
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => {
          text += piece;
        });
        answer.on('end', () => {
          const whole = answer.statusCode === 200 && text.endsWith(`data: ${EVENTS}\n\n`) && answer.complete;
          end(whole ? '' : `status ${answer.statusCode} with ${text.length} characters`);
        });
        answer.on('error', (error) => end(error.message));
      },
    );
    request.on('error', (error) => end(error.message));
  }
}
