// A key set over HTTPS, end to end: tokens pass while it can be read, and when it cannot the log says so once, for the block that it is.
import t from 'tap';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { makeCertificates, tempFolder } from '../kit/store-servers.ts';
import { ec, jwk, keyServer, rsa, signedToken } from '../session/formats/token-kit.ts';

const claims = { sub: 'user-17', exp: Math.floor(Date.now() / 1000) + 3600 };
const token = signedToken(claims, { alg: 'RS256', kid: 'r' }, rsa.privateKey);
const stranger = signedToken(claims, { alg: 'ES256', kid: 'e' }, ec.privateKey);

const app = await startNamedApp('app', t);
const files = makeCertificates(tempFolder(t));
const server = await keyServer(t, [jwk(rsa.publicKey, { kid: 'r' })], files);

function start(url: string): Promise<RunningLimpet> {
  return startLimpet({
    pools: { app: { upstreams: [app.url], health: calm } },
    sessions: {
      partners: {
        // Each token with a key that is not known asks for the set again.
        verify: { jwt: { jwksUrl: url, jwksCa: files.ca, jwksCooldown: '1ms' } },
        cache: false,
      },
    },
    routes: [{ pool: 'app', session: 'partners' }],
  });
}

async function status(limpet: RunningLimpet, bearer: string): Promise<number> {
  return (await askPath(limpet.port, '/', { authorization: `Bearer ${bearer}` })).status;
}

/** The lines about key sets, without those of anything else. */
function told(limpet: RunningLimpet): { level: string; msg: string; session: string; why?: string }[] {
  const lines = limpet.logs().split('\n').slice(0, -1);
  return lines.filter((line) => line.includes('the key set')).map((line) => JSON.parse(line));
}

t.test('a set that can no longer be read is told once, and once more when it can', async (t) => {
  const limpet = await start(`${server.url}?key=hunter2`);
  t.equal(await status(limpet, token), 200);
  t.equal(await status(limpet, stranger), 401);
  t.same(told(limpet), []);
  const good = server.answer;
  const before = server.asked;
  server.answer = (response) => response.writeHead(503).end('hunter2');
  for (let i = 0; i < 10; i++) await status(limpet, stranger);
  await until('it was read again and again', async () => {
    await status(limpet, stranger);
    return server.asked - before >= 3;
  });
  await until('the log says so', () => told(limpet).length > 0);
  t.equal(await status(limpet, token), 200, 'the old keys stand');
  server.answer = good;
  await until('it is read again', async () => (await status(limpet, stranger)) === 401);
  await until('the log says so', () => told(limpet).length > 1);
  await limpet.stop();
  t.match(told(limpet), [
    {
      level: 'warn',
      session: 'partners',
      why: 'it answered 503',
      msg: 'the key set of tokens cannot be read; its old keys stand',
    },
    { level: 'info', session: 'partners', msg: 'the key set of tokens can be read again' },
  ]);
  t.equal(told(limpet).length, 2);
  t.notMatch(limpet.logs(), /hunter2/);
});

t.test('a server that is away at start is told of, and its tokens are for the app to judge', async (t) => {
  await server.close();
  const limpet = await start(`${server.url}?key=hunter2`);
  t.equal(await status(limpet, token), 200);
  t.equal(app.seen.at(-1)?.headers['limpet-session'], 'unknown');
  await until('the log says so', () => told(limpet).length > 0);
  await limpet.stop();
  t.match(told(limpet), [
    { why: 'ECONNREFUSED', msg: 'the key set of tokens cannot be read; its verdicts are unknown' },
  ]);
  t.equal(told(limpet).length, 1);
  t.notMatch(limpet.logs(), /hunter2/);
});
