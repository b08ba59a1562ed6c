// Everything that a soak needs under way: three apps, a session store, and Limpet with two workers in front of them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sign } from 'cookie-signature';
import { request } from 'undici';
import { makePair } from '../kit/certificates.ts';
import { Child, lives, type Owner } from '../kit/child.ts';
import { limpetMain, pinnedNode, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import { type RedisServer, startRedis } from '../kit/redis-server.ts';
import { rewriteConfig } from '../kit/reload-traffic.ts';
import { type ProxyBooks, readProxyBooks } from './books.ts';
import type { Door } from './door.ts';
import { configOf, SECRET, type Surroundings } from './soak-config.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Workers of the Limpet under test. */
export const WORKERS = 2;

/** How long an old process may live beside its successor, ms: several times what its config allows. */
const OLD_MS = 60_000;

/** An app that can be killed and started again. */
export interface SoakApp {
  readonly name: string;
  readonly port: number;
  child: Child;
}

/** The process that serves, and what its threads write. */
export interface Serving {
  readonly pid: number;
  readonly gaugeFile: string;
}

export class Stage {
  readonly owner: Owner;
  readonly apps: readonly SoakApp[];
  /** `Cookie` lines: two users who are logged in, a forged one, one whose session is gone, and nothing. */
  readonly credentials: readonly string[];
  /** The listeners that are always there. */
  readonly doors: readonly Door[];
  /** One that comes and goes with the config. */
  readonly extraDoor: Door;
  store: RedisServer;
  serving: Serving;
  readonly #limpet: RunningLimpet;
  readonly #around: Surroundings;
  readonly #folder: string;
  readonly #imports: string;

  private constructor(
    owner: Owner,
    apps: readonly SoakApp[],
    limpet: RunningLimpet,
    around: Surroundings,
    place: { readonly folder: string; readonly imports: string; readonly gaugeFile: string },
    store: RedisServer,
  ) {
    this.owner = owner;
    this.apps = apps;
    this.#limpet = limpet;
    this.#around = around;
    this.#folder = place.folder;
    this.#imports = place.imports;
    this.serving = { pid: limpet.pid, gaugeFile: place.gaugeFile };
    this.store = store;
    this.doors = [
      { port: limpet.port, secure: false },
      { port: around.securePort, secure: true },
    ];
    this.extraDoor = { port: around.extraPort, secure: false };
    const line = (id: string, secret = SECRET): string =>
      `Cookie: connect.sid=${encodeURIComponent(`s:${sign(id, secret)}`)}\r\n`;
    this.credentials = [line('ann'), line('ben'), line('ann', 'another secret'), line('gone'), ''];
  }

  /** `preloads`: modules of this folder that every thread of Limpet loads besides gauge.ts. */
  static async open(owner: Owner, preloads: readonly string[] = []): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-soak-'));
    owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const gaugeFile = join(folder, 'gauge.ndjson');
    const store = await openStore(owner);
    const apps: SoakApp[] = [];
    for (const name of ['ada', 'bob', 'cyd', 'eve']) {
      const port = await freePort();
      apps.push({ name, port, child: await launch(owner, name, port) });
    }
    // Nobody harms the one that comes and goes.
    const guest = apps.pop()!;
    const around = {
      apps,
      guest,
      storeUrl: store.url,
      workers: WORKERS,
      securePort: await freePort(),
      extraPort: await freePort(),
    };
    const imports = ['gauge.ts', ...preloads]
      .map((name) => `--import=${new URL(name, import.meta.url)}`)
      .join(' ');
    const [first, second] = [makePair({ names: ['soak.test'] }), makePair({ names: ['soak.test'] })];
    const limpet = await startLimpet(JSON.stringify(configOf(around, 0)), {
      owner,
      group: true,
      files: { 'a.pem': first.cert, 'a.key': first.key, 'b.pem': second.cert, 'b.key': second.key },
      args: ['--control', join(folder, 'control'), '--pid-file', join(folder, 'pid')],
      env: { NODE_OPTIONS: imports, LIMPET_SOAK_GAUGE: gaugeFile },
    });
    return new Stage(owner, apps, limpet, around, { folder, imports, gaugeFile }, store);
  }

  /** Puts the config of `round` in force; 0 is the one that it began with. */
  async reload(round: number): Promise<void> {
    rewriteConfig(this.#limpet, JSON.stringify(configOf(this.#around, round)));
    const answer = await request(`${this.#limpet.adminUrl}/api/v1/reload`, { method: 'POST', reset: true });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`reload ${round}: ${answer.statusCode} ${text}`);
  }

  /** How many configs live that are no longer in force. */
  async olderConfigs(): Promise<number> {
    const answer = await request(`${this.#limpet.adminUrl}/api/v1/config`, { reset: true });
    // As the API's document says.
    return ((await answer.body.json()) as { readonly older: number }).older;
  }

  /** Has a successor take over, and waits until it alone is there. */
  async replace(): Promise<void> {
    const { pid } = this.serving;
    const gaugeFile = join(this.#folder, `gauge-after-${pid}.ndjson`);
    const pidFile = join(this.#folder, 'pid');
    const words = ['run', '-c', this.#limpet.configFile, '--control', join(this.#folder, 'control')];
    const command = new Child(pinnedNode, [limpetMain, ...words, '--pid-file', pidFile, '--replace'], {
      owner: this.owner,
      env: { NODE_OPTIONS: this.#imports, LIMPET_SOAK_GAUGE: gaugeFile },
    });
    const code = await command.exit();
    if (code !== 0) throw new Error(`--replace ended with ${code}: ${command.stderr()}`);
    this.serving = { pid: Number(readFileSync(pidFile, 'utf8')), gaugeFile };
    const endMs = performance.now() + OLD_MS;
    while (lives(pid)) {
      if (performance.now() > endMs) throw new Error(`process ${pid} lives on beside its successor`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async kill(app: SoakApp): Promise<void> {
    await app.child.kill('SIGKILL');
  }

  async start(app: SoakApp): Promise<void> {
    app.child = await launch(this.owner, app.name, app.port);
  }

  /** Kills the store and starts an empty one in its place, in which the same users are logged in. */
  async replaceStore(awayMs: number, wait: (ms: number) => Promise<unknown>): Promise<void> {
    this.store.client.disconnect();
    await this.store.kill();
    await wait(awayMs);
    this.store = await openStore(this.owner, this.store.port);
  }

  /** The operator's word on an upstream, in every pool that has it. */
  async want(app: SoakApp, wanted: 'ready' | 'drain' | 'maintenance'): Promise<void> {
    for (const pool of ['shop', 'tight']) {
      if (pool === 'tight' && app !== this.apps[2]) continue;
      // `reset`: no connection is kept, which would count among those of the Limpet at rest.
      const answer = await request(`${this.#limpet.adminUrl}/api/v1/upstreams/${pool}/${app.name}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ wanted }),
        reset: true,
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200)
        throw new Error(`PATCH of ${pool}/${app.name}: ${answer.statusCode} ${text}`);
    }
  }

  /** The text of /metrics. */
  async metrics(): Promise<string> {
    return (await request(`${this.#limpet.adminUrl}/metrics`, { reset: true })).body.text();
  }

  async books(): Promise<ProxyBooks> {
    return readProxyBooks(await this.metrics());
  }
}

async function launch(owner: Owner, name: string, port: number): Promise<Child> {
  const child = new Child(pinnedNode, [here('app.js'), String(port), name], { owner });
  await child.wrote(/^ready$/m, 60_000);
  return child;
}

async function openStore(owner: Owner, port?: number): Promise<RedisServer> {
  const store = await startRedis(owner, port);
  await store.client.connect();
  for (const id of ['ann', 'ben']) {
    const session = {
      cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
      userId: id,
    };
    await store.client.set(`sess:${id}`, JSON.stringify(session));
  }
  return store;
}
