// A drill that cannot fail proves nothing: each limit is broken by a proxy that breaks the promise, and by no other.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Judged } from '../../src/drill/result.ts';
import { drill } from '../kit/drill-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-verdict-'));
t.teardown(() => rmSync(folder, { recursive: true }));

/** What a proxy does wrong to one request of many. */
type Wrong = 'nothing' | 'fails' | 'cuts' | 'moves' | 'forgets' | 'repeats' | 'admits' | 'stalls';

interface BrokenProxy {
  readonly url: string;
  readonly ledger: string;
}

let proxies = 0;

/** A proxy and its three apps in one: every user is known by a cookie, and lives on the instance that it names. */
async function startProxy(
  wrong: Wrong,
  owner: { teardown(end: () => unknown): unknown },
): Promise<BrokenProxy> {
  const ledger = join(folder, `ledger-${proxies++}`);
  writeFileSync(ledger, '');
  let requests = 0;
  const answer = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    // Not the first of a user, and not all of anyone's.
    const now = ++requests > 40 && requests % 10 === 0 ? wrong : 'nothing';
    const user =
      request.url === '/login' ? body : /(?:^|; )user=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
    if (request.url === '/login') response.setHeader('set-cookie', `user=${body}; Path=/`);
    const home = Number(/\d+$/.exec(user ?? '')?.[0] ?? 0) % 3;
    response.setHeader('x-instance', `web-${now === 'moves' ? (home + 1) % 3 : home}`);
    if (now === 'cuts') {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.destroy());
      return;
    }
    if (now === 'fails') response.statusCode = 502;
    if (now === 'forgets' && request.url === '/me') response.statusCode = 401;
    let times = 0;
    if (request.method === 'POST' && request.url !== '/login') {
      times = wrong === 'repeats' || wrong === 'admits' ? 2 : 1;
      const line = `handled ${String(request.headers['drill-request'])}\n`;
      appendFileSync(ledger, line.repeat(wrong === 'admits' ? 1 : times));
    }
    const end = (): void => void response.end(JSON.stringify({ times }));
    if (now === 'stalls') setTimeout(end, 400);
    else end();
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { url: `http://127.0.0.1:${port}`, ledger };
}

const LIMITS = '--max-failed 0 --max-moved 0 --max-lost 0 --max-twice 0 --max-p99 30s';

/** The arguments of a short drill with every limit set; p99 so wide that a starved machine keeps it. */
function argsFor(proxy: BrokenProxy, ...more: string[]): string[] {
  const load = '--rate 100 --users 9 --duration 1s --login';
  return [
    ...load.split(' '),
    'POST /login {user}',
    ...['--request', 'GET /me', '--request', 'POST /order {id}', '--writes', '20%'],
    ...['--ledger', `file:${proxy.ledger}`, '--handled', 'json:times'],
    ...LIMITS.split(' '),
    ...more,
    proxy.url,
  ];
}

const brokenOf = (verdict: readonly Judged[]): string[] =>
  verdict.filter(({ ok }) => !ok).map(({ limit }) => limit);

t.test('a sound proxy keeps every limit', async (t) => {
  const { code, result } = await drill(argsFor(await startProxy('nothing', t)));
  t.same(brokenOf(result.verdict), []);
  t.equal(code, 0);
  t.ok(result.passed);
  t.match(result, {
    event: null,
    failures: { count: 0, groups: [] },
    moved: { count: 0, needlessly: 0 },
    logins: { made: 9, count: 0 },
    twice: { count: 0 },
  });
  t.equal(result.phases[0]!.requests, 100, 'every request that was due was made');
  t.ok(result.twice.writes > 5);
  t.same(
    result.instances?.map(({ name }) => name),
    ['web-0', 'web-1', 'web-2'],
  );
});

const BREAKS: readonly (readonly [wrong: Wrong, limit: Judged['limit'], what: string, found: object])[] = [
  ['fails', 'maxFailed', 'a 502', { failures: { groups: [{ why: 'status 502' }] } }],
  ['cuts', 'maxFailed', 'an answer that is cut off', { failures: { groups: [{ why: 'answer cut off' }] } }],
  ['moves', 'maxMoved', 'a needless move', { failures: { count: 0 } }],
  ['forgets', 'maxLost', 'a lost login', { failures: { count: 0 }, moved: { count: 0 } }],
  ['repeats', 'maxTwice', 'a write sent twice, by the ledger', { failures: { count: 0 } }],
  ['admits', 'maxTwice', 'a write sent twice, by what the app says', { failures: { count: 0 } }],
];

for (const [wrong, limit, what, found] of BREAKS) {
  t.test(`${what} breaks ${limit}, and it alone`, async (t) => {
    const { code, result } = await drill(argsFor(await startProxy(wrong, t)));
    t.same(brokenOf(result.verdict), [limit]);
    t.equal(code, 1);
    t.notOk(result.passed);
    t.match(result, found);
    const { was } = result.verdict.find((one) => one.limit === limit)!;
    t.ok(was !== null && was > 0);
  });
}

t.test('a limit that allows what happened is kept', async (t) => {
  const { code, result } = await drill(argsFor(await startProxy('moves', t), '--max-moved', '9'));
  t.equal(code, 0);
  t.ok(result.moved!.needlessly! > 0);
});

t.test('a proxy that stalls breaks the p99, though it answers everything', async (t) => {
  const proxy = await startProxy('stalls', t);
  const { code, result } = await drill(argsFor(proxy, '--max-p99', '200ms'));
  t.equal(code, 1);
  t.ok(brokenOf(result.verdict).includes('maxP99'));
  t.equal(result.failures.count, 0);
  t.ok(result.phases[0]!.p99Ms! >= 399);
});

t.test('a limit on what cannot be known is broken', async (t) => {
  const server = createServer((_request, response) => response.end('well'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const load = `--rate 50 --users 5 --duration 1s --max-moved 5 --max-twice 5 --request`.split(' ');
  const { code, result, stderr } = await drill([
    ...load,
    'GET /',
    '--request',
    'POST /',
    `http://127.0.0.1:${port}`,
  ]);
  t.equal(code, 1);
  t.match(result.verdict, [
    { limit: 'maxFailed', ok: true },
    { limit: 'maxMoved', was: null, ok: false },
    { limit: 'maxTwice', was: null, ok: false },
  ]);
  t.match(result, { instances: null, moved: null, logins: null, twice: { count: null } });
  t.match(stderr, /no answer says which instance gave it: name a place by `instance`/);
});

t.test('a ledger that holds no write of the drill proves nothing', async (t) => {
  const proxy = await startProxy('nothing', t);
  const other = join(folder, 'other');
  writeFileSync(other, 'nothing of ours\n');
  const args = argsFor(proxy).filter((arg) => arg !== '--handled' && arg !== 'json:times');
  args[args.indexOf(`file:${proxy.ledger}`)] = `file:${other}`;
  const { code, result } = await drill(args);
  t.equal(code, 1);
  t.same(brokenOf(result.verdict), ['maxTwice']);
  t.match(result.notes, [
    /instances are told apart by header:x-instance/,
    /no ledger holds a write of this drill/,
  ]);
});
