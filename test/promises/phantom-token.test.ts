// The token that an app is given in place of a session, end to end: an Express app that trusts nothing but what it verifies.
import { createHmac } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { sign } from 'cookie-signature';
import express from 'express';
import { createRemoteJWKSet, jwtVerify, SignJWT } from 'jose';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, startNamedApp, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';
import { startRedis } from '../kit/redis-server.ts';

const SECRET = 'the session secret of a test';
const redis = await startRedis();
await redis.client.connect();
let made = 0;
/** Puts a session into the store, as the app does, and gives its cookie. */
async function login(content: object, seconds = 7200): Promise<string> {
  const id = `id-${++made}`;
  await redis.client.set(`sess:${id}`, JSON.stringify({ cookie: {}, ...content }), 'EX', seconds);
  return `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`;
}

/** What the app makes of a request. */
interface Heard {
  readonly user?: string;
  readonly claims?: Record<string, unknown>;
  readonly token?: string;
  readonly error?: string;
  readonly headers: Record<string, string>;
}
/** Where the app finds the keys; set once Limpet runs. */
let keysUrl = '';

/** An app that lets in whom the token names, and that says what it was sent. */
async function startVerifier(field: string, audience: string): Promise<number> {
  const app = express();
  let keys: ReturnType<typeof createRemoteJWKSet> | null = null;
  let keysOf = '';
  app.use(async (request, response) => {
    // It goes by what it has read for a second, and by an unknown key it is not made to read again.
    if (keys === null || keysOf !== keysUrl)
      keys = createRemoteJWKSet(new URL(keysUrl), { cacheMaxAge: 1000 });
    keysOf = keysUrl;
    const { headers } = request;
    const token = `${headers[field] ?? ''}`.replace(/^Bearer /, '');
    try {
      const { payload } = await jwtVerify(token, keys, {
        audience,
        issuer: 'limpet',
        algorithms: ['ES256', 'EdDSA'],
      });
      response.json({ user: payload.sub, claims: payload, token, headers });
    } catch (error) {
      response.status(401).json({ error: (error as Error).message, token, headers });
    }
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port; // it listens on TCP
}

const port = await startVerifier('limpet-token', 'shop');
const bearerPort = await startVerifier('authorization', 'api');
const block = {
  verify: 'express-session',
  secrets: [SECRET],
  user: 'passport.user',
  store: { url: redis.url, deadline: '5s' },
};
const jwt = { audience: 'shop', ttl: '1h' };
const sessions = {
  members: {
    ...block,
    pass: {
      token: {
        jwt: { ...jwt, claims: { role: 'role', 'https://x.example/plan': { path: 'plan', type: 'json' } } },
      },
    },
  },
  many: { ...block, pass: { token: { jwt } } },
  visitors: { ...block, require: 'nothing', pass: { token: { jwt } } },
  bearer: {
    ...block,
    pass: { token: { field: 'Authorization', jwt: { ...jwt, audience: ['api', 'shop'] } } },
  },
  kept: { ...block, exempt: '/kept/logout', pass: { token: { jwt, withhold: true } } },
  outer: {
    verify: { jwt: { algorithms: ['HS256'] } },
    secrets: [SECRET],
    exempt: '/outer/login',
    pass: { token: { jwt, withhold: true } },
  },
  signed: {
    verify: 'cookie-session',
    cookie: 'app',
    secrets: [SECRET],
    user: 'id',
    pass: { token: { jwt, withhold: true } },
  },
};
const marked = await startNamedApp('marked', t);
const config = {
  workers: 2,
  pools: {
    app: { upstreams: [`http://127.0.0.1:${port}`], health: calm },
    marked: {
      upstreams: [marked.url],
      health: calm,
      affinity: { cookie: { mode: 'prefix', of: 'cart', secrets: [SECRET] } },
    },
    api: { upstreams: [`http://127.0.0.1:${bearerPort}`], health: calm },
  },
  sessions,
  routes: [
    { path: '/members', pool: 'app', session: 'members' },
    { path: '/many', pool: 'app', session: 'many' },
    { path: '/visitors', pool: 'app', session: 'visitors' },
    { path: '/bearer', pool: 'api', session: 'bearer' },
    { path: '/kept', pool: 'app', session: 'kept' },
    { path: '/signed', pool: 'app', session: 'signed' },
    { path: '/outer', pool: 'app', session: 'outer' },
    { path: '/marked', pool: 'marked', session: 'kept' },
    { path: '= /keys', jwks: true },
  ],
};
const probes = await freePort();
const adminPort = await freePort();
const token = 'an-admin-token-of-a-test';
const limpet = await startLimpet({
  ...config,
  admin: { bind: `127.0.0.1:${adminPort}`, tokens: [token], probes: `127.0.0.1:${probes}` },
});
keysUrl = `http://127.0.0.1:${adminPort}/.well-known/jwks.json`;
const heard = (told: Told): Heard => JSON.parse(told.body) as Heard;
const ask = async (path: string, cookie = '', more: Record<string, string> = {}): Promise<Told & Heard> => {
  const told = await askPath(limpet.port, path, { ...(cookie === '' ? {} : { cookie }), ...more });
  return { ...told, ...heard(told) };
};
const nowS = (): number => Date.now() / 1000;

t.test('an app knows the user by a token that it verifies itself', async (t) => {
  const cookie = await login({ passport: { user: 42 }, role: 'editor', plan: { name: 'gold' } });
  const { status, user, claims, headers } = await ask('/members/x', cookie);
  t.equal(status, 200);
  t.equal(user, '42');
  t.match(claims, { iss: 'limpet', aud: 'shop', role: 'editor', 'https://x.example/plan': { name: 'gold' } });
  t.match(claims?.sid, /^[\w-]{22}$/);
  t.notMatch(JSON.stringify(claims), `id-${made}`, 'the session itself is not told');
  t.ok(Number(claims?.exp) > nowS() && Number(claims?.exp) - Number(claims?.iat) === 3600);
  t.equal(headers['limpet-user'], '42');
  t.equal(headers.cookie, cookie, 'and the cookie passes, where it is not withheld');
  const other = await ask('/members/x', await login({ passport: { user: 43 } }));
  t.equal(other.user, '43');
  t.not(other.claims?.sid, claims?.sid);
});

t.test('who is not logged in brings no token, and nobody brings his own', async (t) => {
  const forged = { 'limpet-token': 'eyJhbGciOiJub25lIn0.e30.', limpet_token: 'x' };
  for (const cookie of ['', await login({ cart: [] }), 'connect.sid=s%3Aforged.AAAA']) {
    const told = await ask('/visitors/x', cookie, forged);
    t.equal(told.status, 401);
    t.equal(told.token, '', 'the app saw none');
    t.equal(told.headers.limpet_token, undefined);
  }
  const told = await ask('/visitors/x', await login({ passport: { user: 7 } }), forged);
  t.equal(told.user, '7');
});

t.test('in Authorization it takes the place of what the client sent', async (t) => {
  const told = await ask('/bearer/x', await login({ passport: { user: 8 } }), {
    authorization: 'Basic YTpi',
  });
  t.equal(told.user, '8');
  t.same(told.claims?.aud, ['api', 'shop']);
});

t.test('no token outlives its session', async (t) => {
  const before = nowS();
  const told = await ask('/members/x', await login({ passport: { user: 9 } }, 60));
  t.ok(Number(told.claims?.exp) <= before + 62, `${Number(told.claims?.exp) - before} s`);
});

t.test('what was withheld does not reach the app, and all else does', async (t) => {
  const cookie = await login({ passport: { user: 10 } });
  const told = await ask('/kept/x', `theme=dark; ${cookie}; lang=de`);
  t.equal(told.user, '10');
  t.equal(told.headers.cookie, 'theme=dark; lang=de');
  const alone = await ask('/kept/x', cookie);
  t.equal(alone.headers.cookie, undefined, 'an empty field is no field');
  const out = await ask('/kept/logout', `theme=dark; ${cookie}`);
  t.equal(out.headers.cookie, `theme=dark; ${cookie}`, 'where the app logs people out it sees its cookie');
  t.equal(out.user, '10');
});

t.test('what belongs to a session goes with it, and so does a bearer token', async (t) => {
  const value = Buffer.from('{"id":"eve"}').toString('base64');
  const signature = createHmac('sha1', SECRET).update(`app=${value}`).digest('base64url');
  const told = await ask('/signed/x', `a=1; app=${value}; app.sig=${signature}; APP=x; b=2`);
  t.equal(told.user, 'eve');
  t.equal(told.headers.cookie, 'a=1; b=2');
  const outer = await new SignJWT({ sub: 'mallory' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(Buffer.from(SECRET));
  const swapped = await ask('/outer/x', 'a=1', { authorization: `Bearer ${outer}` });
  t.equal(swapped.user, 'mallory');
  t.equal(swapped.headers.authorization, undefined);
  t.equal(swapped.headers.cookie, 'a=1');
  const login = await ask('/outer/login', '', { authorization: 'Bearer x' });
  t.equal(login.headers.authorization, 'Bearer x');
});

t.test('affinity takes its marks off what is left', async (t) => {
  marked.answer = (request, response) => {
    response.setHeader('Set-Cookie', 'cart=7');
    response.end(JSON.stringify({ headers: request.headers }));
  };
  const cookie = await login({ passport: { user: 12 } });
  const first = await ask('/marked/x', cookie);
  const cart = cookieOf(first, 'cart');
  t.not(cart, 'cart=7', 'it is marked');
  const second = await ask('/marked/x', `a=1; ${cookie}; ${cart}; b=2`);
  t.equal(second.headers.cookie, 'a=1; cart=7; b=2');
});

t.test('a thousand requests of one session are signed for once in each worker', async (t) => {
  const cookie = await login({ passport: { user: 11 } });
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(limpet.port)));
  const tokens = new Set<string>();
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 100; i++) {
        const answer = await client.ask(`GET /many/${i} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
        const { user, token, error } = JSON.parse(answer.body.toString()) as Heard;
        if (user !== '11') t.fail(`${error}`);
        tokens.add(token!);
      }
    }),
  );
  t.ok(tokens.size === 1 || tokens.size === 2, `${tokens.size} tokens`);
  await until('the signatures are counted', async () => (await signatures('many')) === tokens.size);
});

/** Read on the probes, which ask for no token. */
async function signatures(session: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${probes}/metrics`)).text();
  return Number(
    new RegExp(`^limpet_session_tokens_total\\{session="${session}"\\} (\\d+)$`, 'm').exec(text)?.[1],
  );
}

t.test('the public keys are there for everybody, and only they', async (t) => {
  for (const url of [keysUrl, `http://127.0.0.1:${probes}/.well-known/jwks.json`, `${limpet.url}/keys`]) {
    const response = await fetch(url);
    t.equal(response.status, 200, url);
    t.match(response.headers.get('cache-control'), 'public, max-age=600');
    t.match(response.headers.get('content-type'), /^application\/json/);
    const { keys } = (await response.json()) as { keys: Record<string, string>[] };
    t.match(keys, [{ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid: /^[\w-]{43}$/ }]);
    t.notOk(keys.some((key) => 'd' in key));
  }
  t.equal(
    (await fetch(`http://127.0.0.1:${adminPort}/api/v1/status`)).status,
    401,
    'all else asks for a token',
  );
  t.match(limpet.logs(), /the key of tokens was made at start/);
});
