// Everything that a soak needs under way: three apps, a session store, and Limpet with two workers in front of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sign } from 'cookie-signature';
import { request } from 'undici';
import { Child, type Owner } from '../kit/child.ts';
import { pinnedNode, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import { type RedisServer, startRedis } from '../kit/redis-server.ts';
import { type ProxyBooks, readProxyBooks } from './books.ts';

const SECRET = 'the session secret of a soak';
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Workers of the Limpet under test. */
export const WORKERS = 2;

/** An app that can be killed and started again. */
export interface SoakApp {
  readonly name: string;
  readonly port: number;
  child: Child;
}

export class Stage {
  readonly owner: Owner;
  readonly apps: readonly SoakApp[];
  readonly limpet: RunningLimpet;
  readonly gaugeFile: string;
  /** `Cookie` lines: two users who are logged in, a forged one, one whose session is gone, and nothing. */
  readonly credentials: readonly string[];
  store: RedisServer;

  private constructor(
    owner: Owner,
    apps: readonly SoakApp[],
    limpet: RunningLimpet,
    gaugeFile: string,
    store: RedisServer,
  ) {
    this.owner = owner;
    this.apps = apps;
    this.limpet = limpet;
    this.gaugeFile = gaugeFile;
    this.store = store;
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
    for (const name of ['ada', 'bob', 'cyd']) {
      const port = await freePort();
      apps.push({ name, port, child: await launch(owner, name, port) });
    }
    const imports = ['gauge.ts', ...preloads].map((name) => `--import=${new URL(name, import.meta.url)}`);
    const limpet = await startLimpet(configOf(apps, store.url), {
      owner,
      env: { NODE_OPTIONS: imports.join(' '), LIMPET_SOAK_GAUGE: gaugeFile },
    });
    return new Stage(owner, apps, limpet, gaugeFile, store);
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
      const answer = await request(`${this.limpet.adminUrl}/api/v1/upstreams/${pool}/${app.name}`, {
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
    return (await request(`${this.limpet.adminUrl}/metrics`, { reset: true })).body.text();
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

/** Timeouts are short, so that each of them comes often, and whatever is kept for later is soon given up. */
function configOf(apps: readonly SoakApp[], storeUrl: string): object {
  const upstreams = apps.map(({ name, port }) => ({ name, url: `http://127.0.0.1:${port}` }));
  const quick = {
    timeouts: { connect: '1s', bodyIdle: '2s', response: '3s', stream: '3s', tunnel: '4s' },
    keepAlive: { idleTimeout: '600ms', requests: 500 },
    health: {
      active: { path: '/small', interval: '300ms', timeout: '500ms' },
      passive: { ejectFor: '300ms', maxEjectFor: '1s' },
    },
  };
  const shop = (path: string, more: object = {}): object => ({
    path,
    pool: 'shop',
    affinity: false,
    methods: ['GET', 'HEAD', 'POST'],
    ...more,
  });
  const paths = ['/small', '/large', '/stream', '/count', '/late', '/events', '/sockets', '/missing'];
  return {
    workers: WORKERS,
    log: { access: false, level: 'warn' },
    limits: { connections: 2000 },
    timeouts: { head: '1s', idle: '1s' },
    sessions: {
      users: {
        verify: 'express-session',
        secrets: [SECRET],
        user: 'userId',
        store: storeUrl,
        cache: { ttl: '200ms' },
      },
    },
    pools: {
      shop: {
        ...quick,
        upstreams,
        balance: 'least-connections',
        affinity: { cookie: { secrets: ['the affinity secret of a soak'] } },
      },
      tight: {
        ...quick,
        upstreams: [{ ...upstreams[2], maxConnections: 2 }],
        queue: { max: 3, timeout: '250ms' },
      },
    },
    routes: [
      ...paths.map((path) => shop(path)),
      ...['/broken', '/torn', '/reset', '/nonsense'].map((path) => shop(path)),
      shop('/early', { timeouts: { total: '500ms' } }),
      shop('/sticky', { affinity: true }),
      shop('/guarded', { session: 'users' }),
      { path: '/tight', pool: 'tight' },
      { path: '= /fixed', respond: { body: 'fixed' } },
      { path: '= /away', redirect: { to: '/small{query}' } },
    ],
  };
}
