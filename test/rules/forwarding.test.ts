// H1-H7: which fields go on, which are ours, and which never pass.
import t from 'tap';
import { type Field, type Message, statusOf, value, values } from '../kit/http-message.ts';
import { chunkedPost, get, passes, post, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
// Clients from 127.0.0.2 are a trusted proxy, those from 127.0.0.1 are the world.
const trusted = '127.0.0.2';
const limpet = await startLimpet({
  upstreams: [upstream.url],
  health: unwatched,
  trustedProxies: [`${trusted}/32`],
  routes: [
    { path: '/', pool: 'default' },
    { path: '/via', pool: 'default', via: 'limpet-test' },
    { path: '/no-date', pool: 'default', headers: { response: { remove: ['Date'] } } },
  ],
});
const names = (message: Message): string[] => message.fields.map(([name]: Field) => name.toLowerCase());
const tokens = (message: Message, name: string): string[] =>
  (value(message, name) ?? '')
    .toLowerCase()
    .split(/\s*,\s*/)
    .filter((token) => token !== '');

t.test('H1: fields of the connection are removed from requests', async (t) => {
  const { seen } = await passes(
    t,
    limpet,
    upstream,
    'request',
    get(
      '/h1',
      'Connection: x-one, X-Two',
      'connection: x-three',
      'X-One: 1',
      'X-Two: 2',
      'X-Three: 3',
      'X-Four: 4',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'TE: gzip',
      'Upgrade: nothing',
    ),
  );
  for (const name of [
    'x-one',
    'x-two',
    'x-three',
    'keep-alive',
    'proxy-connection',
    'te',
    'upgrade',
    'transfer-encoding',
  ]) {
    t.notOk(names(seen).includes(name), `${name} is gone`);
  }
  t.equal(value(seen, 'x-four'), '4', 'the others stay');
  t.strictSame(
    tokens(seen, 'connection').filter((token) => token.startsWith('x-')),
    [],
    'Connection names nothing of it',
  );
});

t.test('H1: "TE: trailers" is kept, and nothing else of TE', async (t) => {
  for (const te of ['trailers', 'gzip, trailers;q=0.5', 'Trailers']) {
    const { seen } = await passes(t, limpet, upstream, te, get('/h1', 'Connection: TE', `TE: ${te}`));
    t.same(values(seen, 'te'), ['trailers'], 'TE: trailers');
    t.ok(tokens(seen, 'connection').includes('te'), 'named by Connection');
  }
});

t.test('H1: fields of the connection are removed from answers', async (t) => {
  upstream.script = answering(
    'HTTP/1.1 200 OK\r\nConnection: x-one, keep-alive\r\nX-One: 1\r\nX-Two: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: trailers\r\nUpgrade: h3\r\nContent-Length: 2\r\n\r\nok',
  );
  const { answer } = await passes(t, limpet, upstream, 'answer', get('/h1'));
  upstream.script = answering(OK);
  for (const name of ['x-one', 'keep-alive', 'proxy-connection', 'te', 'upgrade'])
    t.notOk(names(answer).includes(name), `${name} is gone`);
  t.equal(value(answer, 'x-two'), '2', 'the others stay');
});

t.test('H2: Connection cannot strip what others rely on', async (t) => {
  const protectedNames =
    'Host, Content-Length, Transfer-Encoding, Cookie, Authorization, Content-Type, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, Limpet-User, X-Own';
  const lines = [
    `Connection: ${protectedNames}`,
    'Cookie: a=1',
    'Authorization: Basic x',
    'Content-Type: text/plain',
    'X-Own: 1',
  ];
  const plain = await passes(t, limpet, upstream, 'by length', post('/h2', 'hello', ...lines));
  const chunked = await passes(
    t,
    limpet,
    upstream,
    'chunked',
    chunkedPost('/h2', '5\r\nhello\r\n0\r\n\r\n', ...lines),
  );
  for (const { seen } of [plain, chunked]) {
    t.equal(value(seen, 'host'), 'a.example', 'Host');
    t.equal(value(seen, 'cookie'), 'a=1', 'Cookie');
    t.equal(value(seen, 'authorization'), 'Basic x', 'Authorization');
    t.equal(value(seen, 'content-type'), 'text/plain', 'Content-Type');
    t.equal(value(seen, 'x-forwarded-for'), '127.0.0.1', 'X-Forwarded-For');
    t.equal(value(seen, 'x-own'), undefined, 'while its own field goes');
    t.equal(seen.body.toString(), 'hello', 'framing is untouched');
  }
});

t.test('H3: proxy authentication is not passed on', async (t) => {
  upstream.script = answering(
    'HTTP/1.1 200 OK\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 2\r\n\r\nok',
  );
  const { seen, answer } = await passes(
    t,
    limpet,
    upstream,
    'both ways',
    get('/h3', 'Proxy-Authorization: Basic x'),
  );
  upstream.script = answering(OK);
  t.equal(value(seen, 'proxy-authorization'), undefined, 'request');
  t.equal(value(answer, 'proxy-authenticate'), undefined, 'answer');
});

const claims = [
  'X-Forwarded-For: 1.2.3.4',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Port: 444',
  'X-Real-IP: 1.2.3.4',
  'Forwarded: for=1.2.3.4',
  'X-Request-Id: claimed-id',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'Limpet-User: admin',
  'Limpet-Session: valid',
  'limpet-x: y',
  'Proxy: http://evil',
];

t.test('H4: what a stranger claims about itself is replaced', async (t) => {
  const { seen } = await passes(t, limpet, upstream, 'stranger', get('/h4', ...claims));
  t.same(values(seen, 'x-forwarded-for'), ['127.0.0.1'], 'X-Forwarded-For');
  t.same(values(seen, 'x-forwarded-proto'), ['http'], 'X-Forwarded-Proto');
  t.same(values(seen, 'x-forwarded-host'), ['a.example'], 'X-Forwarded-Host');
  t.same(values(seen, 'x-forwarded-port'), [String(limpet.port)], 'X-Forwarded-Port');
  t.same(values(seen, 'x-real-ip'), ['127.0.0.1'], 'X-Real-IP');
  t.notMatch(value(seen, 'forwarded') ?? '', /1\.2\.3\.4/, 'Forwarded');
  t.equal(values(seen, 'x-request-id').length, 1, 'one X-Request-Id');
  t.not(value(seen, 'x-request-id'), 'claimed-id', 'of our own');
  t.match(value(seen, 'traceparent'), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/, 'traceparent is well formed');
  t.notMatch(value(seen, 'traceparent'), /0af7651916cd43dd8448eb211c80319c/, 'and of our own');
  for (const name of ['limpet-user', 'limpet-session', 'limpet-x', 'proxy'])
    t.same(values(seen, name), [], `${name} is dropped`);
});

t.test('H4: what a trusted proxy says is believed, but for Limpet-* and Proxy', async (t) => {
  const { seen } = await passes(t, limpet, upstream, 'trusted', get('/h4', ...claims), trusted);
  t.equal(
    value(seen, 'x-forwarded-for')?.replace(/\s/g, ''),
    `1.2.3.4,${trusted}`,
    'X-Forwarded-For goes on',
  );
  t.same(values(seen, 'x-forwarded-proto'), ['https'], 'X-Forwarded-Proto');
  t.same(values(seen, 'x-forwarded-host'), ['evil.example'], 'X-Forwarded-Host');
  t.same(values(seen, 'x-forwarded-port'), ['444'], 'X-Forwarded-Port');
  t.same(values(seen, 'x-real-ip'), ['1.2.3.4'], 'X-Real-IP');
  t.same(values(seen, 'x-request-id'), ['claimed-id'], 'X-Request-Id');
  t.match(value(seen, 'traceparent'), /^00-0af7651916cd43dd8448eb211c80319c-/, 'the trace goes on');
  for (const name of ['limpet-user', 'limpet-session', 'limpet-x', 'proxy'])
    t.same(values(seen, name), [], `${name} is dropped`);
});

t.test('H4: two requests never share a made-up X-Request-Id', async (t) => {
  const a = await passes(t, limpet, upstream, 'first', get('/h4'));
  const b = await passes(t, limpet, upstream, 'second', get('/h4'));
  t.not(value(a.seen, 'x-request-id'), value(b.seen, 'x-request-id'));
});

t.test('H5: Via is added only where a name is configured', async (t) => {
  const off = await passes(t, limpet, upstream, 'off', get('/h5'));
  t.same([values(off.seen, 'via'), values(off.answer, 'via')], [[], []], 'off by default');
  const on = await passes(t, limpet, upstream, 'on', get('/via', 'Via: 1.0 other'));
  t.match(values(on.seen, 'via').join(', '), /^1\.0 other, ?1\.1 limpet-test$/, 'after what stood there');
});

t.test('H5: a request that comes back to us is answered 508', async (t) => {
  upstream.forget();
  for (const via of ['1.1 limpet-test', '1.0 other, 1.1 limpet-test (x)', 'HTTP/1.1 LIMPET-TEST']) {
    t.equal(statusOf(await askOnce(limpet.port, get('/via', `Via: ${via}`))), 508, via);
  }
  t.equal(upstream.exchanges.length, 0, 'and forwarded nowhere');
  await passes(
    t,
    limpet,
    upstream,
    'a longer name is another one',
    get('/via', 'Via: 1.1 limpet-test2, 1.1 my-limpet-test'),
  );
});

t.test('H6: Max-Forwards counts down for OPTIONS and ends at us', async (t) => {
  const { seen } = await passes(t, limpet, upstream, '5', request('OPTIONS', '/h6', 'Max-Forwards: 5'));
  t.equal(value(seen, 'max-forwards'), '4', 'one less');
  upstream.forget();
  const last = await askOnce(limpet.port, request('OPTIONS', '/h6', 'Max-Forwards: 0'));
  t.ok([200, 204].includes(statusOf(last)), `0 is answered here (${statusOf(last)})`);
  t.equal(upstream.exchanges.length, 0, 'and not forwarded');
  const other = await passes(t, limpet, upstream, 'GET', get('/h6', 'Max-Forwards: 0'));
  t.equal(value(other.seen, 'max-forwards'), '0', 'other methods are left alone');
});

t.test('H7: Date and Server of the upstream pass, our own answers have a Date and no version', async (t) => {
  upstream.script = answering(
    'HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: app/1.2\r\nContent-Length: 2\r\n\r\nok',
  );
  const { answer } = await passes(t, limpet, upstream, 'answer', get('/h7'));
  upstream.script = answering(OK);
  t.same(values(answer, 'date'), ['Sun, 06 Nov 1994 08:49:37 GMT'], 'Date');
  t.same(values(answer, 'server'), ['app/1.2'], 'Server');
  const own = await askOnce(limpet.port, 'GET / HTTP/1.1\r\nBad Field\r\n\r\n');
  t.ok(Math.abs(Date.parse(value(own, 'date') ?? '') - Date.now()) < 5000, 'our Date is now');
  t.notMatch(value(own, 'server') ?? '', /[0-9]/, 'no version');
});

t.test(
  'H7: an answer without Date gets the time at which it came, where the operator does not take it off',
  async (t) => {
    for (const framing of [
      'Content-Length: 2\r\n\r\nok',
      'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ]) {
      upstream.script = answering(`HTTP/1.1 200 OK\r\n${framing}`);
      const { answer } = await passes(t, limpet, upstream, 'answer', get('/h7'));
      t.equal(values(answer, 'date').length, 1, 'one Date');
      t.ok(Math.abs(Date.parse(value(answer, 'date') ?? '') - Date.now()) < 60_000, 'of now');
      const off = await passes(t, limpet, upstream, 'taken off', get('/no-date'));
      t.same(values(off.answer, 'date'), [], 'none where the route removes it');
    }
    upstream.script = answering(OK);
  },
);

t.test('our own answers show nothing of the client or of the upstream', async (t) => {
  const refused = await askOnce(
    limpet.port,
    'GET /<script>alert(1)</script> HTTP/1.1\r\nHost: a<script>b\r\n\r\n',
  );
  t.equal(statusOf(refused), 400, 'refused');
  t.notMatch(refused.raw.toString('latin1'), /script/, 'no byte of the request');
  const down = await startLimpet({ upstreams: ['http://127.0.0.1:1'], health: unwatched }, { owner: t });
  const failed = await askOnce(down.port, get('/down', 'Accept: application/json'));
  t.equal(statusOf(failed), 502, 'nobody listens');
  t.notMatch(failed.raw.toString('latin1'), /127\.0\.0\.1/, 'no address of an upstream');
  t.match(value(failed, 'content-type'), /^application\/json/, 'JSON where Accept prefers it');
  t.doesNotThrow(() => JSON.parse(failed.body.toString()), 'and it is JSON');
});

t.test('every connection to the upstream carried well-formed requests only', async (t) => {
  const client = await RawClient.open(limpet.port);
  await client.ask(get('/last'));
  client.destroy();
  t.same(upstream.errors, []);
});
