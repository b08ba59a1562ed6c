// How soon the end of a session is known at every worker of two Limpets that share a Redis.
//
// Real frameworks behind both, many connections to each, so that every worker is asked; other users load one of them meanwhile. A try
// logs a fresh user in, sees him let through on every connection, ends his session in one way, and asks on until all of them are refused.
import { createServer } from 'node:http';
import { SignJWT } from 'jose';
import { Child, type Owner } from '../kit/child.ts';
import { statusOf } from '../kit/http-message.ts';
import { pinnedNode, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { Generator, startDrillUpstream } from '../kit/load-drill.ts';
import type { LoadResult } from '../kit/load-generator.ts';
import { stopProcess } from '../kit/load-process.ts';
import { askPath, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';
import { type RedisServer, startRedis } from '../kit/redis-server.ts';
import { tempFolder } from '../kit/store-servers.ts';
import { appFile } from './session-drill.ts';

const SECRET = 'the secret of all that is ended everywhere';
const WORKERS = 2;
/** Connections to each Limpet: that all of them were given to one worker of two is as likely as one in 2^11. */
const CONNECTIONS = 12;
/** To a Python server that answers one request at a time: with more, each would measure how long it waits in line. */
const FEW_CONNECTIONS = 4;
/** Between two questions on a connection, ms: so often is looked. */
const PAUSE_MS = 5;
/** Users who have nothing to do with it, and their requests a second. */
const OTHERS = 50;

interface Site {
  readonly host: string;
  /** Logs a user in, and gives the fields that show it. */
  readonly login: (user: string) => Promise<string>;
}

/** One way to end a session. */
interface Cause {
  readonly name: string;
  readonly host: string;
  readonly end: (user: string, shown: string) => Promise<unknown>;
}

export interface CauseResult {
  readonly name: string;
  readonly tries: number;
  /** From before the first byte of the cause to the first refusal on the last connection, ms, of each try. */
  readonly ms: readonly number[];
  /** Connections that were let through again after a refusal. */
  readonly relapses: number;
}

export interface EverywhereResult {
  readonly causes: readonly CauseResult[];
  readonly others: LoadResult;
}

/** Everything that runs: apps, Redis and both Limpets. */
class World {
  readonly redis: RedisServer;
  readonly limpets: readonly RunningLimpet[];
  readonly sites: ReadonlyMap<string, Site>;
  readonly ports: ReadonlyMap<string, number>;

  constructor(
    redis: RedisServer,
    limpets: readonly RunningLimpet[],
    sites: readonly Site[],
    ports: ReadonlyMap<string, number>,
  ) {
    this.redis = redis;
    this.limpets = limpets;
    this.sites = new Map(sites.map((site) => [site.host, site]));
    this.ports = ports;
  }

  /** A revocation by the first Limpet's admin API. */
  async revoke(body: object): Promise<void> {
    const response = await fetch(`${this.limpets[0]!.adminUrl}/api/v1/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, reason: 'a test' }),
    });
    if (response.status !== 201)
      throw new Error(`a revocation was answered ${response.status}: ${await response.text()}`);
  }
}

async function start(owner: Owner): Promise<World> {
  const redis = await startRedis(owner);
  await redis.client.connect();
  const ports = new Map<string, number>();
  for (const name of ['express', 'cookie', 'php', 'django', 'jwt', 'plain'])
    ports.set(name, await freePort());
  const folder = tempFolder(owner);
  const commands: readonly (readonly [string, readonly string[]])[] = [
    [
      'express',
      [pinnedNode, appFile('node-app.js'), 'express-redis', `${ports.get('express')}`, redis.url, SECRET],
    ],
    ['cookie', [pinnedNode, appFile('node-app.js'), 'cookie-session', `${ports.get('cookie')}`, '-', SECRET]],
    [
      'php',
      [
        'php',
        '-d',
        'session.save_handler=redis',
        '-d',
        `session.save_path="tcp://127.0.0.1:${redis.port}"`,
        '-S',
        `127.0.0.1:${ports.get('php')}`,
        appFile('app.php'),
      ],
    ],
    [
      'django',
      [
        '/usr/bin/python3',
        appFile('django_app.py'),
        'db',
        `${ports.get('django')}`,
        `${folder}/django.sqlite`,
        SECRET,
      ],
    ],
  ];
  await Promise.all(
    commands.map(async ([, [program, ...args]]) => {
      const child = new Child(program!, args, { owner });
      await child.wrote(/^ready$|Development Server .* started/m);
    }),
  );
  await startTokenApp(owner, ports.get('jwt')!);
  const plain = await startDrillUpstream(ports.get('plain')!, 0, null);
  owner.teardown(() => stopProcess(plain.child));
  const revocation = `redis://127.0.0.1:${redis.port}/1`;
  const common = { exempt: ['/login', '/visit', '/logout'], revocation, cache: { ttl: '1h' } };
  const config = {
    workers: WORKERS,
    pools: Object.fromEntries(
      [...ports].map(([name, port]) => [
        name,
        {
          upstreams: [`http://127.0.0.1:${port}`],
          health: { suspicion: false },
          // Python's little server serves one connection, and lets five wait.
          ...(name === 'django' ? { maxConnections: 1, queue: { max: 100, timeout: '10s' } } : {}),
        },
      ]),
    ),
    sessions: {
      express: { verify: 'express-session', secrets: [SECRET], user: 'userId', store: redis.url, ...common },
      cookie: { verify: 'cookie-session', secrets: [SECRET], user: 'userId', ...common },
      php: { verify: 'php', user: 'user_id', store: redis.url, ...common },
      django: { verify: 'django', secrets: [SECRET], store: `sqlite:${folder}/django.sqlite`, ...common },
      jwt: { verify: 'jwt', secrets: [SECRET], user: 'sub', ...common },
    },
    routes: [
      ...['express', 'cookie', 'php', 'django', 'jwt'].map((name) => ({
        host: `${name}.test`,
        pool: name,
        session: name,
      })),
      { pool: 'plain', session: 'express' },
    ],
  };
  const limpets = [await startLimpet(config, { owner }), await startLimpet(config, { owner })];
  const byCookie = (host: string): Site => ({
    host,
    login: async (user) => {
      const cookies: string[] = [];
      for (const path of ['/visit', `/login?user=${user}`]) {
        const told: Told = await askPath(limpets[0]!.port, path, {
          host: `${host}.test`,
          cookie: cookies.join('; '),
        });
        const fresh = told.cookies.map((line) => line.split(';')[0]!);
        const names = new Set(fresh.map((pair) => pair.split('=')[0]));
        const old = cookies.filter((pair) => !names.has(pair.split('=')[0]));
        cookies.splice(0, cookies.length, ...old, ...fresh);
      }
      return `Cookie: ${cookies.join('; ')}`;
    },
  });
  const tokens: Site = {
    host: 'jwt',
    login: async (user) => {
      const token = await new SignJWT({ sub: user, jti: `id of ${user}` })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuedAt(Math.floor(Date.now() / 1000) - 5)
        .setExpirationTime('1h')
        .sign(new TextEncoder().encode(SECRET));
      return `Authorization: Bearer ${token}`;
    },
  };
  return new World(redis, limpets, [...['express', 'cookie', 'php', 'django'].map(byCookie), tokens], ports);
}

/** An API that leaves the check of its tokens to Limpet. */
function startTokenApp(owner: Owner, port: number): Promise<void> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ user: request.headers['limpet-user'] ?? null }));
  });
  owner.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
}

/** Everything that ends a session, each as the one who does it would. */
function causes(world: World): readonly Cause[] {
  const atApp = (host: string, path: string) => (_user: string, shown: string) =>
    askPath(world.ports.get(host)!, path, { cookie: shown.replace('Cookie: ', '') });
  const sessionId = (shown: string): string => /=s(?:%3A|:)([^.;]+)\./.exec(shown)![1]!;
  return [
    { name: 'logout in Express', host: 'express', end: atApp('express', '/logout') },
    { name: 'logout in PHP', host: 'php', end: atApp('php', '/logout') },
    {
      name: 'ended in Redis by its time',
      host: 'express',
      // Long past: a request under way could touch one that has a moment left, which would live on then.
      end: (_user, shown) => world.redis.client.pexpireat(`sess:${sessionId(shown)}`, 1),
    },
    {
      name: 'revoked by its id (Express)',
      host: 'express',
      end: (_user, shown) => world.revoke({ session: sessionId(shown) }),
    },
    { name: 'user revoked (Express)', host: 'express', end: (user) => world.revoke({ user }) },
    { name: 'user revoked (cookie-session)', host: 'cookie', end: (user) => world.revoke({ user }) },
    { name: 'user blocked (PHP)', host: 'php', end: (user) => world.revoke({ user, block: true }) },
    {
      name: 'session revoked (Django)',
      host: 'django',
      end: (_user, shown) => world.revoke({ session: /sessionid=([^;]+)/.exec(shown)![1]! }),
    },
    {
      name: 'token revoked (JWT)',
      host: 'jwt',
      end: (_user, shown) => world.revoke({ token: shown.replace('Authorization: Bearer ', '') }),
    },
    {
      name: 'token revoked by its jti',
      host: 'jwt',
      end: (user) => world.revoke({ token: `id of ${user}` }),
    },
    {
      name: 'user, before now (JWT)',
      host: 'jwt',
      end: (user) => world.revoke({ user, before: new Date().toISOString() }),
    },
  ];
}

/** So many connections to every Limpet, kept over all tries. */
async function connections(world: World, each: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (const { port } of world.limpets) {
    for (let i = 0; i < each; i++) clients.push(await RawClient.open(port));
  }
  return clients;
}

interface TryResult {
  readonly ms: number;
  readonly relapses: number;
}

async function attempt(
  world: World,
  cause: Cause,
  clients: readonly RawClient[],
  user: string,
): Promise<TryResult> {
  const site = world.sites.get(cause.host)!;
  const shown = await site.login(user);
  const text = `GET /me HTTP/1.1\r\nHost: ${cause.host}.test\r\nAccept: application/json\r\n${shown}\r\n\r\n`;
  const status = async (client: RawClient): Promise<number> => statusOf(await client.ask(text));
  await until(`${cause.name}: ${user} is let in everywhere`, async () => {
    const all = await Promise.all(clients.map(status));
    return all.every((each) => each === 200);
  });
  let begunMs = 0;
  let relapses = 0;
  let refused = 0;
  const watch = async (client: RawClient): Promise<number> => {
    let firstMs = -1;
    // On until all are refused, so that a relapse would be seen.
    while (refused < clients.length) {
      const code = await status(client);
      if (code === 401 && firstMs < 0) {
        firstMs = performance.now();
        refused++;
      } else if (code !== 401 && firstMs >= 0) {
        relapses++;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return firstMs;
  };
  const watching = clients.map(watch);
  begunMs = performance.now();
  await cause.end(user, shown);
  const last = Math.max(...(await Promise.all(watching)));
  return { ms: last - begunMs, relapses };
}

/** Runs every cause `tries` times, while others ask `rate` times a second. */
export async function everywhere(
  owner: Owner,
  tries: number,
  rate: number,
  told: (line: string) => void,
): Promise<EverywhereResult> {
  const world = await start(owner);
  const generator = await Generator.start(null);
  owner.teardown(() => generator.stop());
  const credentials = [];
  for (let i = 0; i < OTHERS; i++) {
    const shown = await world.sites.get('express')!.login(`other-${i}`);
    credentials.push({ cookies: shown.replace('Cookie: ', '') });
  }
  const load = generator.run({
    port: world.limpets[0]!.port,
    users: OTHERS,
    rate,
    warmupMs: 0,
    measureMs: 3_600_000,
    drainMs: 5000,
    postEvery: 0,
    credentials,
    watchPid: 0,
  });
  const [many, few] = [await connections(world, CONNECTIONS), await connections(world, FEW_CONNECTIONS)];
  const results: CauseResult[] = [];
  for (const cause of causes(world)) {
    const ms: number[] = [];
    const clients = cause.host === 'django' ? few : many;
    let relapses = 0;
    for (let i = 0; i < tries; i++) {
      const one = await attempt(world, cause, clients, `u${results.length}-${i}`);
      ms.push(one.ms);
      relapses += one.relapses;
    }
    ms.sort((a, b) => a - b);
    results.push({ name: cause.name, tries, ms, relapses });
    told(
      `${cause.name.padEnd(32)} median ${ms[Math.floor(ms.length / 2)]!.toFixed(1)} ms, longest ${ms.at(-1)!.toFixed(1)} ms, relapses ${relapses}`,
    );
  }
  generator.finish();
  const others = await load;
  told(`others: ${others.answered} answered, ${others.failed} refused or failed`);
  return { causes: results, others };
}
