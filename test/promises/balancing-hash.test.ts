// The same key finds the same upstream: by address, header, cookie, path or query, from every worker; and few keys move when one leaves.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { calm, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';
import { askOnce } from '../kit/raw-client.ts';

const apps: NamedApp[] = [];
for (const name of ['alpha', 'bravo', 'charlie']) apps.push(await startNamedApp(name, t));
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const health = { ...calm, passive: { ejectFor: '200ms' } };
const kinds = ['address', 'path', 'header X-Key', 'cookie sid', 'query user'];
// With a bound on the load one request under way may send the next one elsewhere, as it should: not what is looked at here.
const pool = (on: string, more: object = {}) => ({
  upstreams,
  health,
  balance: { hash: { on, load: 'off' } },
  ...more,
});
const config = {
  workers: 2,
  trustedProxies: ['127.0.0.99'],
  routes: [
    ...kinds.map((on) => ({ path: `/${on.split(' ')[0]}`, pool: on.split(' ')[0]! })),
    { path: '/homed', pool: 'homed' },
  ],
  pools: {
    ...Object.fromEntries(kinds.map((on) => [on.split(' ')[0]!, pool(on)])),
    homed: pool('header X-Key', { affinity: { cookie: { secrets: ['the secret of a test about hashes'] } } }),
  },
};
const limpet = await startLimpet(config);
const replica = await startLimpet({ ...config, workers: 1 });

/** Who answers a request with this key of that kind. */
async function ask(kind: string, key: string, at = limpet): Promise<string> {
  let target = `/${kind}`;
  const lines: string[] = [];
  let from = '127.0.0.1';
  if (kind === 'address') from = `127.0.1.${key}`;
  if (kind === 'path') target += `/${key}`;
  if (kind === 'query') target += `?a=1&user=${key}&b=2`;
  if (kind === 'header') lines.push(`x-key: ${key}`);
  if (kind === 'cookie') lines.push(`Cookie: a=1; sid=${key}; b=2`);
  const head = [`GET ${target} HTTP/1.1`, 'Host: x', ...lines].join('\r\n');
  return (await askOnce(at.port, `${head}\r\n\r\n`, { from })).body.toString();
}
const KEYS = Array.from({ length: 24 }, (_, i) => String(i + 1));
async function owners(kind: string, at = limpet): Promise<string[]> {
  const found: string[] = [];
  for (const key of KEYS) found.push(await ask(kind, key, at));
  return found;
}

for (const on of kinds) {
  const kind = on.split(' ')[0]!;
  t.test(`${kind}: a key has one upstream in every worker and replica, and keys spread`, async (t) => {
    const first = await owners(kind);
    t.strictSame(await owners(kind), first);
    t.strictSame(await owners(kind, replica), first);
    t.equal(new Set(first).size, 3);
  });
}

t.test('what is not the key does not matter', async (t) => {
  const tell = async (request: string, from?: string): Promise<string> =>
    (await askOnce(limpet.port, request, from === undefined ? {} : { from })).body.toString();
  for (const key of KEYS.slice(0, 6)) {
    t.equal(
      await tell(`GET /path/${key}?other=${key}${key} HTTP/1.1\r\nHost: y\r\n\r\n`),
      await ask('path', key),
    );
    t.equal(await tell(`POST /query/x/y?user=${key} HTTP/1.1\r\nHost: y\r\n\r\n`), await ask('query', key));
    t.equal(
      await tell(`GET /header HTTP/1.1\r\nHost: y\r\nX-KEY:  ${key} \r\n\r\n`),
      await ask('header', key),
    );
    const lines = `Cookie: xsid=z\r\nCookie: sid=${key}`;
    t.equal(await tell(`GET /cookie HTTP/1.1\r\nHost: y\r\n${lines}\r\n\r\n`), await ask('cookie', key));
  }
});

t.test('address is the client’s behind a trusted proxy, and nobody else may say it', async (t) => {
  const via = async (from: string, said: string): Promise<string> =>
    (
      await askOnce(limpet.port, `GET /address HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${said}\r\n\r\n`, {
        from,
      })
    ).body.toString();
  const liars = new Set<string>();
  for (const key of KEYS) {
    t.equal(await via('127.0.0.99', `127.0.1.${key}`), await ask('address', key));
    liars.add(await via('127.0.0.98', `127.0.1.${key}`));
  }
  t.equal(liars.size, 1);
});

t.test('requests without the key spread instead of meeting on one upstream', async (t) => {
  for (const kind of ['header', 'cookie', 'query']) {
    const found = new Set<string>();
    for (let i = 0; i < 40 && found.size < 3; i++) {
      found.add((await askOnce(limpet.port, `GET /${kind} HTTP/1.1\r\nHost: x\r\n\r\n`)).body.toString());
    }
    t.equal(found.size, 3, kind);
  }
});

t.test('when one leaves only its keys move, to all others; when it is back they return', async (t) => {
  const first = await owners('header');
  const living = apps[1]!;
  await living.stop();
  const without = await owners('header');
  const moved = without.filter((owner, i) => owner !== first[i]);
  t.strictSame(
    first.filter((_, i) => without[i] !== first[i]).filter((owner) => owner !== 'bravo'),
    [],
    'nobody of the others',
  );
  t.ok(!without.includes('bravo'));
  t.equal(new Set(moved).size, 2, 'spread over both');
  t.strictSame(await owners('header'), without);
  await living.start();
  await until('bravo is back', async () => (await ask('header', KEYS[first.indexOf('bravo')]!)) === 'bravo');
  await until('in both workers', async () => (await owners('header')).join() === first.join());
  t.strictSame(await owners('header'), first);
});

t.test('with a cookie beside it, the hash only says where a new user begins', async (t) => {
  const homed = (lines: string) => askOnce(limpet.port, `GET /homed HTTP/1.1\r\nHost: x\r\n${lines}\r\n`);
  const first = await homed('X-Key: 1\r\n');
  const home = first.body.toString();
  const pair = first.fields.find(([name]) => name.toLowerCase() === 'set-cookie')![1].split(';')[0]!;
  for (const key of KEYS) {
    t.equal((await homed(`X-Key: ${key}\r\nCookie: ${pair}\r\n`)).body.toString(), home);
  }
});
