// Requests find their route: by host, path and method; and are edited, rewritten, redirected or answered as the config says.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, type Told, until } from '../kit/named-app.ts';

const app = await startNamedApp('app', t);
const pool = (more: object = {}) => ({ upstreams: [app.url], ...more });
const limpet = await startLimpet(
  {
    trustedProxies: ['127.0.0.1'],
    via: 'edge',
    forwarded: true,
    errors: { 404: { json: { error: 'nothing here' } }, '5xx': 'sorry.html' },
    routes: [
      { path: '/', pool: 'main' },
      { host: 'shop.example', path: '/', pool: 'shop' },
      { host: '*.example', path: '/', pool: 'wild' },
      { host: '*.deep.example', path: '/', pool: 'deep' },
      { path: '/a', pool: 'a' },
      { path: '/a/b', pool: 'ab' },
      { path: '= /a/exact', pool: 'exact' },
      { path: '/only', methods: ['POST', 'PUT'], respond: { status: 201, body: 'made' } },
      { host: 'closed.test', path: '/x', pool: 'main' },
      { path: '/strip', pool: 'main', rewrite: { stripPrefix: '/strip', addPrefix: '/v2' } },
      { path: '/put', pool: 'main', rewrite: { path: '/other' } },
      {
        path: '/edit',
        pool: 'main',
        headers: {
          request: { set: { 'X-Set': 'by limpet' }, add: { 'X-Add': 'one more' }, remove: ['X-Gone'] },
          response: { set: { 'X-Frame-Options': 'DENY' }, remove: ['X-Powered-By'] },
        },
      },
      { path: '/go', redirect: { to: 'https://{host}{path}{query}', status: 301 } },
      {
        path: '/say',
        respond: { status: 200, body: '{"ok":true}', headers: { 'Content-Type': 'application/json' } },
      },
      { path: '/gone', pool: 'gone' },
      { path: '/works', pool: 'works' },
      { path: '/host', pool: 'hosted' },
      { path: '/fixed', pool: 'fixed' },
    ],
    pools: {
      main: pool(),
      shop: pool(),
      wild: pool(),
      deep: pool(),
      a: pool(),
      ab: pool(),
      exact: pool(),
      gone: { upstreams: ['http://127.0.0.1:9'] },
      works: { upstreams: [{ url: app.url, wanted: 'maintenance' }], maintenance: 'works.html' },
      hosted: pool({ host: 'upstream' }),
      fixed: pool({ host: 'inside.test' }),
    },
  },
  { files: { 'sorry.html': '<h1>sorry</h1>', 'works.html': '<h1>works</h1>' } },
);

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Told> =>
  askPath(limpet.port, path, { host: 'any.test', ...headers }, method);
/** Which pool took the request, by limpet's own word for its route. */
async function poolOf(path: string, host: string): Promise<string> {
  const look = async (): Promise<Map<string, number>> => {
    const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as {
      pool: string;
      requests: number;
    }[];
    return new Map(all.map((u) => [u.pool, u.requests]));
  };
  const before = await look();
  await ask(path, { host });
  let pool = '';
  // A pool's first count is told to the main thread by a message, which may come a moment later.
  await until('a pool has counted it', async () => {
    for (const [name, requests] of await look()) if (requests > before.get(name)!) pool = name;
    return pool !== '';
  });
  return pool;
}

t.test('the most specific host wins; port, case and a final dot do not matter', async (t) => {
  t.equal(await poolOf('/', 'shop.example'), 'shop');
  t.equal(await poolOf('/', 'SHOP.example:8080'), 'shop');
  t.equal(await poolOf('/', 'shop.example.'), 'shop');
  t.equal(await poolOf('/', 'other.example'), 'wild');
  t.equal(await poolOf('/', 'x.deep.example'), 'deep');
  t.equal(await poolOf('/', 'example'), 'main');
  t.equal(await poolOf('/', 'elsewhere.test'), 'main');
});

t.test('the longest path wins, by segments', async (t) => {
  t.equal(await poolOf('/a', 'any.test'), 'a');
  t.equal(await poolOf('/a/', 'any.test'), 'a');
  t.equal(await poolOf('/ab', 'any.test'), 'main');
  t.equal(await poolOf('/a/b/c?x=/q', 'any.test'), 'ab');
  t.equal(await poolOf('/a/exact', 'any.test'), 'exact');
  t.equal(await poolOf('/a/exact/more', 'any.test'), 'a');
});

t.test('a method that no route of the path takes falls to a shorter path', async (t) => {
  t.equal((await ask('/only', {}, 'PUT')).status, 201);
  t.equal((await ask('/only', {}, 'GET')).body, 'app');
});

t.test('paths that two readers would route differently are refused', async (t) => {
  for (const path of ['/x/%2e%2e/a', '/x/..%2fa', '/%61', '/x/../a', '//a'])
    t.equal((await ask(path)).status, 400, path);
  for (const path of ['/a/%20', '/b/../c', '/x%2fy']) t.equal((await ask(path)).status, 200, path);
});

t.test('the path is stripped, prefixed or put in place, and the query kept', async (t) => {
  await ask('/strip/x/y?q=1');
  t.equal(app.seen.at(-1)?.url, '/v2/x/y?q=1');
  t.equal(app.seen.at(-1)?.headers['x-forwarded-prefix'], '/strip');
  await ask('/strip');
  t.equal(app.seen.at(-1)?.url, '/v2');
  await ask('/put/anything?q=2');
  t.equal(app.seen.at(-1)?.url, '/other?q=2');
});

t.test('fields are set, added and removed both ways', async (t) => {
  app.answer = (_request, response) => {
    response.writeHead(200, { 'x-powered-by': 'app', 'x-frame-options': 'ALLOW' });
    response.end();
  };
  const told = await ask('/edit', { 'x-set': 'by client', 'x-gone': '1', 'x-add': 'first' });
  const seen = app.seen.at(-1)!.headers;
  t.equal(seen['x-set'], 'by limpet');
  t.equal(seen['x-gone'], undefined);
  t.equal(seen['x-add'], 'first, one more');
  t.equal(told.headers['x-frame-options'], 'DENY');
  t.equal(told.headers['x-powered-by'], undefined);
  app.answer = (_request, response, name) => response.end(name);
});

t.test('redirects and fixed answers need no upstream, and a redirect never leads away', async (t) => {
  const told = await ask('/go/x?q=1', { host: 'shop.test' });
  t.equal(told.status, 301);
  t.equal(told.headers.location, 'https://shop.test/go/x?q=1');
  const said = await ask('/say');
  t.equal(said.headers['content-type'], 'application/json');
  t.equal(said.body, '{"ok":true}');
});

t.test('own pages stand for errors and maintenance', async (t) => {
  t.match((await ask('/gone')).body, 'sorry');
  const works = await ask('/works');
  t.equal(works.status, 503);
  t.match(works.body, '<h1>works</h1>');
  t.match(works.headers['content-type'], 'text/html');
});

t.test('the upstream gets the host that the pool says', async (t) => {
  await ask('/host', { host: 'outside.test' });
  t.equal(app.seen.at(-1)?.headers.host, `127.0.0.1:${app.port}`);
  t.equal(app.seen.at(-1)?.headers['x-forwarded-host'], 'outside.test');
  await ask('/fixed', { host: 'outside.test' });
  t.equal(app.seen.at(-1)?.headers.host, 'inside.test');
});

t.test('a trusted proxy is believed, and our own hop added', async (t) => {
  await ask('/', {
    'x-forwarded-for': '203.0.113.7',
    'x-forwarded-proto': 'https',
    'x-request-id': 'from-the-edge',
    forwarded: 'for=203.0.113.7',
  });
  const seen = app.seen.at(-1)!.headers;
  t.equal(seen['x-forwarded-for'], '203.0.113.7, 127.0.0.1');
  t.equal(seen['x-forwarded-proto'], 'https');
  t.equal(seen['x-request-id'], 'from-the-edge');
  t.equal(seen.forwarded, 'for=203.0.113.7, for=127.0.0.1;host="any.test";proto=http');
  t.equal(seen.via, '1.1 edge');
  t.match(seen.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});

t.test('a request that was here before is refused', async (t) => {
  t.equal((await ask('/', { via: '1.1 other, 1.1 edge' })).status, 508);
  t.equal((await ask('/', { via: '1.1 edgeless' })).status, 200);
});
