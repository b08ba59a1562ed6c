// F6-F10: chunked bodies, trailers, and bodies that do not end.
import t from 'tap';
import { statusOf, value, values } from '../kit/http-message.ts';
import { chunkedPost, get, passes, refuses, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { answering, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const oldUpstream = await RawUpstream.listen();
const limpet = await startLimpet({
  pools: {
    default: { upstreams: [upstream.url], health: unwatched },
    old: { upstreams: [oldUpstream.url], health: unwatched },
  },
  routes: [
    { path: '/', pool: 'default' },
    { path: '/old', pool: 'old' },
  ],
});
const refusal = (t: Judge, name: string, bytes: string, status?: number | number[], midway = false) =>
  refuses(t, limpet, upstream, { name, bytes, midway, ...(status ? { status } : {}) });
type Judge = Parameters<typeof refuses>[0];
const smuggled = get('/bad-smuggled');

t.test('F6: a chunk line is 1 to 13 hex digits and a bounded, printable extension', async (t) => {
  for (const size of [
    '',
    '+5',
    '-5',
    '0x5',
    ' 5',
    '\t5',
    '5 ',
    '5\t',
    'g',
    '5g',
    '5,',
    '5.0',
    '00000000000005',
    'FFFFFFFFFFFFFF',
    '10000000000000000',
    '5\0',
    '\x0b5',
    '5\xa0',
    '"5"',
    '5;a\0b',
    '5;a\x01b',
    '5;a\x7fb',
    '5;a\rb',
    '5;a\nb',
    `5;${'a'.repeat(300)}`,
    `5;a="${'b'.repeat(300)}"`,
  ]) {
    const bytes = chunkedPost('/bad', `${size}\r\nhello\r\n0\r\n\r\n${smuggled}`);
    await refusal(t, `chunk line ${JSON.stringify(size.slice(0, 40))}`, bytes, 400, true);
  }
  const many = `1;${'e'.repeat(250)}\r\nx\r\n`.repeat(20);
  await refusal(t, 'more than 4 KiB of extensions', chunkedPost('/bad', `${many}0\r\n\r\n`), 400, true);
  const last = `0;${'e'.repeat(300)}\r\n\r\n`;
  await refusal(
    t,
    'a long extension on the last chunk',
    chunkedPost('/bad', `5\r\nhello\r\n${last}`),
    400,
    true,
  );

  for (const size of [
    '5',
    '05',
    '0000000000005',
    '5;a',
    '5;a=b',
    '5;a="b c"',
    '5;a=b;c=d',
    `5;${'a'.repeat(200)}`,
  ]) {
    const { seen } = await passes(
      t,
      limpet,
      upstream,
      `chunk line ${size.slice(0, 40)}`,
      chunkedPost('/f6', `${size}\r\nhello\r\n0;last\r\n\r\n`),
    );
    t.equal(seen.body.toString(), 'hello', 'its body');
    t.notMatch(seen.raw.toString('latin1'), /;/, 'the extension is dropped');
  }
  const { seen } = await passes(
    t,
    limpet,
    upstream,
    'letters',
    chunkedPost('/f6', `A\r\n${'x'.repeat(10)}\r\nb\r\n${'y'.repeat(11)}\r\n0\r\n\r\n`),
  );
  t.equal(seen.body.toString(), 'x'.repeat(10) + 'y'.repeat(11), 'hex digits in either case');
});

t.test('F7: chunk data is followed by CRLF exactly', async (t) => {
  for (const after of ['', 'X', 'X\r\n', '\n', '\r', '\rX', '\r\r\n', ' \r\n', '\0\0']) {
    await refusal(
      t,
      `hello${JSON.stringify(after)}`,
      chunkedPost('/bad', `5\r\nhello${after}0\r\n\r\n${smuggled}`),
      400,
      true,
    );
  }
});

t.test('F8: trailers are forwarded as trailers, without those that would mislead', async (t) => {
  const trailers = [
    'X-Sum: 1',
    'X-Sum: 2',
    'Content-Length: 9',
    'Transfer-Encoding: chunked',
    'Host: evil',
    'Cookie: a=1',
    'Authorization: Basic x',
    'Connection: close',
    'Keep-Alive: 1',
    'TE: trailers',
    'Upgrade: x',
    'Limpet-User: admin',
    'Limpet-Anything: x',
    'Proxy: x',
    'X-Forwarded-For: 9.9.9.9',
    'Set-Cookie: a=b',
  ];
  const bytes = chunkedPost(
    '/f8',
    `5\r\nhello\r\n0\r\n${trailers.join('\r\n')}\r\n\r\n`,
    'TE: trailers',
    'Trailer: X-Sum',
  );
  const { seen } = await passes(t, limpet, upstream, 'many trailers', bytes);
  t.same(
    seen.trailers,
    [
      ['X-Sum', '1'],
      ['X-Sum', '2'],
    ],
    'only the harmless ones',
  );
  t.same(values(seen, 'x-sum'), [], 'never in the head');
  t.equal(values(seen, 'host').join(), 'a.example', 'the head is untouched');
  await refusal(
    t,
    'more than 8 KiB',
    chunkedPost('/bad', `0\r\n${'X: y\r\n'.repeat(1500)}\r\n`),
    [400, 431],
    true,
  );
  await refusal(
    t,
    'one endless line',
    chunkedPost('/bad', `0\r\nX: ${'y'.repeat(9000)}\r\n\r\n`),
    [400, 431],
    true,
  );
  for (const trailer of ['X : y', ': y', 'X', 'X: \0', ' X: y', 'X(: y']) {
    await refusal(
      t,
      `trailer ${JSON.stringify(trailer)}`,
      chunkedPost('/bad', `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`),
      400,
      true,
    );
  }
});

t.test('F8: what a route takes off or sets is taken off trailers too, both ways', async (t) => {
  const dressed = await RawUpstream.listen();
  const limpet = await startLimpet({
    pools: { default: { upstreams: [dressed.url], health: unwatched } },
    sessions: {
      seen: {
        verify: 'opaque',
        cookie: 'sid',
        store: 'redis://127.0.0.1:1',
        user: 'user',
        require: 'nothing',
        pass: { user: 'X-User', fields: { 'X-Plan': 'plan' } },
      },
    },
    routes: [
      {
        path: '/',
        pool: 'default',
        session: 'seen',
        headers: {
          request: { set: { 'X-Edge': 'own' }, remove: ['X-Own', 'User-Agent'] },
          response: { remove: ['X-Inside'] },
        },
      },
    ],
  });
  const names = ['X-User', 'x-plan', 'X-PLAN', 'X-Edge', 'X-Own', 'User-Agent', 'X-Free'];
  const trailers = names.map((name) => `${name}: forged\r\n`).join('');
  dressed.script = async (exchange) => {
    await exchange.whole();
    exchange.connection.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Inside: a\r\nX-Out: b\r\n\r\n',
    );
  };
  const client = await RawClient.open(limpet.port);
  const answer = await client.ask(
    chunkedPost('/f8', `2\r\nhi\r\n0\r\n${trailers}\r\n`, 'TE: trailers'),
    'POST',
  );
  t.same((await dressed.last.whole()).trailers, [['X-Free', 'forged']]);
  t.same(answer.trailers, [['X-Out', 'b']]);
});

t.test('F9: a body that its client does not finish is never complete upstream', async (t) => {
  const cuts = [
    ['half of a length', `${request('POST', '/f9', 'Content-Length: 10')}hello`],
    ['all but one byte of a length', `${request('POST', '/f9', 'Content-Length: 6')}hello`],
    ['within a chunk', chunkedPost('/f9', 'a\r\nhello')],
    ['between chunks', chunkedPost('/f9', '5\r\nhello\r\n')],
    ['within the last chunk line', chunkedPost('/f9', '5\r\nhello\r\n0')],
    ['before the last line', chunkedPost('/f9', '5\r\nhello\r\n0\r\n')],
    ['within a trailer', chunkedPost('/f9', '5\r\nhello\r\n0\r\nX: y\r\n')],
  ] as const;
  for (const how of ['halfClose', 'reset'] as const) {
    for (const [name, bytes] of cuts) {
      upstream.forget();
      const client = await RawClient.open(limpet.port);
      client.send(bytes);
      const exchange = await upstream.request('/f9');
      client[how]();
      await exchange.connection.untilEnd(2000);
      t.equal(exchange.message, null, `${name}, then ${how}: not complete`);
      client.destroy();
    }
  }
});

t.test('F10: what comes chunked goes on chunked, newly framed', async (t) => {
  const { seen } = await passes(
    t,
    limpet,
    upstream,
    'odd spelling',
    chunkedPost('/f10', '005;x\r\nhello\r\n00000;y\r\n\r\n'),
  );
  t.equal(seen.framing, 'chunked', 'still chunked');
  t.match(seen.raw.toString('latin1'), /\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/, 'in our own spelling');
});

t.test('F10: an upstream known as 1.0 gets a length, and what is too long for one 411', async (t) => {
  oldUpstream.script = answering('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
  await askOnce(limpet.port, get('/old/learn'));
  const answer = await askOnce(limpet.port, chunkedPost('/old/short', '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'));
  t.equal(statusOf(answer), 200, 'a short one passes');
  t.equal(value(oldUpstream.last.head, 'content-length'), '6', 'with its length');
  t.equal(oldUpstream.last.message?.body.toString(), 'hello!', 'whole');
  const client = await RawClient.open(limpet.port);
  client.send(request('POST', '/old/long', 'Transfer-Encoding: chunked'));
  const mebibyte = `100000\r\n${'x'.repeat(1 << 20)}\r\n`;
  for (let i = 0; i < 8; i++) client.send(mebibyte);
  t.equal(statusOf(await client.finalAnswer()), 411, 'a long one is answered 411');
  t.equal(oldUpstream.seen('/old/long').length, 0, 'and not forwarded');
  client.destroy();
});

t.test('nothing that was refused reached the upstream complete', async (t) => {
  t.same(
    upstream.exchanges.filter((e) => e.target.includes('/bad') && e.message).map((e) => e.head.start),
    [],
  );
  t.same(upstream.errors, [], 'and all that did was well formed');
});
