// What affinity writes: the cookie's attributes, the word to caches beside it, and the Cookie line that the app sees.
import t from 'tap';
import { type Message, value, values } from '../kit/http-message.ts';
import { startLimpet } from '../kit/limpet.ts';
import { type Answer, sayName, startNamedApp } from '../kit/named-app.ts';
import { askOnce } from '../kit/raw-client.ts';

const app = await startNamedApp('alpha', t);
const SECRET = 'the secret of a test about answers';
const variants: Record<string, object> = {
  plain: {},
  aged: { maxAge: '90m', path: '/aged', domain: 'shop.example' },
  strict: { sameSite: 'strict', httpOnly: false },
  none: { sameSite: 'none', partitioned: true },
  always: { name: '__Host-home', secure: true },
  never: { secure: false },
  shown: { hide: false },
  named: { name: 'SRV' },
};
const names = Object.keys(variants);
const config = {
  trustedProxies: ['127.0.0.2'],
  routes: [
    ...names.map((name) => ({ path: `/${name}`, pool: name })),
    { path: '/off', pool: 'plain', affinity: false },
    { path: '/bare', pool: 'plain', headers: { response: { remove: ['Cache-Control'] } } },
    {
      path: '/edited',
      pool: 'plain',
      headers: { response: { set: { 'Cache-Control': 'max-age=5' } } },
    },
  ],
  pools: Object.fromEntries(
    names.map((name) => [
      name,
      {
        upstreams: [{ name: 'alpha', url: app.url }],
        affinity: { cookie: { secrets: [SECRET], ...variants[name] } },
      },
    ]),
  ),
};
const limpet = await startLimpet(config);

const ask = (path: string, lines: readonly string[] = [], from?: string, method = 'GET'): Promise<Message> =>
  askOnce(
    limpet.port,
    `${method} ${path} HTTP/1.1\r\nHost: shop.example\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
    from === undefined ? {} : { from },
  );
const attributes = (answer: Message): string => (value(answer, 'set-cookie') ?? '').replace(/^[^;]*/, '');
const pair = (answer: Message): string => (value(answer, 'set-cookie') ?? '').split(';')[0]!;

t.test('the attributes are those of the config, each once and in full', async (t) => {
  t.equal(attributes(await ask('/plain')), '; Path=/; SameSite=Lax; HttpOnly');
  t.equal(
    attributes(await ask('/aged')),
    '; Path=/aged; Domain=shop.example; Max-Age=5400; SameSite=Lax; HttpOnly',
  );
  t.equal(attributes(await ask('/strict')), '; Path=/; SameSite=Strict');
  t.equal(attributes(await ask('/always')), '; Path=/; SameSite=Lax; HttpOnly; Secure');
  t.match(pair(await ask('/always')), /^__Host-home=/);
  t.match(pair(await ask('/named')), /^SRV=/);
});

t.test('Secure comes by itself where a trusted proxy says https, and only there', async (t) => {
  const trusted = '127.0.0.2';
  const https = ['X-Forwarded-Proto: https'];
  t.match(attributes(await ask('/plain', https, trusted)), /; Secure$/);
  t.match(attributes(await ask('/plain', ['X-Forwarded-Proto: HTTPS'], trusted)), /; Secure$/);
  t.notMatch(attributes(await ask('/plain', ['X-Forwarded-Proto: http'], trusted)), /Secure/);
  t.notMatch(attributes(await ask('/plain', [], trusted)), /Secure/);
  t.notMatch(attributes(await ask('/plain', https, '127.0.0.3')), /Secure/, 'nobody else is believed');
  t.notMatch(attributes(await ask('/plain', ['Forwarded: proto=https'], '127.0.0.3')), /Secure/);
  t.notMatch(attributes(await ask('/never', https, trusted)), /Secure/, 'secure: false stays false');
});

t.test('SameSite=None and Partitioned come with Secure or not at all', async (t) => {
  const over = await ask('/none', ['X-Forwarded-Proto: https'], '127.0.0.2');
  t.equal(attributes(over), '; Path=/; SameSite=None; HttpOnly; Secure; Partitioned');
  t.equal(attributes(await ask('/none')), '; Path=/; HttpOnly');
});

t.test('the app sees its own cookies as they were sent, and not ours', async (t) => {
  const mine = pair(await ask('/plain'));
  const cases: [lines: string[], seen: string[]][] = [
    [[mine], []],
    [[`${mine}; a=1`], ['a=1']],
    [[`a=1; ${mine}`], ['a=1']],
    [[`a="x y"; ${mine};b=2;  c=%3b`], ['a="x y"; b=2; c=%3b']],
    [['a=1', mine, 'b=2'], ['a=1; b=2']],
    [['a=1', 'b=2'], ['a=1; b=2']],
    [[`xlimpet=1; limpetx=2; ${mine}; LIMPET=3`], ['xlimpet=1; limpetx=2; LIMPET=3']],
    [[`limpet=junk; ${mine}; k=limpet`], ['k=limpet']],
  ];
  for (const [lines, wanted] of cases) {
    await ask(
      '/plain',
      lines.map((line) => `Cookie: ${line}`),
    );
    const { rawHeaders } = app.seen.at(-1)!;
    const seen = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === 'cookie');
    t.strictSame(seen, wanted, lines.join(' | '));
  }
});

t.test('hide: false shows it to the app, byte for byte', async (t) => {
  const mine = pair(await ask('/shown'));
  const told = await ask('/shown', [`Cookie: a=1; ${mine}; b=2`]);
  t.equal(app.seen.at(-1)!.headers.cookie, `a=1; ${mine}; b=2`);
  t.strictSame(values(told, 'set-cookie'), []);
});

t.test('a route without affinity neither reads, hides, sets nor counts', async (t) => {
  const mine = pair(await ask('/plain'));
  t.strictSame(values(await ask('/off'), 'set-cookie'), []);
  await ask('/off', [`Cookie: a=1; ${mine}`]);
  t.equal(app.seen.at(-1)!.headers.cookie, `a=1; ${mine}`);
});

const caching =
  (fields: readonly (readonly [string, string])[], status = 200): Answer =>
  (_request, response) => {
    const flat = fields.flat();
    response.writeHead(status, flat);
    response.end();
  };

t.test('an answer that sets the cookie is nothing for a shared cache', async (t) => {
  const cases: [sent: [string, string][], wanted: string][] = [
    [[], 'private'],
    [[['Cache-Control', 'public']], 'private'],
    [[['Cache-Control', 'public, max-age=60']], 'max-age=60, private'],
    [[['cache-control', 'PUBLIC,S-MaxAge=60 , max-age=1']], 'max-age=1, private'],
    [[['Cache-Control', 'no-store']], 'no-store'],
    [[['Cache-Control', 'private, max-age=9']], 'private, max-age=9'],
    [[['Cache-Control', 'private="x-a, public", s-maxage=1']], 'private="x-a, public", private'],
    [
      [
        ['Cache-Control', 'public'],
        ['Cache-Control', 's-maxage=3, immutable'],
      ],
      'immutable, private',
    ],
    [
      [
        ['CDN-Cache-Control', 'max-age=60'],
        ['Surrogate-Control', 'max-age=60'],
        ['ETag', '"x"'],
      ],
      'private',
    ],
  ];
  for (const [sent, wanted] of cases) {
    app.answer = caching(sent);
    const first = await ask('/plain');
    t.equal(value(first, 'cache-control'), wanted, JSON.stringify(sent));
    t.strictSame(values(first, 'cdn-cache-control'), []);
    t.strictSame(values(first, 'surrogate-control'), []);
    t.equal(values(first, 'set-cookie').length, 1);
    const again = await ask('/plain', [`Cookie: ${pair(first)}`]);
    t.strictSame(values(again, 'set-cookie'), []);
    const own = again.fields.filter(([name]) => /cache-control|surrogate|etag/i.test(name));
    t.strictSame(own, sent, 'untouched where no cookie is set');
  }
  app.answer = sayName;
});

t.test('whatever the status and the method, and whatever the app sets itself', async (t) => {
  for (const status of [200, 204, 302, 304, 404, 500]) {
    app.answer = caching(
      [
        ['Cache-Control', 'public, max-age=60'],
        ['Set-Cookie', 'a=1; Path=/'],
        ['Set-Cookie', 'limpet_of_the_app=2'],
      ],
      status,
    );
    for (const method of ['GET', 'HEAD']) {
      const told = await ask('/plain', [], undefined, method);
      t.equal(value(told, 'cache-control'), 'max-age=60, private', `${method} ${status}`);
      const set = values(told, 'set-cookie');
      t.strictSame(set.slice(0, 2), ['a=1; Path=/', 'limpet_of_the_app=2']);
      t.match(set[2], /^limpet=/);
      t.equal(set.length, 3);
    }
  }
  app.answer = sayName;
});

t.test('a route’s own Cache-Control stays, with private beside it where the cookie is set', async (t) => {
  app.answer = caching([
    ['Cache-Control', 'public, max-age=60'],
    ['Surrogate-Control', 'max-age=60'],
  ]);
  const first = await ask('/edited');
  t.strictSame(values(first, 'cache-control').sort(), ['max-age=5', 'private']);
  const again = await ask('/edited', [`Cookie: ${pair(first)}`]);
  t.equal(value(again, 'cache-control'), 'max-age=5');
  t.equal(value(again, 'surrogate-control'), 'max-age=60');
  t.strictSame(values(await ask('/bare'), 'cache-control'), ['private'], 'what a route takes off stays off');
  app.answer = sayName;
});
