// Real frameworks behind two Limpets of two workers: a user is revoked, every session of his ends, and his next login counts at once.
import t, { type Test } from 'tap';
import { Child } from '../kit/child.ts';
import { pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { startRedis } from '../kit/redis-server.ts';
import { tempFolder } from '../kit/store-servers.ts';
import { appFile } from './session-drill.ts';

const SECRET = 'the secret of a test about logging in again';
/** To each Limpet: that all of them are one worker's of two is as likely as one in 2^11. */
const CONNECTIONS = 12;

interface Framework {
  readonly command: (port: number) => readonly string[];
  readonly block: object;
  /** Its sessions say when they were issued, so that also a login which went past Limpet counts. */
  readonly dated?: boolean;
  /** Nothing tells a user's sessions from each other: all of them are one cookie. */
  readonly alike?: boolean;
  /** The method of its login; default GET. */
  readonly method?: string;
}

const redis = await startRedis();
const database = `${tempFolder(t)}/django.sqlite`;
const node =
  (kind: string) =>
  (port: number): readonly string[] => [
    pinnedNode,
    appFile('node-app.js'),
    kind,
    `${port}`,
    redis.url,
    SECRET,
  ];
const flask =
  (kind: string) =>
  (port: number): readonly string[] => [
    '/usr/bin/python3',
    appFile('flask_app.py'),
    kind,
    `${port}`,
    redis.url,
    SECRET,
  ];
const stored = { secrets: [SECRET], user: 'userId', store: redis.url };
const FRAMEWORKS: Readonly<Record<string, Framework>> = {
  express: {
    command: (port) => [pinnedNode, appFile('login-app.js'), `${port}`, redis.url, SECRET],
    block: { verify: 'express-session', ...stored },
    method: 'POST',
  },
  fastify: { command: node('fastify'), block: { verify: 'fastify-session', ...stored } },
  'cookie-session': {
    command: node('cookie-session'),
    block: { verify: 'cookie-session', secrets: [SECRET], user: 'userId' },
    alike: true,
  },
  koa: {
    command: node('koa'),
    block: { verify: 'koa-session', secrets: [SECRET], user: 'userId' },
    dated: true,
  },
  flask: {
    command: flask('flask'),
    block: { verify: 'flask', secrets: [SECRET], user: 'user_id' },
    dated: true,
  },
  'flask-session': {
    command: flask('flask-session'),
    block: {
      verify: { 'flask-session': { format: 'pickle', signer: true } },
      secrets: [SECRET],
      user: 'user_id',
      store: redis.url,
    },
  },
  django: {
    command: (port) => ['/usr/bin/python3', appFile('django_app.py'), 'db', `${port}`, database, SECRET],
    block: { verify: 'django', secrets: [SECRET], store: `sqlite:${database}` },
  },
  php: {
    command: (port) => [
      'php',
      ...['-d', 'session.save_handler=redis', '-d', `session.save_path=tcp://127.0.0.1:${redis.port}`],
      '-S',
      `127.0.0.1:${port}`,
      appFile('app.php'),
    ],
    block: { verify: 'php', user: 'user_id', store: redis.url },
  },
  rack: {
    command: (port) => ['/usr/bin/ruby', appFile('rack_app.rb'), `${port}`, SECRET],
    block: { verify: 'rack-cookie', secrets: [SECRET], user: 'user_id' },
  },
};

const ports = new Map<string, number>();
for (const name of Object.keys(FRAMEWORKS)) ports.set(name, await freePort());
await Promise.all(
  Object.entries(FRAMEWORKS).map(async ([name, { command }]) => {
    const [program, ...args] = command(ports.get(name)!);
    const child = new Child(program!, args, { owner: t });
    await child.wrote(/^ready$|Development Server .* started/m);
  }),
);
const config = {
  workers: 2,
  pools: Object.fromEntries(
    [...ports].map(([name, port]) => [
      name,
      {
        upstreams: [`http://127.0.0.1:${port}`],
        health: { suspicion: false },
        // The little servers of Python and PHP serve one connection, and let few wait.
        maxConnections: 1,
        queue: { max: 100, timeout: '20s' },
      },
    ]),
  ),
  sessions: Object.fromEntries(
    Object.entries(FRAMEWORKS).map(([name, { block }]) => [
      name,
      {
        ...block,
        exempt: ['/login', '/visit'],
        revocation: `redis://127.0.0.1:${redis.port}/1`,
        cache: { ttl: '1h' },
      },
    ]),
  ),
  routes: Object.keys(FRAMEWORKS).map((name) => ({ host: name, pool: name, session: name })),
};
const [here, there] = [await startLimpet(config), await startLimpet(config)];

/** Cookies as a browser keeps them. */
function kept(cookies: string, { cookies: lines }: Told): string {
  const jar = new Map(
    [...cookies.split('; '), ...lines.map((line) => line.split(';')[0]!)]
      .filter((pair) => pair !== '')
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair] as const),
  );
  return [...jar.values()].join('; ');
}
const ask = (port: number, host: string, path: string, cookie: string, method = 'GET'): Promise<Told> =>
  askPath(port, path, { host, accept: 'application/json', ...(cookie === '' ? {} : { cookie }) }, method);

/** Logs in at `port` as a browser that has these cookies. */
async function login(port: number, host: string, user: string, cookies = ''): Promise<string> {
  const { method = 'GET' } = FRAMEWORKS[host]!;
  return kept(cookies, await ask(port, host, `/login?user=${user}`, cookies, method));
}

/** Who answers the page on each of many connections. */
async function told(port: number, host: string, cookie: string): Promise<string> {
  const answers = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => ask(port, host, '/me', cookie)),
  );
  const outcomes = answers.map(({ status, body }) =>
    /"session\.\w+"/.test(body) ? `${status} here` : `${status}`,
  );
  return [...new Set(outcomes)].join();
}

for (const [host, { dated = false, alike = false }] of Object.entries(FRAMEWORKS)) {
  t.test(host, async (t) => {
    // What is revoked is revoked in every session block.
    const name = `ann-of-${host}`;
    const phone = await login(here.port, host, name);
    const laptop = await login(there.port, host, name);
    const page = await ask(here.port, host, '/me', phone);
    const user = (JSON.parse(page.body) as { told: string | null }).told;
    t.type(user, 'string');
    for (const port of [here.port, there.port])
      for (const cookie of [phone, laptop]) t.equal(await told(port, host, cookie), '200');
    const bob = await login(here.port, host, `bob-of-${host}`);

    const answer = await fetch(`${here.adminUrl}/api/v1/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user, reason: 'a test' }),
    });
    t.equal(answer.status, 201);
    await isOut(t, host, [phone, laptop]);
    if (host === 'express') await seesTheForm(t, phone);
    const past = await login(ports.get(host)!, host, name);
    if (!dated) await isOut(t, host, [past]);
    else
      await until('a login of a later second counts by its time', async () => {
        const later = await login(ports.get(host)!, host, name);
        return (await told(here.port, host, later)) === '200';
      });

    const again = await login(here.port, host, name, phone);
    t.equal(await told(here.port, host, again), '200', 'at every worker at once');
    await until('the other replica knows', async () => (await told(there.port, host, again)) === '200');
    t.equal(await told(there.port, host, again), '200');
    t.equal(await told(here.port, host, bob), '200', 'nobody else is touched');
    t.equal(again === phone, alike);
    if (!alike) await isOut(t, host, [phone, laptop, ...(dated ? [] : [past])]);
  });
}

async function isOut(t: Test, host: string, cookies: readonly string[]): Promise<void> {
  for (const { port } of [here, there]) {
    for (const cookie of cookies) {
      await until('it is refused', async () => (await told(port, host, cookie)) === '401 here');
      t.equal(await told(port, host, cookie), '401 here');
    }
  }
}

async function seesTheForm(t: Test, cookie: string): Promise<void> {
  for (const { port } of [here, there]) {
    const form = await ask(port, 'express', '/login', cookie);
    t.same([form.status, form.body], [200, '<form method=post>'], 'not sent round in circles');
  }
  const direct = await ask(ports.get('express')!, 'express', '/login', cookie);
  t.equal(direct.status, 302, 'as the app would, for which he is logged in');
}
