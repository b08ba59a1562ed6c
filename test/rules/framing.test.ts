// F1-F5 and F11: how long a request is, and how large it may be. The classics of request smuggling are rows here.
import t from 'tap';
import { statusOf } from '../kit/http-message.ts';
import { chunkedPost, get, passes, post, refuses, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({
  upstreams: [upstream.url],
  health: unwatched,
  routes: [
    { path: '/', pool: 'default' },
    { path: '/small', pool: 'default', limits: { body: '1KiB' } },
  ],
});
const refusal = (t: Judge, name: string, bytes: string, status?: number | number[], midway = false) =>
  refuses(t, limpet, upstream, { name, bytes, midway, ...(status ? { status } : {}) });
type Judge = Parameters<typeof refuses>[0];
const smuggled = get('/bad-smuggled');

t.test('F1: Transfer-Encoding and Content-Length together are refused', async (t) => {
  const both = (first: string, second: string, body: string) => request('POST', '/bad', first, second) + body;
  await refusal(t, 'CL.TE', both('Content-Length: 6', 'Transfer-Encoding: chunked', '0\r\n\r\nG'));
  await refusal(
    t,
    'TE.CL',
    both('Transfer-Encoding: chunked', 'Content-Length: 4', `5c\r\n${smuggled}\r\n0\r\n\r\n`),
  );
  await refusal(t, 'a length of 0', both('Transfer-Encoding: chunked', 'Content-Length: 0', '0\r\n\r\n'));
  await refusal(t, 'odd case', both('tRANSFER-eNCODING: chunked', 'cONTENT-lENGTH: 5', '0\r\n\r\n'));
  await refusal(
    t,
    'a bad coding',
    both('Transfer-Encoding: xchunked', 'Content-Length: 5', 'hello'),
    [400, 501],
  );
  await refusal(t, 'a bad length', both('Transfer-Encoding: chunked', 'Content-Length: x', '0\r\n\r\n'));
  await refusal(t, 'in a GET', `${get('/bad', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`);
});

t.test('F2: Transfer-Encoding is exactly one "chunked"', async (t) => {
  for (const coding of ['chunked', 'Chunked', 'CHUNKED', 'cHuNkEd']) {
    const bytes = `${request('POST', '/f2', `Transfer-Encoding: ${coding}`)}5\r\nhello\r\n0\r\n\r\n`;
    const { seen } = await passes(t, limpet, upstream, coding, bytes);
    t.equal(seen.body.toString(), 'hello', 'its body');
  }
  const one = (coding: string) =>
    `${request('POST', '/bad', `Transfer-Encoding: ${coding}`)}0\r\n\r\n${smuggled}`;
  for (const coding of ['gzip', 'identity', 'xchunked', 'chunkedx', 'deflate', 'br']) {
    await refusal(t, coding, one(coding), 501);
  }
  for (const coding of [
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chunked, identity',
    'chunked;q=1',
    'chunked; a=b',
    'chunked,',
    ',chunked',
    ', chunked',
    'chunked ,',
  ]) {
    await refusal(t, coding, one(coding), [400, 501]);
  }
  for (const coding of [
    '',
    'chunked\x0b',
    '\x0bchunked',
    'chun ked',
    '"chunked"',
    "'chunked'",
    'chunked\0',
    '[chunked]',
    'chunked\xff',
    '\xa0chunked',
  ]) {
    await refusal(t, JSON.stringify(coding), one(coding), [400, 501]);
  }
  const two = (a: string, b: string) =>
    `${request('POST', '/bad', `Transfer-Encoding: ${a}`, `Transfer-Encoding: ${b}`)}0\r\n\r\n`;
  for (const [a, b] of [
    ['chunked', 'chunked'],
    ['chunked', 'identity'],
    ['identity', 'chunked'],
    ['x', 'chunked'],
    ['chunked', 'x'],
  ] as const) {
    await refusal(t, `TE.TE: ${a} and ${b}`, two(a, b), [400, 501]);
  }
  await refusal(
    t,
    'a space before the colon',
    `${request('POST', '/bad', 'Transfer-Encoding : chunked')}0\r\n\r\n`,
  );
  await refusal(t, 'a folded value', `${request('POST', '/bad', 'Transfer-Encoding:', ' chunked')}0\r\n\r\n`);
});

t.test('F3: Transfer-Encoding in a 1.0 request is refused', async (t) => {
  await refusal(
    t,
    '1.0',
    'POST /bad HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  );
  await refusal(
    t,
    '1.0 keep-alive',
    'POST /bad HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  );
});

t.test('F4: Content-Length is one field of 1 to 15 digits', async (t) => {
  for (const length of ['5', '05', '000000000000005']) {
    const { seen } = await passes(
      t,
      limpet,
      upstream,
      length,
      `${request('POST', '/f4', `Content-Length: ${length}`)}hello`,
    );
    t.equal(seen.body.toString(), 'hello', 'its body');
  }
  const bad = [
    '',
    '+5',
    '-5',
    '-0',
    '5 5',
    '0x5',
    '5,5',
    '5, 5',
    '5;',
    '5.0',
    '1e1',
    'five',
    '5\x0b',
    '\x0b5',
    '0000000000000005',
    '9007199254740992',
    '1234567890123456',
    '99999999999999999999',
    '18446744073709551621',
    '5\0',
    '"5"',
    '\xb2',
    '5_0',
  ];
  for (const length of bad) {
    await refusal(
      t,
      `length ${JSON.stringify(length)}`,
      `${request('POST', '/bad', `Content-Length: ${length}`)}hello`,
    );
  }
  for (const [a, b] of [
    ['5', '5'],
    ['5', '6'],
    ['0', '5'],
    ['5', ''],
    ['5', 'x'],
  ] as const) {
    await refusal(
      t,
      `lengths ${a} and ${b}`,
      `${request('POST', '/bad', `Content-Length: ${a}`, `Content-Length: ${b}`)}hello`,
    );
  }
});

t.test('F5: without either there is no body, whatever the method', async (t) => {
  upstream.forget();
  const client = await RawClient.open(limpet.port);
  client.send(request('POST', '/f5/first') + get('/f5/second'));
  await client.answer();
  await client.answer();
  t.same(
    upstream.exchanges.map((e) => e.target),
    ['/f5/first', '/f5/second'],
    '0.CL: what follows is a request of its own',
  );
  client.destroy();
});

t.test('F11: line, head and field count are bounded', async (t) => {
  const path = (length: number) => `/${'x'.repeat(length - 1)}`;
  const room = 8192 - 'GET  HTTP/1.1'.length;
  await passes(t, limpet, upstream, 'a line just under 8 KiB', get(path(room - 2)));
  await refusal(t, 'a line over 8 KiB', get(path(8300)), 414);
  await refusal(t, 'a line without an end', `GET ${path(20_000)}`, 414);
  await passes(t, limpet, upstream, 'a head just under 32 KiB', get('/f11', `X: ${'y'.repeat(32_000)}`));
  await refusal(t, 'a head over 32 KiB', get('/bad', `X: ${'y'.repeat(33_000)}`), 431);
  await refusal(t, 'a head without an end', `GET /bad HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(60_000)}`, 431);
  await passes(t, limpet, upstream, '100 fields', get('/f11', ...Array(99).fill('X: y')));
  await refusal(t, '101 fields', get('/bad', ...Array(100).fill('X: y')), 431);
});

t.test('F11: a body over the limit of its route gets 413', async (t) => {
  await passes(t, limpet, upstream, 'at the limit', post('/small/ok', 'x'.repeat(1024)));
  upstream.forget();
  await refuses(t, limpet, upstream, {
    name: 'by its length, before forwarding',
    bytes: post('/small/bad', 'x'.repeat(1025)),
    status: 413,
  });
  await refuses(t, limpet, upstream, {
    name: 'by its length, with the body still to come',
    bytes: request('POST', '/small/bad', 'Content-Length: 999999999999'),
    status: 413,
  });
  await passes(
    t,
    limpet,
    upstream,
    'chunked at the limit',
    chunkedPost('/small/ok', `400\r\n${'x'.repeat(1024)}\r\n0\r\n\r\n`),
  );
  const long = chunkedPost('/small/bad', `${`80\r\n${'x'.repeat(128)}\r\n`.repeat(9)}0\r\n\r\n`);
  await refuses(t, limpet, upstream, { name: 'while counting', bytes: long, status: 413, midway: true });
});

t.test('F11: an answer whose head is over 64 KiB is a bad answer', async (t) => {
  upstream.script = answering(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(60_000)}\r\nContent-Length: 2\r\n\r\nok`);
  t.equal(statusOf(await askOnce(limpet.port, get('/f11/large'))), 200, '60 KB pass');
  upstream.script = answering(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}\r\nContent-Length: 2\r\n\r\nok`);
  t.equal(statusOf(await askOnce(limpet.port, get('/f11/larger'))), 502, '70 KB do not');
  upstream.script = answering(OK);
});

t.test('nothing that was refused reached the upstream complete', async (t) => {
  t.same(
    upstream.exchanges.filter((e) => e.target.includes('/bad') && e.message).map((e) => e.head.start),
    [],
  );
  t.same(upstream.errors, [], 'and all that did was well formed');
});
