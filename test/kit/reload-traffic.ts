// Traffic of all kinds while a Limpet reloads again and again with real changes: what failed, which tunnels were closed, what was answered.
import { renameSync, writeFileSync } from 'node:fs';
import { type ClientRequest, get } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { type RunningLimpet, startLimpet } from './limpet.ts';
import { type DrillUpstream, Generator, startDrillUpstreams, stopDrillUpstreams } from './load-drill.ts';
import { memoryKiB } from './load-usage.ts';
import { askPath, calm, startNamedApp, until } from './named-app.ts';
import { freePort } from './ports.ts';

export interface ReloadTraffic {
  readonly reloads: number;
  /** Between two reloads at least, ms. */
  readonly everyMs: number;
  /** Requests a second on kept connections. */
  readonly rate: number;
  readonly users: number;
  /** Open WebSockets, and as many event streams. */
  readonly streams: number;
  readonly workers: number;
}

export interface ReloadFigures {
  readonly applied: number;
  readonly answered: number;
  /** Whatever went wrong, in words. */
  readonly failures: readonly string[];
  readonly freshConnections: number;
  readonly echoes: number;
  readonly events: number;
  readonly reloadMs: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Resident memory after a tenth of the reloads, and at the end, MiB. */
  readonly rssMiB: readonly [number, number];
  /** Configs that still lived a while after the streams had ended. */
  readonly olderAtEnd: number;
}

type Owner = { teardown(run: () => unknown): void };

const SECRETS = ['the-first-secret-of-a-drill', 'the-second-secret-of-a-drill'];
const STREAM_EVERY_MS = 50;

/** Runs the whole of it. */
export async function reloadUnderTraffic(spec: ReloadTraffic, owner: Owner): Promise<ReloadFigures> {
  const upstreams = await startDrillUpstreams('kill', null);
  owner.teardown(() => stopDrillUpstreams(upstreams));
  const app = await startNamedApp('streams', owner);
  const sockets = new WebSocketServer({ server: app.server });
  owner.teardown(() => sockets.close());
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))));
  app.answer = (request, response, name) => {
    if (!request.url?.startsWith('/events')) {
      response.end(name);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let id = 0;
    const timer = setInterval(() => response.write(`id: ${++id}\n\n`), STREAM_EVERY_MS);
    response.on('close', () => clearInterval(timer));
  };
  const extraPort = await freePort();
  const textOf = (round: number): string =>
    JSON.stringify(configOf(round, upstreams, app.url, extraPort, spec.workers));
  const limpet = await startLimpet(textOf(0), { owner });
  const rewrite = (round: number): void => rewriteConfig(limpet, textOf(round));

  const failures: string[] = [];
  const generator = await Generator.start(null);
  owner.teardown(() => generator.stop());
  const load = generator.run({
    port: limpet.port,
    users: spec.users,
    rate: spec.rate,
    warmupMs: 0,
    // It is told when to end.
    measureMs: 3_600_000,
    drainMs: 8000,
    postEvery: 10,
    watchPid: 0,
  });
  load.catch(() => undefined);
  const streams = new Streams(limpet.port, spec.streams, failures);
  await until('all streams are open', () => streams.open === spec.streams * 2);
  const fresh = new FreshRequests(limpet.port, failures);

  const reloadMs: number[] = [];
  let applied = 0;
  let early = 0;
  for (let round = 1; round <= spec.reloads; round++) {
    rewrite(round);
    const beganMs = performance.now();
    const told = await reload(limpet);
    reloadMs.push(performance.now() - beganMs);
    if (told.result === 'applied') applied++;
    else failures.push(`reload ${round}: ${JSON.stringify(told)}`);
    if (round === Math.ceil(spec.reloads / 10)) early = rssMiB(limpet);
    await new Promise((resolve) => setTimeout(resolve, spec.everyMs));
  }
  const late = rssMiB(limpet);
  const freshConnections = await fresh.end();
  generator.finish();
  const result = await load;
  for (const { method, why, sentMs } of result.failures) failures.push(`${method} at ${sentMs}: ${why}`);
  const { echoes, events } = streams.end();
  let olderAtEnd = -1;
  await until('all older configs are let go', async () => {
    olderAtEnd = (await shown(limpet)).older;
    return olderAtEnd === 0;
  }).catch(() => {});
  return {
    applied,
    answered: result.answered,
    failures,
    freshConnections,
    echoes,
    events,
    reloadMs,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    rssMiB: [early, late],
    olderAtEnd,
  };
}

/**
 * A config for each round, of a cycle: an upstream leaves and comes back, a weight changes, a route with a pool of its own comes and goes, so does a
 * listener; the secret of affinity is rotated; timeouts and limits change.
 */
function configOf(
  round: number,
  upstreams: readonly DrillUpstream[],
  streams: string,
  extraPort: number,
  workers: number,
): object {
  const at = (i: number): string => `http://127.0.0.1:${upstreams[i]!.port}`;
  const has = (bit: number): boolean => Math.floor(round / bit) % 2 === 1;
  const secrets = has(2) ? [SECRETS[1], SECRETS[0]] : [SECRETS[0], SECRETS[1]];
  return {
    listeners: [
      { bind: '127.0.0.1:{port}' },
      ...(has(2) ? [{ bind: `127.0.0.1:${extraPort}`, name: 'extra' }] : []),
    ],
    admin: { bind: '127.0.0.1:{adminPort}' },
    log: { access: false },
    workers,
    limits: { head: has(1) ? '16KiB' : '32KiB' },
    routes: [
      { path: '/', pool: 'main', timeouts: { response: has(2) ? '20s' : '30s' } },
      { path: '/events', pool: 'streams' },
      { path: '/socket', pool: 'streams' },
      ...(has(4) ? [{ path: '/extra', pool: 'extra' }] : []),
    ],
    pools: {
      main: {
        // The third upstream comes and goes, so its users move.
        upstreams: [{ url: at(0), weight: has(1) ? 2 : 1 }, at(1), ...(has(1) ? [at(2)] : [])],
        affinity: { cookie: { secrets } },
      },
      streams: { upstreams: [streams], health: calm },
      ...(has(4) ? { extra: { upstreams: [streams], health: calm } } : {}),
    },
    ...(has(4) ? { errors: { 404: { text: `round ${round}` } } } : {}),
  };
}

/** Writes another config for a running Limpet; `{port}` and `{adminPort}` stand for its own. Nothing reads it yet. */
export function rewriteConfig(limpet: RunningLimpet, text: string): void {
  const adminPort = new URL(limpet.adminUrl).port;
  const filled = text.replaceAll('{port}', String(limpet.port)).replaceAll('{adminPort}', adminPort);
  // As a careful editor does: whole or not at all.
  writeFileSync(`${limpet.configFile}.new`, filled);
  renameSync(`${limpet.configFile}.new`, limpet.configFile);
}

/** Reloads by the API. */
export async function reload(
  limpet: RunningLimpet,
): Promise<{ readonly result?: string; readonly [key: string]: unknown }> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/reload`, { method: 'POST' });
  return (await answer.json()) as { result?: string };
}

/** What `GET /api/v1/config` tells. */
export async function shown(limpet: RunningLimpet): Promise<{
  readonly generation: number;
  readonly older: number;
  readonly config: Record<string, unknown>;
}> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/config`);
  return (await answer.json()) as Awaited<ReturnType<typeof shown>>;
}

function rssMiB({ pid }: RunningLimpet): number {
  return Math.round(memoryKiB([pid]).rssKiB / 1024);
}

/** WebSockets that are echoed, and event streams whose ids rise by one; both stay open over all reloads. */
class Streams {
  open = 0;
  #echoes = 0;
  #events = 0;
  #ended = false;
  readonly #failures: string[];
  readonly #sockets: WebSocket[] = [];
  readonly #requests: ClientRequest[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(port: number, count: number, failures: string[]) {
    this.#failures = failures;
    for (let i = 0; i < count; i++) {
      this.#connect(port, i);
      this.#listen(port, i);
    }
    this.#timer = setInterval(() => {
      for (const socket of this.#sockets) if (socket.readyState === WebSocket.OPEN) socket.send('echo');
    }, STREAM_EVERY_MS);
  }

  end(): { readonly echoes: number; readonly events: number } {
    this.#ended = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.terminate();
    for (const request of this.#requests) request.destroy();
    return { echoes: this.#echoes, events: this.#events };
  }

  #fail(what: string): void {
    if (!this.#ended) this.#failures.push(what);
  }

  #connect(port: number, i: number): void {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
    this.#sockets.push(socket);
    socket.on('open', () => this.open++);
    socket.on('message', () => this.#echoes++);
    socket.on('error', (error) => this.#fail(`WebSocket ${i}: ${error.message}`));
    socket.on('close', (code) => this.#fail(`WebSocket ${i} was closed: ${code}`));
  }

  #listen(port: number, i: number): void {
    const request = get({ host: '127.0.0.1', port, path: '/events', agent: false }, (response) => {
      this.open++;
      let text = '';
      let last = 0;
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const id = Number(text.slice(4, end));
          if (id !== ++last) this.#fail(`stream ${i}: event ${id} in place of ${last}`);
          this.#events++;
          text = text.slice(end + 2);
        }
      });
      response.on('close', () => this.#fail(`stream ${i} was closed`));
    });
    request.on('error', (error) => this.#fail(`stream ${i}: ${error.message}`));
    this.#requests.push(request);
  }
}

/** A request after another, each on a connection of its own. */
class FreshRequests {
  #count = 0;
  #ended = false;
  readonly #running: Promise<void>;

  constructor(port: number, failures: string[]) {
    this.#running = this.#run(port, failures);
  }

  /** Resolves to how many were answered. */
  async end(): Promise<number> {
    this.#ended = true;
    await this.#running;
    return this.#count;
  }

  async #run(port: number, failures: string[]): Promise<void> {
    while (!this.#ended) {
      try {
        const { status } = await askPath(port, '/');
        if (status === 200) this.#count++;
        else failures.push(`a fresh connection: ${status}`);
      } catch (error) {
        failures.push(`a fresh connection: ${(error as Error).message}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
