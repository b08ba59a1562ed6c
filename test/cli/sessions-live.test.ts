// `limpet sessions` as an operator runs it: a user of a real app is ended, logs in again, is kept out, and let in again.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Reply, User } from '../kit/apps.ts';
import { Child } from '../kit/child.ts';
import { pinnedNode, startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';

const MAIN = process.env.LIMPET_TEST_MAIN ?? fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const APP = fileURLToPath(new URL('../apps/servers/shop-app.js', import.meta.url));
const TOKEN = 'the-token-of-an-operator-in-a-test';
const [port, adminPort] = [await freePort(), await freePort()];
const shop = new Child(pinnedNode, [APP, String(port), 'shop', 'cookie']);
await shop.wrote(/^ready$/m);
const limpet = await startLimpet({
  upstreams: [`http://127.0.0.1:${port}`],
  session: {
    verify: 'cookie-session',
    cookie: 'sid',
    secrets: ['the session secret of a shop in a test'],
    user: 'user',
    exempt: '/login',
  },
  workers: 2,
  admin: { bind: `127.0.0.1:${adminPort}`, tokens: [TOKEN] },
});

/** Runs the command as a process of its own; what is typed ends. */
function sessions(args: readonly string[], typed = '', token = TOKEN): Promise<string> {
  const env = { ...process.env, LIMPET_ADMIN_TOKEN: token };
  const argv = [MAIN, 'sessions', ...args, '--admin', `http://127.0.0.1:${adminPort}`];
  return new Promise((done) => {
    const child = execFile(pinnedNode, argv, { env }, (error, stdout, stderr) =>
      done(`${error?.code ?? 0} ${stdout}${stderr}`),
    );
    child.stdin?.end(typed);
  });
}

const login = (user: User): Promise<Reply> =>
  user.ask('/login', {
    body: 'user=ann',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
const account = async (user: User): Promise<number> => (await user.ask('/account')).status;

t.test('a user is ended on all devices, and a login after it works', async (t) => {
  const [phone, laptop] = [new User(limpet.url), new User(limpet.url)];
  t.equal((await login(phone)).status, 303);
  t.equal((await login(laptop)).status, 303);
  t.same([await account(phone), await account(laptop)], [200, 200]);
  t.match(
    await sessions(['revoke', '--user', 'ann', '--reason', 'lost phone']),
    /^0 revoked user ann until .*\nlift it by: limpet sessions lift \S+\n$/s,
  );
  t.same([await account(phone), await account(laptop)], [401, 401]);
  t.match(await sessions(['list']), /^0 ID .*\n\S+ +user ann .*lost phone\n$/s);
});

t.test('a token from stdin is ended alone', async (t) => {
  const [one, other] = [new User(limpet.url), new User(limpet.url)];
  const lift = /lift (\S+)/.exec(await sessions(['revoke', '--user', 'ann', '--block']))?.[1] ?? '';
  t.equal((await login(one)).status, 303, 'the login page is open to all');
  t.equal(await account(one), 401, 'but the user is kept out');
  for (const line of (await sessions(['list'])).matchAll(/^(\S+) +user ann/gm))
    await sessions(['lift', line[1]!]);
  t.match(await sessions(['lift', lift]), /^1 .*revocation\.unknown/s);
  t.equal(await account(one), 200, 'let in again');
  other.cookies.set('sid', one.cookies.get('sid')!);
  other.cookies.set('sid.sig', one.cookies.get('sid.sig')!);
  t.equal(await account(other), 200);
  const told = await sessions(['revoke', '--token', '-'], `${one.cookieLine}\n`);
  t.match(told, /^0 revoked a token until .*\nunderstood as: cookie of default, id\n/);
  t.same([await account(one), await account(other)], [401, 401]);
});

t.test('without the token nothing is told or ended', async (t) => {
  t.match(await sessions([], '', ''), /^1 limpet sessions: the admin API refuses GET .*LIMPET_ADMIN_TOKEN/s);
  t.match(await sessions([]), /^0 BLOCK .*\ndefault +cookie-session +login /s);
});
