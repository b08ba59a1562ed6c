// The keys of tokens at work: turned over while apps go by what they have read, the same after a restart, and nowhere to be read.
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import t from 'tap';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';

const SECRET = 'the session secret of a test';
const COOKIE = cookieOf('ada');

/** What cookie-session would set for this user: a value, and `name=value` signed by keygrip. */
function cookieOf(id: string): string {
  const value = Buffer.from(JSON.stringify({ id })).toString('base64');
  return `app=${value}; app.sig=${createHmac('sha1', SECRET).update(`app=${value}`).digest('base64url')}`;
}

const app = await startNamedApp('app', t);
const other = await startNamedApp('other', t);
/** Tries of a request that is only answered at the second one. */
let tries = 0;
for (const one of [app, other]) {
  one.answer = (request, response) => {
    // Longer than its token may be passed on: 45 s of a minute, and less than 4 of 5 s.
    if (request.url === '/slow' && ++tries === 1) setTimeout(() => response.destroy(), 4500);
    else response.end(`${request.headers['limpet-token'] ?? ''}`);
  };
}

const config = (ttl: string, signing: object) => ({
  upstreams: [app, other].map(({ url }) => url),
  health: { suspicion: false, passive: false },
  session: {
    verify: 'cookie-session',
    cookie: 'app',
    secrets: [SECRET],
    user: 'id',
    pass: { token: { jwt: { audience: 'shop', ttl } } },
  },
  signing,
  log: { level: 'trace', access: true },
});
const tokenOf = async (limpet: RunningLimpet, path = '/', cookie = COOKIE): Promise<string> =>
  (await askPath(limpet.port, path, { cookie })).body;
const keysOf = (limpet: RunningLimpet) =>
  createRemoteJWKSet(new URL(`${limpet.adminUrl}/.well-known/jwks.json`), { cacheMaxAge: 1000 });
/** Everything that it said, anywhere. */
const said = async (limpet: RunningLimpet): Promise<string> =>
  `${limpet.logs()}${limpet.stderr()}${await (await fetch(`${limpet.adminUrl}/metrics`)).text()}`;

t.test(
  'an app that reads the set once in `maxAge` verifies every token, while the key turns over',
  async (t) => {
    const limpet = await startLimpet({ ...config('5s', { rotate: '3s', maxAge: '1s' }), workers: 2 });
    const beganMs = Date.now();
    const slow = tokenOf(limpet, '/slow', cookieOf('bob'));
    // By a key that it does not know it is not made to read the set again before half a minute is over.
    const keys = keysOf(limpet);
    const kids = new Set<string>();
    let verified = 0;
    await until('the key has turned over', async () => {
      const token = await tokenOf(limpet);
      const { payload } = await jwtVerify(token, keys, { audience: 'shop', issuer: 'limpet' });
      t.ok(payload.sub === 'ada' && payload.exp! * 1000 > Date.now());
      kids.add(`${decodeProtectedHeader(token).kid}`);
      verified++;
      return kids.size >= 2;
    });
    t.ok(verified > kids.size);
    const token = await slow;
    t.equal(tries, 2);
    const { payload } = await jwtVerify(token, keys, { audience: 'shop' });
    t.ok(payload.iat! * 1000 > beganMs + 3000, 'a try that comes late has a token of its own');
    const text = await said(limpet);
    t.match(text, /the key of tokens was made at start/);
    t.notMatch(text, /"d":|BEGIN/);
    t.notOk(text.includes(token.split('.')[2]!), 'nor is a token told');
  },
);

t.test('with a key in a file every replica signs alike, before and after a restart', async (t) => {
  const pem = String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const files = { 'signing.pem': pem };
  const start = () => startLimpet(config('1h', { keys: { file: 'signing.pem' } }), { files });
  const [one, two] = await Promise.all([start(), start()]);
  const token = await tokenOf(one);
  t.match(decodeProtectedHeader(token), { alg: 'EdDSA', kid: /^[\w-]{43}$/ });
  t.equal((await jwtVerify(token, keysOf(two), { audience: 'shop' })).payload.sub, 'ada');
  t.equal(await one.stop(), 0);
  const again = await start();
  t.equal((await jwtVerify(token, keysOf(again), { audience: 'shop' })).payload.sub, 'ada');
  t.equal((await jwtVerify(await tokenOf(again), keysOf(two), { audience: 'shop' })).payload.sub, 'ada');
  const body = pem.split('\n')[1]!;
  for (const limpet of [two, again]) {
    const text = await said(limpet);
    t.notOk(text.includes(body));
    t.notMatch(text, /made at start/);
  }
});
