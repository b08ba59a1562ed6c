// Promise: a changed config comes into force whole or not at all, and what has not changed goes on as if nothing had happened.

import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { metric, pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { reload, rewriteConfig, shown } from '../kit/reload-traffic.ts';

const MAIN = process.env.LIMPET_TEST_MAIN ?? fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const apps: NamedApp[] = [];
for (const name of ['alpha', 'bravo', 'charlie']) apps.push(await startNamedApp(name, t));
const [alpha, bravo, charlie] = apps as [NamedApp, NamedApp, NamedApp];
const upstream = ({ name, url }: NamedApp, more: object = {}): object => ({ name, url, ...more });
const OLD = 'the old secret of a test about reloads';
const NEW = 'the new secret of a test about reloads';

interface Parts {
  readonly listeners?: readonly object[];
  readonly [key: string]: unknown;
}
const textOf = (parts: Parts): string =>
  JSON.stringify({
    listeners: [{ bind: '127.0.0.1:{port}' }],
    admin: { bind: '127.0.0.1:{adminPort}' },
    workers: 2,
    log: { access: false },
    pools: { main: { upstreams: [upstream(alpha), upstream(bravo)], health: calm } },
    ...parts,
  });
const limpet = await startLimpet(textOf({}), { env: { SOME_APPS_KEY: 'Tr0ub4dor-and-3' } });
/** Writes the config, and has it reloaded. */
const apply = async (parts: Parts) => {
  rewriteConfig(limpet, textOf(parts));
  return reload(limpet);
};
const homes = async (port = limpet.port): Promise<string> => {
  const told = await Promise.all(Array.from({ length: 8 }, () => askPath(port, '/')));
  return [...new Set(told.map(({ body }) => body))].toSorted().join(' ');
};

t.test('upstreams, routes, pools and settings come and go', async (t) => {
  t.equal(await homes(), 'alpha bravo');
  const told = await apply({
    pools: {
      main: { upstreams: [upstream(charlie)], health: calm },
      other: { upstreams: [upstream(alpha)], health: calm },
    },
    routes: [
      { path: '/', pool: 'main' },
      { path: '/other', pool: 'other' },
    ],
    errors: { 404: { text: 'lost' } },
  });
  t.equal(told.result, 'applied');
  t.same(
    (told.changes as readonly { text: string }[])
      .map(({ text }) => text)
      .filter((text) => text.startsWith('upstream')),
    [
      'upstream main/alpha removed',
      'upstream main/bravo removed',
      'upstream main/charlie added',
      'upstream other/alpha added',
    ],
  );
  t.equal(await homes(), 'charlie');
  t.equal((await askPath(limpet.port, '/other')).body, 'alpha');
  t.equal((await apply({ routes: [{ path: '/only', pool: 'main' }] })).result, 'applied');
  t.equal((await askPath(limpet.port, '/')).status, 404);
  t.equal((await apply({})).result, 'applied');
  t.equal((await apply({})).result, 'unchanged');
  t.equal(await homes(), 'alpha bravo');
});

t.test('a config that is wrong, or cannot be, changes nothing and is told as such', async (t) => {
  const before = await shown(limpet);
  const refused = await metric(limpet, 'limpet_config_reloads_total', 'result="refused"');
  rewriteConfig(
    limpet,
    textOf({ pools: { main: { upstreams: ['http://127.0.0.1:1'], balanec: 'random' } } }),
  );
  const wrong = await fetch(`${limpet.adminUrl}/api/v1/reload`, { method: 'POST' });
  t.equal(wrong.status, 422);
  const told = (await wrong.json()) as {
    error: { code: string };
    problems: { path: string; message: string; line: number; hint: string }[];
  };
  t.equal(told.error.code, 'config.wrong');
  t.match(told.problems[0], { path: 'pools.main', message: /balanec/, line: 1, hint: /balance/ });
  // A port that somebody else has.
  const { port } = charlie;
  rewriteConfig(
    limpet,
    textOf({
      listeners: [{ bind: '127.0.0.1:{port}' }, { bind: `127.0.0.1:${port}` }],
      errors: { 404: { text: 'x' } },
    }),
  );
  const taken = await reload(limpet);
  t.match(taken, {
    error: { code: 'reload.refused', message: /cannot listen on .*: it is in use/ },
    problems: [],
  });
  t.same(await shown(limpet), before);
  t.equal(await homes(), 'alpha bravo');
  t.equal((await askPath(limpet.port, '/')).status, 200);
  const count = () => metric(limpet, 'limpet_config_reloads_total', 'result="refused"');
  await until('both are counted', async () => (await count()) === refused + 2);
  t.match(limpet.logs(), /the config was not reloaded; nothing has changed/);
  t.equal((await apply({})).result, 'unchanged');
});

t.test(
  'a request ends under the config that it began with, and its connection goes on under the next',
  async (t) => {
    let release = (): void => {};
    const asked = new Promise<void>((resolve) => {
      alpha.answer = (_request, response, name) => {
        resolve();
        release = () => response.end(name);
      };
    });
    t.teardown(() => {
      alpha.answer = (_request, response, name) => response.end(name);
    });
    await apply({ pools: { main: { upstreams: [upstream(alpha)], health: calm } } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    const ask = (): Promise<string> =>
      new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port: limpet.port, agent }, (response) => {
          let body = '';
          const { localPort } = response.socket;
          response.on('data', (piece) => (body += piece)).on('end', () => resolve(`${body} ${localPort}`));
        })
          .on('error', reject)
          .end();
      });
    const first = ask();
    await asked;
    t.equal(
      (await apply({ pools: { main: { upstreams: [upstream(bravo)], health: calm } } })).result,
      'applied',
    );
    t.equal((await shown(limpet)).older, 1, 'the config before lives as long as the request');
    release();
    const [name, port] = (await first).split(' ');
    t.equal(name, 'alpha');
    t.equal(await ask(), `bravo ${port}`, 'on the same connection');
    await until('the config before is let go', async () => (await shown(limpet)).older === 0);
  },
);

t.test('idle connections to unchanged upstreams are kept, and so is what was ordered of one', async (t) => {
  await apply({});
  // So many that both workers have a connection to each: the kernel deals clients out by chance.
  for (let i = 0; i < 40; i++) await askPath(limpet.port, '/');
  const dialled = new Set<unknown>();
  const count = (app: NamedApp): void => {
    app.server.on('connection', (socket) => dialled.add(socket));
  };
  for (const app of [alpha, bravo]) count(app);
  await fetch(`${limpet.adminUrl}/api/v1/upstreams/main/bravo`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ wanted: 'drain', weight: 7 }),
  });
  t.equal(
    (
      await apply({
        pools: {
          main: { upstreams: [upstream(alpha), upstream(bravo), upstream(charlie)], health: calm },
          more: { upstreams: [upstream(charlie)] },
        },
        routes: [{ path: '/', pool: 'main' }],
      })
    ).result,
    'applied',
  );
  const bravoNow = async (): Promise<object> => {
    const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as {
      pool: string;
      name: string;
      requests: number;
    }[];
    return all.find(({ pool, name }) => pool === 'main' && name === 'bravo')!;
  };
  t.match(await bravoNow(), { wanted: 'drain', weight: 7 });
  for (let i = 0; i < 6; i++) await askPath(limpet.port, '/');
  t.equal(dialled.size, 0, 'nobody was dialled anew');
  // The file's own word counts where it changes.
  await apply({
    pools: { main: { upstreams: [upstream(alpha), upstream(bravo, { weight: 3 })], health: calm } },
  });
  t.match(await bravoNow(), { wanted: 'drain', weight: 3 });
  await apply({
    pools: {
      main: { upstreams: [upstream(alpha), upstream(bravo, { wanted: 'maintenance' })], health: calm },
    },
  });
  t.match(await bravoNow(), { wanted: 'maintenance' });
  await apply({});
  t.match(await bravoNow(), { wanted: 'ready', weight: 1 });
});

t.test(
  'a listener that comes is served, one that goes ends what it has, and the others notice nothing',
  async (t) => {
    const port = await freePort();
    const both = [{ bind: '127.0.0.1:{port}' }, { bind: `127.0.0.1:${port}`, name: 'second' }];
    const kept = connect(limpet.port, '127.0.0.1');
    t.teardown(() => kept.destroy());
    let closed = false;
    kept.on('close', () => {
      closed = true;
    });
    t.equal((await apply({ listeners: both })).result, 'applied');
    t.equal(await homes(port), 'alpha bravo');
    let release = (): void => {};
    const asked = new Promise<void>((resolve) => {
      for (const app of [alpha, bravo])
        app.answer = (_request, response, name) => {
          resolve();
          release = () => response.end(name);
        };
    });
    const underWay = askPath(port, '/');
    const idle = connect(port, '127.0.0.1');
    const idleGone = new Promise<void>((resolve) => idle.on('close', () => resolve()).resume());
    await asked;
    t.equal((await apply({})).result, 'applied');
    await idleGone;
    await t.rejects(askPath(port, '/'), { code: 'ECONNREFUSED' });
    for (const app of [alpha, bravo]) app.answer = (_request, response, name) => response.end(name);
    release();
    const told = await underWay;
    t.equal(told.status, 200, 'what was under way got its answer');
    t.equal(told.headers.connection, 'close');
    t.equal(closed, false);
    const answer = new Promise<string>((resolve) => kept.once('data', (piece) => resolve(String(piece))));
    kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    t.match(await answer, /^HTTP\/1\.1 200/);
  },
);

t.test(
  'a secret of affinity is rotated: cookies of the old one are good for as long as it is listed',
  async (t) => {
    const secrets = (...all: string[]): Parts => ({
      pools: {
        main: {
          upstreams: [upstream(alpha), upstream(bravo)],
          health: calm,
          affinity: { cookie: { secrets: all } },
        },
      },
    });
    await apply(secrets(OLD));
    const first = await askPath(limpet.port, '/');
    const cookie = cookieOf(first);
    const back = () => askPath(limpet.port, '/', { cookie });
    t.equal((await apply(secrets(NEW, OLD))).result, 'applied');
    for (let i = 0; i < 4; i++) t.equal((await back()).body, first.body, 'its user stays at home');
    t.equal((await apply(secrets(NEW))).result, 'applied');
    t.not(cookieOf(await back()), '', 'a forged cookie is answered by a new one');
    await apply({});
  },
);

t.test(
  'a leaked secret of sessions is rotated by a reload, and the first session block brings the switch',
  async (t) => {
    const blocks = (...all: string[]): Parts => ({
      routes: [{ path: '/', pool: 'main', session: 'members' }],
      sessions: { members: { verify: 'jwt', secrets: all, user: 'sub' } },
    });
    const token = (secret: string, user: string): string => {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: user, iat: 1, exp: 4_000_000_000 })}`;
      return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
    };
    const ask = async (secret: string, user = 'ann'): Promise<number> => {
      const headers = { authorization: `Bearer ${token(secret, user)}` };
      return (await askPath(limpet.port, '/', headers)).status;
    };
    t.equal((await apply(blocks(OLD))).result, 'applied');
    t.same([await ask(OLD), await ask(NEW)], [200, 401]);
    // The switch came with the block.
    const revoked = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'eve', block: true }),
    });
    t.equal(revoked.status, 201);
    await until('the blocked user is out', async () => (await ask(OLD, 'eve')) === 401);
    t.equal((await apply(blocks(NEW, OLD))).result, 'applied');
    t.same([await ask(OLD), await ask(NEW)], [200, 200], 'both are good while both are listed');
    t.equal((await apply(blocks(NEW))).result, 'applied');
    t.same(
      [await ask(OLD), await ask(NEW)],
      [401, 200],
      'what was signed by the old one is over, also what was remembered',
    );
    t.equal(await ask(NEW, 'eve'), 401, 'and what was revoked stays so');
    t.equal((await apply({})).result, 'applied');
    t.equal(await ask(OLD), 200, 'nothing is checked any more');
  },
);

t.test(
  'SIGHUP reloads, `limpet reload` says what came of it, and what needs a restart is told',
  async (t) => {
    rewriteConfig(limpet, textOf({ errors: { 404: { text: 'by SIGHUP' } } }));
    const { generation } = await shown(limpet);
    process.kill(limpet.pid, 'SIGHUP');
    await until('it is reloaded', async () => (await shown(limpet)).generation === generation + 1);
    rewriteConfig(limpet, textOf({ workers: 1, errors: { 404: { text: 'by the command' } } }));
    const run = (...args: string[]): Promise<string> =>
      new Promise((done) => {
        execFile(pinnedNode, [MAIN, 'reload', '--admin', limpet.adminUrl, ...args], (error, stdout, stderr) =>
          done(`${error?.code ?? 0} ${stdout}${stderr}`),
        );
      });
    t.equal(
      await run(),
      `0 reloaded: config ${generation + 2} is in force\n  errors changed: 404.body\n  workers is followed after a restart only\n`,
    );
    t.match(JSON.parse((await run('--json')).slice(2)), { result: 'unchanged', needsRestart: ['workers'] });
    writeFileSync(limpet.configFile, 'listen: [');
    t.match(
      await run(),
      /^1 .*limpet\.yaml:1:.*error: .*\nlimpet reload: the config was not reloaded, and nothing has changed/s,
    );
    t.equal((await apply({})).result, 'applied');
  },
);

t.test('a text is checked without being put in force, and secrets are not shown', async (t) => {
  const check = async (text: string, type = 'application/yaml') => {
    const answer = await fetch(`${limpet.adminUrl}/api/v1/config/check`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: text,
    });
    return { status: answer.status, body: (await answer.json()) as object };
  };
  const { generation } = await shown(limpet);
  t.match(await check('listen: 8080\nupstreams: [http://127.0.0.1:1]\nworkers: 7\n'), {
    status: 200,
    body: { needsRestart: Array },
  });
  t.match(await check(JSON.stringify({ text: 'listen: nowhere' }), 'application/json'), {
    status: 422,
    body: { error: { code: 'config.wrong' }, problems: [{ line: 1, severity: 'error' }] },
  });
  // biome-ignore lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
  const key = '${SOME_APPS_KEY}';
  const spied = await check(
    JSON.stringify({
      listen: 8080,
      pools: { main: { upstreams: [{ url: 'http://127.0.0.1:1', name: key }] } },
      routes: [{ host: `${key}.example`, path: `/${key}`, pool: 'main' }],
    }),
  );
  t.equal(spied.status, 200);
  t.match(JSON.stringify(spied.body), /upstream main\/\$\{SOME_APPS_KEY\} added/);
  t.notMatch(
    JSON.stringify(spied.body),
    /Tr0ub4dor/i,
    'who may ask for changes may not read the environment',
  );
  t.equal((await shown(limpet)).generation, generation);
  await apply({
    pools: { main: { upstreams: [upstream(alpha)], health: calm, affinity: { cookie: { secrets: [OLD] } } } },
  });
  const { config } = await shown(limpet);
  t.notMatch(JSON.stringify(config), /the old secret/);
  t.match(config, { pools: [{ affinity: { cookie: { secrets: ['***'] } } }] });
});
