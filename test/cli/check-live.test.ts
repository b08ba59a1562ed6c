// `limpet check --live` tries what a config names, with real servers behind it, and says what does not work.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sign } from 'cookie-signature';
import t from 'tap';
import { run } from '../../src/cli/check.ts';
import type { LiveFinding } from '../../src/cli/live-finding.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, cookieOf, startNamedApp } from '../kit/named-app.ts';
import { startPebble } from '../kit/pebble.ts';
import { freePort } from '../kit/ports.ts';
import { startRedis } from '../kit/redis-server.ts';

const SECRET = 'the secret of this test, long enough';
const folder = mkdtempSync(join(tmpdir(), 'limpet-live-'));
t.teardown(() => rmSync(folder, { recursive: true }));

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function check(config: object, ...argv: string[]): Promise<Said> {
  writeFileSync(join(folder, 'limpet.yaml'), JSON.stringify({ admin: false, ...config }));
  let stdout = '';
  let stderr = '';
  const code = await run(['--live', ...argv], {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    stdin: async () => `connect.sid=${encodeURIComponent(`s:${sign('known', SECRET)}`)}`,
    env: {},
    cwd: folder,
  });
  return { code, stdout, stderr };
}

async function findings(config: object, ...argv: string[]): Promise<{ code: number; live: LiveFinding[] }> {
  const { code, stdout } = await check(config, '--json', ...argv);
  return { code, live: JSON.parse(stdout).live };
}

const only = (live: LiveFinding[], ...steps: string[]): LiveFinding[] =>
  live.filter(({ step }) => steps.includes(step));

t.test('all that works is said to, and the exit code is 0', async (t) => {
  const app = await startNamedApp('app', t);
  const port = await freePort();
  const { code, stdout } = await check({
    listen: `127.0.0.1:${port}`,
    upstreams: [`http://localhost:${app.port}`],
    health: { active: { path: '/health' } },
  });
  t.equal(code, 0);
  t.match(stdout, /^limpet\.yaml: ok \(1 listener, 1 route, 1 upstream\)$/m);
  t.match(stdout, `ok  listen   http://127.0.0.1:${port}`);
  t.match(stdout, /ok {2}resolve .* localhost is 127\.0\.0\.1/);
  t.match(stdout, /ok {2}connect .* somebody listens/);
  t.match(stdout, /ok {2}health .* health check of \/health: .* in \d+ ms/);
  t.match(stdout, /everything that was tried works\n$/);
  t.match(
    app.seen.map(({ url }) => url),
    ['/health'],
    'and nothing else was asked of it',
  );
});

t.test('names, doors and health that fail are told first, each by its own reason', async (t) => {
  const sick = createServer((_request, response) => void response.writeHead(503).end());
  const silent = createTcp(() => {});
  const ports = await Promise.all(
    [sick, silent].map(async (server) => {
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      return port;
    }),
  );
  t.teardown(() => {
    sick.close();
    silent.close();
  });
  const taken = ports[0]!;
  const gone = await freePort();
  const out = await freePort();
  const { code, live } = await findings({
    listen: `127.0.0.1:${taken}`,
    upstreams: [
      { name: 'sick', url: `http://127.0.0.1:${ports[0]}` },
      { name: 'silent', url: `http://127.0.0.1:${ports[1]}` },
      { name: 'gone', url: `http://127.0.0.1:${gone}` },
      { name: 'nowhere', url: 'http://limpet-test.invalid:80' },
      { name: 'plain', url: `https://127.0.0.1:${ports[0]}` },
      { name: 'resting', url: `http://127.0.0.1:${out}`, wanted: 'maintenance' },
    ],
    health: { active: { path: '/', timeout: '300ms' } },
  });
  t.equal(code, 1);
  const of = (name: string): LiveFinding[] => live.filter(({ at }) => at === `default/${name}`);
  t.match(of('sick'), [
    { step: 'connect', ok: true },
    { step: 'health', ok: false, text: /answered 503/ },
  ]);
  t.match(of('silent'), [
    { step: 'connect', ok: true },
    { step: 'health', ok: false, text: /no answer within 300ms/ },
  ]);
  t.match(of('gone'), [{ step: 'connect', ok: false, text: /connect refused/ }]);
  t.match(of('nowhere'), [{ step: 'resolve', ok: false, text: /limpet-test\.invalid does not resolve/ }]);
  t.match(
    of('plain'),
    [
      { step: 'connect', ok: true },
      { step: 'health', ok: false },
    ],
    'it speaks no TLS',
  );
  t.match(of('resting'), [{ step: 'connect', ok: null, text: /it is in maintenance/ }]);
  t.match(only(live, 'listen'), [{ ok: null, text: /it is in use by .*this is as it should be/ }]);
  const { stdout } = await check({
    listen: `127.0.0.1:${await freePort()}`,
    upstreams: [`http://127.0.0.1:${gone}`],
  });
  t.match(stdout, /^FAILED {2}connect/m);
  t.match(stdout, /1 of \d failed\n$/);
});

t.test('stores, key sets and revocations are asked, and cookies given by hand are judged', async (t) => {
  const redis = await startRedis(t);
  await redis.client.set('sess:known', JSON.stringify({ cookie: {}, passport: { user: 7 } }));
  const away = await freePort();
  const config = (store: string, revocation: string) => ({
    listen: '127.0.0.1:0',
    upstreams: [`http://127.0.0.1:${redis.port}`],
    health: { active: { tcp: true } },
    session: { verify: 'express-session', secrets: [SECRET], user: 'passport.user', store, revocation },
  });
  const good = await findings(config(redis.url, `redis://127.0.0.1:${redis.port}/1`), '--cookie', '-');
  t.match(only(good.live, 'store', 'revocation', 'cookie'), [
    { step: 'store', at: 'default', ok: true, text: 'the store answers' },
    { step: 'cookie', at: 'default', ok: true, text: /given by hand are valid: / },
    { step: 'revocation', ok: true },
  ]);
  t.equal(good.code, 0);
  t.notMatch(
    JSON.stringify(good.live),
    /known|127\.0\.0\.1:\d+\/1/,
    'no value and no address with its password',
  );
  t.same(await redis.client.keys('*limpet*'), [], 'nothing was written');
  const forged = await findings(config(redis.url, redis.url), '--cookie', 'connect.sid=s%3Aknown.forged');
  t.match(only(forged.live, 'cookie'), [{ ok: false, text: /the signature is not of any of the secrets/ }]);
  t.equal(forged.code, 1);
  const bad = await findings(config(`redis://127.0.0.1:${away}/0`, `redis://127.0.0.1:${away}/1`));
  t.match(only(bad.live, 'store', 'revocation', 'cookie'), [
    { step: 'store', ok: false, text: /does not answer: .*ECONNREFUSED/ },
    { step: 'revocation', ok: false, text: /is away: .*ECONNREFUSED/ },
  ]);
  t.equal(bad.code, 1);
  const { live } = await findings({
    listen: '127.0.0.1:0',
    upstreams: [`http://127.0.0.1:${redis.port}`],
    health: { active: { tcp: true } },
    session: {
      verify: { jwt: { algorithms: ['RS256'], jwksUrl: `http://127.0.0.1:${away}/keys` } },
    },
  });
  t.match(only(live, 'keys'), [{ at: 'default', ok: false, text: /the key set cannot be read/ }]);
});

t.test('an affinity cookie is known by its secret', async (t) => {
  const app = await startNamedApp('app', t);
  const pool = (secret: string) => ({
    upstreams: [{ name: 'app', url: app.url }],
    affinity: { cookie: { secrets: [secret] } },
  });
  const limpet = await startLimpet(pool(SECRET), { owner: t });
  const cookie = cookieOf(await askPath(limpet.port, '/'));
  const { live } = await findings({ listen: '127.0.0.1:0', ...pool(SECRET) }, '--cookie', cookie);
  t.match(only(live, 'cookie'), [
    { at: 'pool default', ok: true, text: /signed by one of the secrets, and its home/ },
  ]);
  const other = await findings({ listen: '127.0.0.1:0', ...pool(`${SECRET}!`) }, '--cookie', cookie);
  t.match(only(other.live, 'cookie'), [{ ok: false, text: /signed by none of the secrets/ }]);
});

t.test('a wrong use is told, and nothing is tried of a config that is not sound', async (t) => {
  writeFileSync(join(folder, 'limpet.yaml'), 'lisen: 80\n');
  let stderr = '';
  const io = {
    stdout: () => {},
    stderr: (text: string) => {
      stderr += text;
    },
    env: {},
    cwd: folder,
  };
  t.equal(await run(['--cookie', 'a=b'], io), 1);
  t.match(stderr, 'would be right: limpet check --live --cookie -');
  t.equal(await run(['--live', '--cookie', 'a=b\r\nX: y'], io), 1);
  t.match(stderr, 'a line break would begin another field');
  t.equal(await run(['--live'], io), 1);
  t.match(stderr, 'lisen');
});

t.test(
  'the authority of certificates by ACME is asked for its directory, and nothing is ordered or written',
  async (t) => {
    const httpPort = await freePort();
    const pebble = await startPebble({ httpPort, macKeys: { me: 'a2V5' } });
    writeFileSync(join(folder, 'authority.pem'), pebble.ca);
    const port = await freePort();
    const of = async (acme: object): Promise<LiveFinding[]> => {
      const tls = {
        acme: { names: ['live.test'], agree: true, folder: 'acme', directory: pebble.directory, ...acme },
      };
      const { live } = await findings({
        listeners: [{ bind: `127.0.0.1:${httpPort}` }, { bind: `127.0.0.1:${port}`, tls }],
        upstreams: ['http://127.0.0.1:1'],
      });
      return only(live, 'authority');
    };
    const ca = 'authority.pem';
    const eab = { keyId: 'me', secret: 'a2V5' };
    t.match(await of({ ca, eab }), [
      { at: pebble.directory, ok: true, text: /directory answers/ },
      { at: join(folder, 'acme'), ok: true, text: /can be kept here/ },
    ]);
    t.notOk(existsSync(join(folder, 'acme')));
    t.match(await of({ ca }), [{ ok: false, text: /nobody without a key/ }, { ok: true }]);
    t.match(await of({ eab }), [{ ok: false, text: /cannot be read: .*certificate/ }, { ok: true }]);
    t.match(await of({ ca, eab, directory: pebble.directory.replace('/dir', '/none') }), [
      { ok: false, text: /it answers 404/ },
      { ok: true },
    ]);
    t.match(await of({ ca, eab, folder: 'authority.pem/acme' }), [
      { ok: true },
      { ok: false, text: /cannot be kept here/ },
    ]);
  },
);
