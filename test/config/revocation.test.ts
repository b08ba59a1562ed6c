// Where revocations are kept, as the config says it: short, long, once for all session blocks, or refused.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';

const HEAD = 'listen: 8080\nupstreams: [http://127.0.0.1:1]\n';
const BLOCK = 'verify: cookie-session, secrets: [a secret that is long enough], user: id';
const load = (text: string) => loadConfigText(`${HEAD}${text}\n`, 'limpet.yaml', {}, () => '');
const read = (revocation: string) => load(`session: { ${BLOCK}${revocation} }`).config!.revocation;
const problems = (text: string): string[] =>
  load(text).problems.map(
    ({ line, severity, path, message, hint }) => `${line} ${severity} ${path}: ${message} >> ${hint}`,
  );

const USUAL = { url: null, tls: null, prefix: 'limpet', ttlMs: 30 * 86_400_000, entries: 1_000_000 };

t.test(
  'without a word it is kept in the process, and without a session there is nothing to keep',
  async (t) => {
    t.equal(load('').config!.revocation, null);
    t.same(read(''), USUAL);
  },
);

t.test('short it is a URL, long it is what one likes', async (t) => {
  t.same(read(', revocation: "redis://r:6379/1"'), { ...USUAL, url: 'redis://r:6379/1' });
  t.same(read(', revocation: { ttl: 2h }'), { ...USUAL, ttlMs: 7_200_000 });
  t.same(
    read(
      ', revocation: { url: "rediss+sentinel://a,b/main/1", prefix: shop, ttl: 1d, entries: 10k, tls: { verify: false } }',
    ),
    {
      url: 'rediss+sentinel://a,b/main/1',
      tls: { verify: false, serverName: null, ca: null },
      prefix: 'shop',
      ttlMs: 86_400_000,
      entries: 10_000,
    },
  );
});

t.test('all blocks that speak of it say the same', async (t) => {
  const blocks = (a: string, b: string) =>
    `sessions:\n  a: { ${BLOCK}${a} }\n  b: { ${BLOCK}, cookie: other${b} }\nroutes: [{ path: /, pool: default, session: [a, b] }]`;
  const one = ', revocation: "redis://r"';
  t.same(problems(blocks(one, one)), []);
  t.same(problems(blocks('', one)), []);
  t.equal(load(blocks('', one)).config!.revocation!.url, 'redis://r');
  for (const other of [
    ', revocation: "redis://r/1"',
    ', revocation: { url: "redis://r", ttl: 1d }',
    ', revocation: {}',
  ]) {
    t.match(problems(blocks(one, other)), [
      /^5 error sessions\.b\.revocation: one switch ends .*`sessions\.a\.revocation` says something else of it >> the same/,
    ]);
  }
});

t.test('what cannot be is told at its place', async (t) => {
  const of = (revocation: string): string[] => problems(`session: { ${BLOCK}, revocation: ${revocation} }`);
  t.match(of('"postgres://a/b"'), [
    /error session\.revocation: revocations are not kept in postgres >> redis:/,
  ]);
  t.match(of('{ url: nonsense }'), [/error session\.revocation\.url: the store is no URL/]);
  t.match(of('{ tls: {} }'), [/error session\.revocation\.tls: without a `url`/]);
  t.match(of('{ ttl: 100ms }'), [/error session\.revocation\.ttl/]);
  t.match(of('{ entries: 0 }'), [/error session\.revocation\.entries/]);
  t.match(of('{ entrys: 1 }'), [/unknown key.*>> .*entries/]);
  t.match(of('"redis://10.0.0.1"'), [/warning session\.revocation: .*10\.0\.0\.1 without TLS/]);
  t.notMatch(of('"redis://user:pass word@nonsense:x"').join(), /pass word/);
});
