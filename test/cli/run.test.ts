// `limpet run` as a process: how it starts, what it refuses to start with, how it shares work, and how it stops.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Child } from '../kit/child.ts';
import { metric, pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, cookieOf, type NamedApp, sayName, startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'limpet-run-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a config that must not come up; resolves once the process has ended. */
async function runInVain(name: string, text: string): Promise<{ code: unknown; err: string; out: string }> {
  const file = join(folder, name);
  writeFileSync(file, text);
  const child = new Child(pinnedNode, [main, 'run', '-c', file]);
  const code = await child.exit();
  return { code, err: child.stderr(), out: child.stdout() };
}

/** A listener of this very process, and its port. */
async function takePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port; // it listens on TCP
}

/** An app that answers when told to; probes of its life and what comes late it answers at once. */
async function startHoldingApp(name: string): Promise<{ app: NamedApp; held: ServerResponse[] }> {
  const app = await startNamedApp(name, t);
  const held: ServerResponse[] = [];
  app.answer = ({ method, url }, response) => {
    if (method === 'GET' && url !== '/late') held.push(response);
    else response.end();
  };
  return { app, held };
}

t.test('a bad config ends with 1 and every problem, and nothing listens', async (t) => {
  const { code, err, out } = await runInVain(
    'bad.yaml',
    'listen: 99999\nupstrems: [http://127.0.0.1:1]\nbalance: fastest\n',
  );
  t.equal(code, 1);
  for (const line of [1, 2, 3]) t.match(err, new RegExp(`bad\\.yaml:${line}:\\d+: error: `));
  t.match(err, /upstreams/);
  t.notMatch(`${err}${out}`, /listening/);
});

t.test('a port in use ends with 2 and names who holds it', async (t) => {
  const port = await takePort();
  const upstreams = 'upstreams: [http://127.0.0.1:1]\n';
  const listener = await runInVain('taken.yaml', `listen: 127.0.0.1:${port}\nadmin: false\n${upstreams}`);
  t.equal(listener.code, 2);
  t.match(listener.err, `limpet: cannot listen on http://127.0.0.1:${port}: it is in use`);
  // Linux shows it; elsewhere the sentence ends sooner.
  if (process.platform === 'linux')
    t.match(listener.err, new RegExp(`in use by .+ \\(pid ${process.pid}\\)`));
  t.match(listener.err, '\n  would be right: another address, or end that process;');
  const admin = await runInVain(
    'admin.yaml',
    `listen: 127.0.0.1:0\nadmin: { bind: 127.0.0.1:${port} }\n${upstreams}`,
  );
  t.equal(admin.code, 2);
  t.match(admin.err, `limpet: admin: cannot listen on http://127.0.0.1:${port}: it is in use`);
  t.match(admin.err, 'admin: false', 'and what can be done');
});

t.test('the ready line is on stderr, the log on stdout in JSON, and neither holds a secret', async (t) => {
  const app = await startNamedApp('app', t);
  const secret = 'a-secret-that-signs-cookies';
  const limpet = await startLimpet(
    {
      workers: 2,
      upstreams: [app.url, 'http://127.0.0.1:9', 'http://127.0.0.1:10'],
      affinity: { cookie: { secrets: [secret] } },
      log: { access: true, format: 'json' },
    },
    { owner: t },
  );
  t.equal(limpet.stderr(), `limpet: listening on http://127.0.0.1:${limpet.port} (2 workers, 3 upstreams)\n`);
  const cookie = cookieOf(await askPath(limpet.port, '/first'));
  await askPath(limpet.port, '/second?token=in-the-query', {
    cookie: `${cookie}; session=in-a-cookie`,
    authorization: 'Bearer in-a-header',
  });
  t.equal(await limpet.stop(), 0);
  const lines = limpet.logs().trim().split('\n');
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  t.ok(told.some(({ msg }) => msg === 'listening'));
  t.equal(lines.filter((line) => line.includes('/second')).length, 1, 'one line for a request');
  for (const word of [secret, cookie.split('=')[1]!, 'in-a-cookie', 'in-a-header', 'in-the-query']) {
    t.notOk(limpet.logs().includes(word), `not in the log: ${word}`);
  }
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} lets what is in flight finish, takes nothing new, and ends with 0`, async (t) => {
    const { app, held } = await startHoldingApp('app');
    const limpet = await startLimpet(
      { workers: 2, upstreams: [app.url], log: { format: 'json' } },
      { owner: t },
    );
    const idle = await RawClient.open(limpet.port, { owner: t });
    const waiting = Array.from({ length: 12 }, (_, i) => askPath(limpet.port, `/${i}`));
    await until('all are with the app', () => held.length === 12);
    // Of one answer some has gone out already.
    held[0]!.write('the first half, ');
    const ended = limpet.exit();
    process.kill(limpet.pid, signal);
    await until('it stops', () => limpet.logs().includes('"stopping"'));
    t.equal(await idle.untilEnd(), 'end', 'an idle connection is closed in order');
    await until('nobody listens', () =>
      askPath(limpet.port, '/late').then(
        () => false,
        () => true,
      ),
    );
    for (const response of held) response.end('done');
    const answers = await Promise.all(waiting);
    t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
    t.same(answers.map(({ body }) => body).sort(), [...Array(11).fill('done'), 'the first half, done']);
    t.equal(await ended, 0);
    t.notMatch(limpet.logs(), /were cut/);
  });
}

t.test('what does not finish within the deadline is cut, and the end is still 0', async (t) => {
  const { app, held } = await startHoldingApp('app');
  const limpet = await startLimpet(
    { upstreams: [app.url], shutdown: { deadline: '300ms' }, log: { format: 'json' } },
    { owner: t },
  );
  const cut = t.rejects(askPath(limpet.port, '/'));
  await until('it is with the app', () => held.length === 1);
  t.equal(await limpet.stop(), 0);
  await cut;
  t.match(limpet.logs(), /"connections":1.*were cut/);
});

t.test('an upstream whose name does not resolve is down and says why, and the others serve', async (t) => {
  const app = await startNamedApp('app', t);
  const limpet = await startLimpet(
    {
      upstreams: [
        { url: 'http://nowhere.invalid:80', name: 'lost' },
        { url: app.url, name: 'found' },
      ],
    },
    { owner: t },
  );
  let lost = { observed: '', why: '' };
  await until('the name was looked up', async () => {
    const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as (typeof lost & {
      name: string;
    })[];
    lost = all.find(({ name }) => name === 'lost') ?? lost;
    return lost.observed === 'down';
  });
  t.match(lost.why, /nowhere\.invalid/);
  for (let i = 0; i < 4; i++) t.equal((await askPath(limpet.port, '/')).body, 'app');
});

t.test('two workers take turns over the upstreams as if they were one', async (t) => {
  const apps = [];
  for (const name of ['one', 'two', 'three']) apps.push(await startNamedApp(name, t));
  const limpet = await startLimpet({ workers: 2, upstreams: apps.map(({ url }) => url) }, { owner: t });
  // Every request on a connection of its own, which the kernel gives to either worker.
  for (let i = 0; i < 60; i++) await askPath(limpet.port, '/');
  t.same(
    apps.map(({ seen }) => seen.filter(({ method }) => method === 'GET').length),
    [20, 20, 20],
  );
});

t.test('least connections counts what both workers have in flight', async (t) => {
  const holding: { app: NamedApp; held: ServerResponse[] }[] = [];
  for (const name of ['one', 'two', 'three']) holding.push(await startHoldingApp(name));
  const limpet = await startLimpet(
    {
      workers: 2,
      upstreams: holding.map(({ app }) => app.url),
      balance: 'least-connections',
      // Apps that keep answers back are suspected now and then, and passed over while they are probed.
      health: { suspicion: false },
    },
    { owner: t },
  );
  const answers = [];
  for (let i = 1; i <= 24; i++) {
    answers.push(askPath(limpet.port, '/'));
    await until(
      'the next is with an app',
      () => holding.reduce((sum, { held }) => sum + held.length, 0) === i,
    );
    const counts = holding.map(({ held }) => held.length);
    t.ok(Math.max(...counts) - Math.min(...counts) <= 1, `level at ${i}: ${counts}`);
  }
  for (const { held } of holding) for (const response of held) response.end('ok');
  await Promise.all(answers);
  await until('none is in flight', async () => (await metric(limpet, 'limpet_upstream_inflight')) === 0);
});

t.test('a unix socket is listened on, and one that a dead process left behind is taken over', async (t) => {
  const app = await startNamedApp('app', t);
  const path = join(folder, 'limpet.sock');
  const ask = (): Promise<number> =>
    new Promise((resolve, reject) => {
      request({ socketPath: path, path: '/', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });
  const config = { listeners: [{ bind: `unix:${path}` }], workers: 2, upstreams: [app.url] };
  const first = await startLimpet(config, { owner: t });
  t.match(first.stderr(), `limpet: listening on unix:${path} (`);
  t.equal(await ask(), 200);
  await first.kill('SIGKILL');
  const second = await startLimpet(config, { owner: t });
  t.equal(await ask(), 200);
  t.equal(await second.stop(), 0);
});

t.test('beyond the bound of connections newcomers are refused politely while all are busy', async (t) => {
  const app = await startNamedApp('app', t);
  const limpet = await startLimpet({ upstreams: [app.url], limits: { connections: 4 } }, { owner: t });
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const old = [];
  for (let i = 0; i < 4; i++) old.push(await RawClient.open(limpet.port, { owner: t }));
  const held: (() => void)[] = [];
  app.answer = (_request, response) => held.push(() => response.end());
  for (const client of old) client.send(get);
  await until('all are busy', () => held.length === 4);
  app.answer = sayName;
  const late = await RawClient.open(limpet.port, { owner: t });
  const refused = await late.ask(get);
  t.match(refused.start, /^HTTP\/1\.1 503 /);
  t.match(refused.body.toString(), /The connection limit is reached/);
  for (const answer of held) answer();
  for (const client of old) t.match((await client.finalAnswer()).start, /^HTTP\/1\.1 200 /, 'it goes on');
  t.equal(await metric(limpet, 'limpet_refused_total', 'code="listener.full"'), 1);
  old[0]!.destroy();
  late.destroy();
  await until('one place is free again', async () => (await askPath(limpet.port, '/')).status === 200);
});
