// L1-L8: how lines and fields of a request are read, and which are refused.
import t from 'tap';
import { value, values } from '../kit/http-message.ts';
import { chunkedPost, get, passes, type RefusalCase, refuses, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({
  upstreams: [upstream.url],
  health: unwatched,
  routes: [
    { path: '/', pool: 'default' },
    { path: '/underscores', pool: 'default', dropUnderscores: false },
  ],
});

async function refuseAll(t: Tap, rows: readonly RefusalCase[]): Promise<void> {
  for (const row of rows) await refuses(t, limpet, upstream, row);
}
type Tap = Parameters<typeof refuses>[0];

const head = 'GET /bad HTTP/1.1\r\nHost: a.example\r\n';

t.test('L1: a bare LF or a bare CR anywhere in a head is refused', (t) =>
  refuseAll(t, [
    { name: 'LF after the request line', bytes: 'GET /bad HTTP/1.1\nHost: a.example\r\n\r\n' },
    { name: 'LF after a field', bytes: 'GET /bad HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n' },
    { name: 'LF as the blank line', bytes: `${head}\n` },
    { name: 'LF everywhere', bytes: 'GET /bad HTTP/1.1\nHost: a.example\n\n' },
    { name: 'LF before the request line', bytes: `\n${head}\r\n` },
    { name: 'LF within a value', bytes: `${head}X: a\nb\r\n\r\n` },
    { name: 'CR within a value', bytes: `${head}X: a\rb\r\n\r\n` },
    { name: 'CR within a name', bytes: `${head}X\rY: a\r\n\r\n` },
    { name: 'CR within the target', bytes: 'GET /ba\rd HTTP/1.1\r\nHost: a.example\r\n\r\n' },
    { name: 'CR before the line end', bytes: `${head}X: a\r\r\n\r\n` },
    { name: 'CR before the blank line', bytes: `${head}\r\r\n` },
    { name: 'CR as a line end', bytes: 'GET /bad HTTP/1.1\rHost: a.example\r\r\n' },
    { name: 'CR before the request line', bytes: `\r${head}\r\n` },
  ]),
);

t.test('L1: a bare LF or CR in a chunk line or a trailer is refused', (t) =>
  refuseAll(t, [
    { name: 'chunk line', bytes: chunkedPost('/bad', '5\nhello\r\n0\r\n\r\n'), midway: true },
    { name: 'after chunk data', bytes: chunkedPost('/bad', '5\r\nhello\n0\r\n\r\n'), midway: true },
    { name: 'last chunk line', bytes: chunkedPost('/bad', '5\r\nhello\r\n0\n\r\n'), midway: true },
    { name: 'last line', bytes: chunkedPost('/bad', '5\r\nhello\r\n0\r\n\n'), midway: true },
    { name: 'trailer', bytes: chunkedPost('/bad', '5\r\nhello\r\n0\r\nX: y\n\r\n'), midway: true },
    {
      name: 'CR in a trailer',
      bytes: chunkedPost('/bad', '5\r\nhello\r\n0\r\nX: y\rz\r\n\r\n'),
      midway: true,
    },
    { name: 'CR in a chunk line', bytes: chunkedPost('/bad', '5\r\r\nhello\r\n0\r\n\r\n'), midway: true },
    {
      name: 'CR for CRLF in a chunk line',
      bytes: chunkedPost('/bad', '5\rXhello\r\n0\r\n\r\n'),
      midway: true,
    },
  ]),
);

t.test('L2: up to four empty lines before a request line are skipped, a fifth is refused', async (t) => {
  for (const n of [1, 4])
    await passes(t, limpet, upstream, `${n} empty lines`, '\r\n'.repeat(n) + get('/l2'));
  await refuses(t, limpet, upstream, { name: 'five', bytes: '\r\n'.repeat(5) + get('/bad') });
  await refuses(t, limpet, upstream, { name: 'a thousand', bytes: '\r\n'.repeat(1000) + get('/bad') });

  const client = await RawClient.open(limpet.port);
  await client.ask(get('/l2/first'));
  await client.ask(`${'\r\n'.repeat(4)}${get('/l2/second')}`);
  t.equal(upstream.last.target, '/l2/second', 'also between requests');
  client.destroy();
});

t.test('L3: whitespace between the start line and the first field is refused', (t) =>
  refuseAll(t, [
    { name: 'space', bytes: 'GET /bad HTTP/1.1\r\n Host: a.example\r\n\r\n' },
    { name: 'tab', bytes: 'GET /bad HTTP/1.1\r\n\tHost: a.example\r\n\r\n' },
    { name: 'a line of a space', bytes: 'GET /bad HTTP/1.1\r\n \r\nHost: a.example\r\n\r\n' },
    { name: 'a folded start line', bytes: 'GET /bad HTTP/1.1\r\n X: y\r\nHost: a.example\r\n\r\n' },
  ]),
);

t.test('L4: a field is a token, a colon, and a value within optional whitespace', async (t) => {
  await refuseAll(t, [
    { name: 'empty name', bytes: get('/bad', ': v') },
    { name: 'only a colon', bytes: get('/bad', ':') },
    { name: 'no colon', bytes: get('/bad', 'Name') },
    { name: 'space before the colon', bytes: get('/bad', 'Name : v') },
    { name: 'tab before the colon', bytes: get('/bad', 'Name\t: v') },
    {
      name: 'space before the colon of a length',
      bytes: `${request('POST', '/bad', 'Content-Length : 5')}hello`,
    },
    { name: 'space in the name', bytes: get('/bad', 'Na me: v') },
    { name: 'NUL in the name', bytes: get('/bad', 'Na\0me: v') },
  ]);
  for (let byte = 0x21; byte <= 0xff; byte++) {
    const char = String.fromCharCode(byte);
    if (/[!#$%&'*+.^_`|~0-9A-Za-z:-]/.test(char)) continue;
    await refuses(t, limpet, upstream, {
      name: `byte 0x${byte.toString(16)} in the name`,
      bytes: get('/bad', `X${char}Y: v`),
    });
  }
  const { seen } = await passes(
    t,
    limpet,
    upstream,
    'good fields',
    get('/l4', "!#$%&'*+.^`|~09Az-: v", 'Tight:v', 'Wide: \t v w \t ', 'Empty:', 'Colon: a:b'),
  );
  t.same(values(seen, "!#$%&'*+.^`|~09Az-"), ['v'], 'every character of a token');
  t.same(values(seen, 'tight'), ['v'], 'no whitespace');
  t.same(values(seen, 'wide'), ['v w'], 'whitespace around, not within');
  t.same(values(seen, 'empty'), [''], 'an empty value');
  t.same(values(seen, 'colon'), ['a:b'], 'a colon in the value');
});

t.test('L5: a line that begins with a space or a tab is refused', (t) =>
  refuseAll(t, [
    { name: 'space', bytes: get('/bad', 'X: a', ' b') },
    { name: 'tab', bytes: get('/bad', 'X: a', '\tb') },
    { name: 'a folded framing field', bytes: get('/bad', 'Transfer-Encoding:', ' chunked') },
    { name: 'blank but for a space', bytes: get('/bad', 'X: a', ' ') },
    { name: 'in a trailer', bytes: chunkedPost('/bad', '0\r\nX: a\r\n b\r\n\r\n'), midway: true },
  ]),
);

t.test('L6: a control byte in a value is refused, bytes above 0x7f pass unchanged', async (t) => {
  for (let byte = 0; byte <= 0x7f; byte++) {
    // CR and LF are lines of their own (L1).
    if ((byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d) continue;
    await refuses(t, limpet, upstream, {
      name: `byte 0x${byte.toString(16)}`,
      bytes: get('/bad', `X: a${String.fromCharCode(byte)}b`),
    });
  }
  let high = '';
  for (let byte = 0x80; byte <= 0xff; byte++) high += String.fromCharCode(byte);
  const { seen } = await passes(t, limpet, upstream, 'high bytes', get('/l6', `X: a\t${high}b`));
  t.equal(value(seen, 'x'), `a\t${high}b`, 'every byte from 0x80 to 0xff, and a tab within');
});

t.test('L7: fields keep their order and stay separate, Cookie lines become one', async (t) => {
  upstream.script = answering(
    'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-B: 1\r\nSet-Cookie: b=2\r\nX-A: 2\r\nX-B: 3\r\nContent-Length: 0\r\n\r\n',
  );
  const { seen, answer } = await passes(
    t,
    limpet,
    upstream,
    'many fields',
    get('/l7', 'X-B: 1', 'Cookie: a=1', 'X-A: 2', 'Cookie: b=2; c=3', 'X-B: 4', 'Cookie: d=4'),
  );
  upstream.script = answering(OK);
  const mine = seen.fields.filter(([name]) => /^x-[ab]$/i.test(name)).map(([name, v]) => `${name}: ${v}`);
  t.same(mine, ['X-B: 1', 'X-A: 2', 'X-B: 4'], 'the request');
  t.same(values(seen, 'cookie'), ['a=1; b=2; c=3; d=4'], 'one Cookie line');
  const theirs = answer.fields
    .filter(([name]) => /^(x-[ab]|set-cookie)$/i.test(name))
    .map(([name, v]) => `${name}: ${v}`);
  t.same(theirs, ['Set-Cookie: a=1', 'X-B: 1', 'Set-Cookie: b=2', 'X-A: 2', 'X-B: 3'], 'the answer');
});

t.test('L8: names with an underscore are dropped unless the route keeps them', async (t) => {
  const lines = ['X_A: 1', 'X-A: 2', 'Limpet_User: admin', 'Content_Length: 5', 'Transfer_Encoding: chunked'];
  const dropped = await passes(t, limpet, upstream, 'by default', get('/l8', ...lines));
  t.same(values(dropped.seen, 'x_a'), [], 'dropped');
  t.same(values(dropped.seen, 'limpet_user'), [], 'no disguise for Limpet-User');
  t.same(values(dropped.seen, 'x-a'), ['2'], 'the name with a hyphen is another one');
  t.equal(dropped.seen.framing, 'none', 'and frames nothing');
  const kept = await passes(
    t,
    limpet,
    upstream,
    'dropUnderscores: false',
    get('/underscores', 'X_A: 1', 'X-A: 2'),
  );
  t.same([values(kept.seen, 'x_a'), values(kept.seen, 'x-a')], [['1'], ['2']], 'kept, and told apart');
});

t.test('nothing that was refused reached the upstream complete', async (t) => {
  t.same(
    upstream.exchanges.filter((e) => e.target.startsWith('/bad') && e.message).map((e) => e.head.start),
    [],
  );
  t.same(upstream.errors, [], 'and all that did was well formed');
});
