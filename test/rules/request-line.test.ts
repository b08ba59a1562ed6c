// R1-R7: the request line, the target and the Host of a request.
import { once } from 'node:events';
import { connect as tls } from 'node:tls';
import t from 'tap';
import { statusOf, value, values } from '../kit/http-message.ts';
import { get, passes, refuses, request, unwatched } from '../kit/judge.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askOnce } from '../kit/raw-client.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({
  upstreams: [upstream.url],
  health: unwatched,
  routes: [
    { path: '/', pool: 'default' },
    { path: '/strict', pool: 'default', strictTarget: true },
    { path: '/admin', respond: { status: 403, body: 'not for you' } },
    { host: 'b.example', path: '/', respond: { status: 200, body: 'the route of b' } },
  ],
});
const bad = (name: string, bytes: string, status?: number) => ({
  name,
  bytes,
  ...(status ? { status } : {}),
});
const line = (start: string) => `${start}\r\nHost: a.example\r\n\r\n`;

t.test('R1: a request line is three words with one space between', async (t) => {
  const lines = [
    'GET  /bad HTTP/1.1',
    'GET /bad  HTTP/1.1',
    'GET\t/bad HTTP/1.1',
    'GET /bad\tHTTP/1.1',
    'GET /bad HTTP/1.1 ',
    ' GET /bad HTTP/1.1',
    'GET /bad',
    'GET',
    'GET /bad ',
    'GET /bad HTTP/1.1 x',
    'GET /bad x HTTP/1.1',
    '/bad HTTP/1.1',
    'GET  HTTP/1.1',
    'GET /bad\x0bHTTP/1.1',
    'GET /bad HTTP/1.1\t',
  ];
  for (const start of lines) await refuses(t, limpet, upstream, bad(JSON.stringify(start), line(start)));
});

t.test('R2: a method is a token of at most 32 characters, its case kept', async (t) => {
  for (const method of ['get', 'PROPFIND', "X!#$%&'*+-.^_`|~9", 'M'.repeat(32)]) {
    const { seen } = await passes(t, limpet, upstream, method, request(method, '/r2'));
    t.equal(seen.start, `${method} /r2 HTTP/1.1`, 'as it was sent');
  }
  for (const method of ['M'.repeat(33), 'M'.repeat(5000), 'G(T', 'G@T', 'GÉT', '"GET"', 'G\0T', '{GET}']) {
    await refuses(t, limpet, upstream, bad(`method ${method.slice(0, 40)}`, request(method, '/bad')));
  }
});

t.test('R2: a client that speaks TLS is told at once, though none of its lines ever ends', async (t) => {
  const before = await metric(limpet, 'limpet_refused_total', 'request.tls');
  const socket = tls({ port: limpet.port, host: '127.0.0.1', rejectUnauthorized: false });
  t.teardown(() => socket.destroy());
  const [error] = (await once(socket, 'error').catch((thrown: Error) => [thrown])) as [NodeJS.ErrnoException];
  t.match(error.code, /^ERR_SSL_/, 'what came back is no TLS');
  let counted = 0;
  while (counted === 0) counted = (await metric(limpet, 'limpet_refused_total', 'request.tls')) - before;
  t.equal(counted, 1);
});

t.test('R2: CONNECT and TRACE are answered 405 and forwarded nowhere', async (t) => {
  upstream.forget();
  const connect = await askOnce(limpet.port, 'CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n');
  t.equal(statusOf(connect), 405, 'CONNECT');
  const trace = await askOnce(limpet.port, request('TRACE', '/r2', 'Cookie: secret=1'));
  t.equal(statusOf(trace), 405, 'TRACE');
  t.notMatch(trace.body.toString(), /secret/, 'no mirror for cookies');
  t.equal(upstream.exchanges.length, 0, 'nothing forwarded');
});

t.test(
  'R3: versions 1.2 to 1.9 are treated as 1.1, higher majors get 505, other spellings 400',
  async (t) => {
    for (const version of ['HTTP/1.2', 'HTTP/1.9']) {
      const { seen, answer } = await passes(t, limpet, upstream, version, line(`GET /r3 ${version}`));
      t.equal(seen.start, 'GET /r3 HTTP/1.1', 'forwarded as 1.1');
      t.match(answer.start, /^HTTP\/1\.1 /, 'answered as 1.1');
    }
    const old = await passes(t, limpet, upstream, 'HTTP/1.0', line('GET /r3 HTTP/1.0'));
    t.equal(value(old.answer, 'transfer-encoding'), undefined, '1.0 is 1.0');
    for (const version of ['HTTP/2.0', 'HTTP/3.0', 'HTTP/9.9']) {
      await refuses(t, limpet, upstream, bad(version, line(`GET /bad ${version}`), 505));
    }
    await refuses(t, limpet, upstream, bad('the preface of h2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505));
    for (const version of [
      'http/1.1',
      'Http/1.1',
      'HTTP/01.1',
      'HTTP/1.01',
      'HTTP/1.10',
      'HTTP/1',
      'HTTP/1.',
      'HTTP/.1',
      'HTTP/1,1',
      'HTTP/1.1x',
      'HTTPS/1.1',
      'HTTP/0.9',
      'HTTP/x.1',
      'HTTP 1.1',
      'HTTP/-1.1',
      'HTTP/1.-1',
      'HTTP//1.1',
      'ICAP/1.0',
    ]) {
      await refuses(t, limpet, upstream, bad(version, line(`GET /bad ${version}`)));
    }
  },
);

t.test('R4: absolute targets give their authority to Host and are forwarded in origin form', async (t) => {
  const rows = [
    ['http://c.example/x?y', '/x?y', 'c.example'],
    ['http://c.example:81/x', '/x', 'c.example:81'],
    ['http://c.example', '/', 'c.example'],
    ['http://c.example?q=1', '/?q=1', 'c.example'],
    ['/x?http://c.example/', '/x?http://c.example/', 'a.example'],
  ] as const;
  for (const [target, path, host] of rows) {
    const { seen } = await passes(t, limpet, upstream, target, get(target));
    t.equal(seen.start, `GET ${path} HTTP/1.1`, `${target} becomes ${path}`);
    t.same(values(seen, 'host'), [host], `for ${host}`);
  }
  const routed = await askOnce(limpet.port, get('http://b.example/x'));
  t.equal(routed.body.toString(), 'the route of b', 'the authority of the target, not Host, finds the route');
});

t.test('R4: OPTIONS * is answered here, and every other form is refused', async (t) => {
  upstream.forget();
  t.equal(statusOf(await askOnce(limpet.port, request('OPTIONS', '*'))), 204, 'OPTIONS *');
  t.equal(upstream.exchanges.length, 0, 'not forwarded');
  for (const target of [
    '*',
    'bad',
    'a.example:80',
    'https://a.example/bad',
    'ftp://a.example/bad',
    'http://u@a.example/bad',
    'http://u:p@a.example/bad',
    'http:///bad',
    'http:/bad',
    'http:bad',
    '?bad',
    'http://',
    'javascript:bad',
  ]) {
    await refuses(t, limpet, upstream, bad(`GET ${target}`, get(target)));
  }
  await refuses(t, limpet, upstream, bad('POST *', request('POST', '*', 'Content-Length: 0')));
});

t.test('R5: target bytes are 0x21 to 0x7e but "#", forwarded as they came', async (t) => {
  for (let byte = 0; byte <= 0xff; byte++) {
    const char = String.fromCharCode(byte);
    if ((byte > 0x20 && byte < 0x7f && char !== '#') || byte === 0x0a || byte === 0x0d) continue;
    await refuses(t, limpet, upstream, bad(`byte 0x${byte.toString(16)}`, get(`/bad${char}x`)));
  }
  for (const target of [
    '/a%2Fb%2fc',
    '/a%zz',
    '/a?x=%00&y=%0d%0a',
    '/a"<>^`{|}',
    '/a?b?c',
    '/%E4%f6',
    "/a;b=c,d@e:f!$&'()*+=",
    '/a?[x]=%5B',
  ]) {
    const { seen } = await passes(t, limpet, upstream, target, get(target));
    t.equal(seen.start, `GET ${target} HTTP/1.1`, 'unchanged');
  }
  for (const char of ['"', '<', '>', '\\', '^', '`', '{', '|', '}', '%zz', '%4']) {
    await refuses(t, limpet, upstream, bad(`strictTarget: ${char}`, get(`/strict/bad${char}`)));
  }
  await passes(
    t,
    limpet,
    upstream,
    'strictTarget lets good ones through',
    get("/strict/a%20b;c=d,e@f:g!$&'()*+=?x/y?z"),
  );
});

t.test('R6: a path that an app may read as another route is refused, a harmless one passes', async (t) => {
  const before = await metric(limpet, 'limpet_refused_total', 'request.target.ambiguous');
  const rows = [
    '/x/../admin',
    '/x/%2e%2e/admin',
    '/x/.%2E/admin',
    '/%61dmin',
    '/admi%6e',
    '//admin',
    '/./admin',
    '/\\admin',
    '/%5cadmin',
    '/x%2f..%2fadmin',
    '/admin;v=1',
    '/x;a/../admin',
    '/admin%2fx',
    '/admin/../x',
    '/admin%5cx',
    '/x\\..\\admin',
  ];
  for (const target of rows) await refuses(t, limpet, upstream, bad(target, get(target)));
  // The text of /metrics may be a second old.
  let counted = 0;
  for (const end = Date.now() + 5000; counted !== rows.length && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    counted = (await metric(limpet, 'limpet_refused_total', 'request.target.ambiguous')) - before;
  }
  t.equal(counted, rows.length, 'each counted as request.target.ambiguous');
  for (const target of [
    '/x%2fy',
    '/x//y',
    '/x/./y',
    '/x/../y',
    '/x;admin/y',
    '/x?../admin',
    '/x?a=//admin',
    '/%78',
    '/adminx',
    '/x/%2e%2e/y',
  ]) {
    const { seen } = await passes(t, limpet, upstream, target, get(target));
    t.equal(seen.start, `GET ${target} HTTP/1.1`, 'as it was written');
  }
});

t.test('R6: a NUL in the path and a climb above the root are always refused', async (t) => {
  for (const target of [
    '/x%00',
    '/%00',
    '/..',
    '/../',
    '/x/../..',
    '/%2e%2e',
    '/..%2fx',
    '/x/..%2f..',
    '/..\\x',
    '/x/../../y/z',
  ]) {
    await refuses(t, limpet, upstream, bad(target, get(target)));
  }
});

t.test('R7: a 1.1 request has exactly one Host of the form host[:port]', async (t) => {
  const first = 'GET /bad HTTP/1.1\r\n';
  await refuses(t, limpet, upstream, bad('none', `${first}X: y\r\n\r\n`));
  await refuses(t, limpet, upstream, bad('none, and absolute', 'GET http://a.example/bad HTTP/1.1\r\n\r\n'));
  await refuses(t, limpet, upstream, bad('two', `${first}Host: a.example\r\nHost: b.example\r\n\r\n`));
  await refuses(t, limpet, upstream, bad('two equal', `${first}Host: a.example\r\nHost: a.example\r\n\r\n`));
  await refuses(t, limpet, upstream, bad('two, one empty', `${first}Host:\r\nHost: a.example\r\n\r\n`));
  await refuses(
    t,
    limpet,
    upstream,
    bad('two in a 1.0 request', 'GET /bad HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n'),
  );
  for (const host of [
    'a b',
    'a/b',
    'u@a',
    'a:b',
    'a:80:81',
    'a:80x',
    '[::1',
    '::1',
    '[::1]x',
    'http://a',
    'a?b',
    'a#b',
    'a\\b',
    'a"b',
    ':80',
    'a\tb',
    '[]',
    '[x]',
    'a<b',
    'a\xe4',
  ]) {
    await refuses(t, limpet, upstream, bad(`Host: ${host}`, `${first}Host: ${host}\r\n\r\n`));
  }
  for (const host of [
    'a',
    'A.Example',
    'a.example:8080',
    '127.0.0.1',
    '[::1]',
    '[::1]:80',
    'a-b_c.example',
  ]) {
    const { seen } = await passes(t, limpet, upstream, host, `GET /r7 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    t.equal(values(seen, 'host').length, 1, 'one Host');
    t.equal(value(seen, 'host')!.toLowerCase(), host.toLowerCase(), 'kept');
  }
});

t.test('R7: an empty Host matches no host route, and a 1.0 request needs none', async (t) => {
  await passes(t, limpet, upstream, 'empty', 'GET /r7 HTTP/1.1\r\nHost:\r\n\r\n');
  const { seen } = await passes(t, limpet, upstream, '1.0', 'GET /r7 HTTP/1.0\r\n\r\n');
  t.same(values(seen, 'host'), [`127.0.0.1:${upstream.port}`], 'the upstream gets its own authority');
  const routed = await askOnce(limpet.port, 'GET /x HTTP/1.1\r\nHost: B.EXAMPLE:8080\r\n\r\n');
  t.equal(routed.body.toString(), 'the route of b', 'host routes ignore case and port');
});

t.test('nothing that was refused reached the upstream', async (t) => {
  t.same(
    upstream.exchanges
      .filter((e) => e.target.includes('bad') && !e.target.startsWith('/r'))
      .map((e) => e.head.start),
    [],
  );
  t.same(upstream.errors, [], 'and all that did was well formed');
});
