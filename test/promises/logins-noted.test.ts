// What a user held ends with his revocation, and a login after it counts at once at every worker, though nothing in the session says when it was.
import { createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, startNamedApp, type Told, until } from '../kit/named-app.ts';

const SECRET = 'the secret of a test about logins';
/** That all of so many connections are one worker's of two is as likely as one in 2^11. */
const CONNECTIONS = 12;

let made = 0;
/** A session as the app signs it: it says whose it is and nothing of when. */
function sign(user: string): string {
  const value = Buffer.from(JSON.stringify({ user, n: ++made })).toString('base64url');
  return `${value}.${createHmac('sha256', SECRET).update(value).digest('base64url')}`;
}
function userOf({ headers }: IncomingMessage): string | null {
  const value = /(?:^|; )sid=([\w-]+)\./.exec(headers.cookie ?? '')?.[1];
  return value === undefined ? null : JSON.parse(Buffer.from(value, 'base64url').toString()).user;
}

/** Requests under way to `/slow…`, which wait until the test lets them go on. */
const slow: (() => void)[] = [];

function serve(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://app');
  const user = userOf(request);
  const give = (value: string): void => {
    response.setHeader('set-cookie', [`other=1`, `sid=${value}; Path=/; HttpOnly`]);
  };
  const end = (status: number, text: string): void => {
    response.writeHead(status, { 'content-type': 'text/plain' });
    response.end(text);
  };
  switch (pathname) {
    case '/login':
      // As apps do: who is logged in already is sent on.
      if (user !== null) {
        response.setHeader('location', '/page');
        end(302, 'logged in');
        return;
      }
      if (request.method === 'POST') give(sign(searchParams.get('user') ?? ''));
      end(200, request.method === 'POST' ? 'welcome' : 'form');
      return;
    case '/rotate':
      give(sign(user ?? 'nobody'));
      end(200, 'ok');
      return;
    case '/slow-rotate':
    case '/slow-touch':
      slow.push(() => {
        const shown = /(?:^|; )sid=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
        give(pathname === '/slow-touch' ? shown : sign(user ?? 'nobody'));
        end(200, 'ok');
      });
      return;
    case '/logout':
      response.setHeader('set-cookie', 'sid=deleted; Max-Age=0; Path=/');
      end(200, 'ok');
      return;
    default:
      end(200, String(user));
  }
}

const app = await startNamedApp('alpha', t);
app.answer = serve;
const limpet = await startLimpet({
  workers: 2,
  pools: { app: { upstreams: [app.url], health: calm } },
  session: {
    verify: 'signed-cookie',
    cookie: 'sid',
    secrets: [SECRET],
    user: 'user',
    exempt: '/login',
    onFail: { redirect: '/login?next={path}' },
  },
  routes: [{ path: '/', pool: 'app' }],
});

async function revoke(body: object): Promise<string> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
  return ((await answer.json()) as { id: string }).id;
}
const ask = (path: string, sid: string, method = 'GET'): Promise<Told> =>
  askPath(limpet.port, path, sid === '' ? {} : { cookie: `sid=${sid}` }, method);
const given = (told: Told): string => cookieOf(told, 'sid').slice('sid='.length);
/** Status of the page on many connections, so that every worker is asked. */
async function everywhere(sid: string): Promise<number[]> {
  const told = await Promise.all(Array.from({ length: CONNECTIONS }, () => ask('/page', sid)));
  return [...new Set(told.map(({ status }) => status))];
}
const login = async (user: string, sid = ''): Promise<string> =>
  given(await ask(`/login?user=${user}`, sid, 'POST'));

t.test('a token that is revoked while its request is on its way is not written anew either', async (t) => {
  const [sid, other] = [await login('otto'), await login('otto')];
  const answers = [ask('/slow-rotate', sid), ask('/slow-rotate', other)];
  await until('the app has both', () => slow.length === 2);
  await revoke({ token: sid });
  for (const go of slow.splice(0)) go();
  const [mine, others] = await Promise.all(answers);
  t.equal(given(mine!), '');
  t.equal(cookieOf(mine!, 'other'), 'other=1');
  t.same(await everywhere(given(others!)), [200], 'another of the same user lives on');
});

t.test('his page is refused, the login shows its form, and a login works at once everywhere', async (t) => {
  const phone = await login('alice');
  const laptop = await login('alice');
  t.same(await everywhere(phone), [200]);
  t.same(await everywhere(laptop), [200]);
  t.equal((await ask('/login', phone)).status, 302, 'who is logged in is sent on');
  await revoke({ user: 'alice' });
  t.same(await everywhere(phone), [302], 'sent to the login');
  const form = await ask('/login', phone);
  t.same([form.status, form.body], [200, 'form'], 'and not in circles');
  const again = await login('alice', phone);
  t.not(again, '');
  t.same(await everywhere(again), [200]);
  t.same(await everywhere(phone), [302]);
  t.same(await everywhere(laptop), [302], 'his other device stays out');
  t.same(await everywhere(sign('alice')), [302], 'and so does a login that nobody saw');
  const bob = sign('bob');
  t.same(await everywhere(bob), [200], 'nobody else is touched');

  const next = given(await ask('/rotate', again));
  t.not(next, again);
  t.same(await everywhere(next), [200], 'what a login gave lives on when it is written anew');
  await revoke({ user: 'alice' });
  t.same(await everywhere(next), [302], 'until he is revoked again');
  t.same(await everywhere(again), [302]);
});

t.test('what was on its way when he was revoked gives him nothing', async (t) => {
  for (const path of ['/slow-touch', '/slow-rotate']) {
    const sid = await login('carol');
    const answer = ask(path, sid);
    await until('the app has it', () => slow.length === 1);
    const id = await revoke({ user: 'carol' });
    slow.pop()?.();
    const told = await answer;
    t.equal(told.status, 200);
    t.equal(given(told), '', `${path}: no session reaches the client`);
    t.equal(cookieOf(told, 'other'), 'other=1', 'other cookies do');
    t.same(await everywhere(sid), [302]);
    await fetch(`${limpet.adminUrl}/api/v1/revocations/${id}`, { method: 'DELETE' });
  }
});

t.test('an answer to somebody else on his way is not touched', async (t) => {
  const sid = await login('dora');
  const answer = ask('/slow-rotate', sid);
  await until('the app has it', () => slow.length === 1);
  await revoke({ user: 'erin' });
  slow.pop()?.();
  const next = given(await answer);
  t.not(next, '');
  t.same(await everywhere(next), [200]);
});

t.test('all who logged in before a time log in again', async (t) => {
  const sid = await login('fred');
  // Within the bound that clocks may be apart, so that it is after this login to the millisecond.
  await revoke({ before: new Date(Date.now() + 2000).toISOString() });
  t.same(await everywhere(sid), [302]);
  const again = await login('fred', sid);
  t.same(await everywhere(again), [200]);
  t.equal(given(await ask('/logout', again)), 'deleted', 'a logout goes through');
});

t.test('who is blocked stays out, login or not', async (t) => {
  await revoke({ user: 'gina', block: true });
  const sid = await login('gina');
  t.same(await everywhere(sid), [302]);
});
