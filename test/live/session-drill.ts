// What is tried with every real framework behind Limpet: log in, use, log out, expire, forge, rotate; and always the app is asked too.
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { Child } from '../kit/child.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

/** The words that start an app on a port with these secrets, and the session block that one would write for it. */
interface AppUnderTest {
  readonly command: (port: number, secrets: readonly string[]) => readonly string[];
  readonly block: (secrets: readonly string[]) => object;
}

/** A framework's app, and what holds of it. */
export interface Drill extends AppUnderTest {
  /** Run when the app has started, before Limpet does. */
  readonly started?: () => Promise<void>;
  /** What the user `42` is to the app. */
  readonly user?: number | string;
  /** False: nothing is signed, so nothing can be forged or rotated. */
  readonly signed?: boolean;
  /** False: a session that was logged out stays good, as in the app itself. */
  readonly revocable?: boolean;
  /** Changes a cookie's signature, not its content; default: the last characters but one. */
  readonly spoil?: (cookie: string) => string;
  /**
   * How sessions end. A function brings the end of that session about where it is kept, as its time would; `port` is the app's.
   * Where the cookie holds all, an app whose sessions live for a moment. Null: they never end but in the browser.
   */
  readonly end: ((cookie: string, port: number) => Promise<unknown>) | AppUnderTest | null;
}

export const appFile = (name: string): string => fileURLToPath(new URL(`apps/${name}`, import.meta.url));

const SECRET = 'the secret of a live test, long enough for all';
const NEWER = 'another secret of a live test, long enough too';

/** Cookies as a browser keeps them. */
class Jar {
  readonly #cookies = new Map<string, string>();

  take(told: Told): void {
    for (const line of told.cookies) {
      const [pair = '', ...attributes] = line.split(';');
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals);
      const gone = attributes.some((each) => /^ *(max-age=0|expires=Thu, 01.Jan.1970)/i.test(each));
      if (gone || equals === pair.length - 1) this.#cookies.delete(name);
      else this.#cookies.set(name, pair.slice(equals + 1));
    }
  }

  get line(): string {
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join('; ');
  }
}

/** Limpet's host that checks by SECRET; by another secret; by both; and the one of the app whose sessions live for a moment. */
type Host = 'app' | 'newer' | 'both' | 'brief';

export interface Running {
  /** Logs in and gives the cookies. */
  login(user: string): Promise<string>;
  ask(path: string, cookie?: string): Promise<Told>;
}

/** Who answered what: a 401 of the app's own tells of a user, one of Limpet's does not. */
function outcome({ status, body }: Told): string {
  return `${status}${body.includes('"user"') ? ' by the app' : /"session\.(none|login)"/.test(body) ? ' by Limpet' : ''}`;
}

const PASSED = '200 by the app';
const REFUSED = '401 by Limpet';
const DENIED = '401 by the app';

async function startApp(t: Test, { command }: AppUnderTest): Promise<number> {
  const port = await freePort();
  const [program, ...args] = command(port, [SECRET]);
  const child = new Child(program!, args, { owner: t });
  await child.wrote(/^ready$|Development Server .* started/m);
  return port;
}

/** Starts the app and Limpet in front of it, and tries all that holds of every framework. */
export async function drill(
  t: Test,
  { user = 42, signed = true, revocable = true, end, ...app }: Drill,
): Promise<Running> {
  const brief = end !== null && typeof end === 'object' ? end : null;
  const [port, briefPort] = await Promise.all([startApp(t, app), brief === null ? 0 : startApp(t, brief)]);
  await app.started?.();
  const block = (of: AppUnderTest, secrets: readonly string[]): object => ({
    ...of.block(secrets),
    exempt: ['/login', '/visit', '/logout'],
    cache: { ttl: '200ms' },
  });
  const sessions: Partial<Record<Host, object>> = {
    app: block(app, [SECRET]),
    ...(signed ? { newer: block(app, [NEWER]), both: block(app, [NEWER, SECRET]) } : {}),
    ...(brief === null ? {} : { brief: block(brief, [SECRET]) }),
  };
  const limpet = await startLimpet(
    {
      pools: {
        app: { upstreams: [`http://127.0.0.1:${port}`] },
        ...(brief === null ? {} : { brief: { upstreams: [`http://127.0.0.1:${briefPort}`] } }),
      },
      sessions,
      routes: Object.keys(sessions).map((host) => ({
        host,
        pool: host === 'brief' ? 'brief' : 'app',
        session: host,
      })),
    },
    { owner: t },
  );
  const askAt = (at: number, host: Host, path: string, cookie: string): Promise<Told> =>
    askPath(at, path, { host, accept: 'application/json', ...(cookie === '' ? {} : { cookie }) });
  const jarFrom = async (host: Host, ...paths: readonly string[]): Promise<string> => {
    const jar = new Jar();
    for (const path of paths) jar.take(await askAt(limpet.port, host, path, jar.line));
    return jar.line;
  };
  const login = (who: string, host: Host = 'app'): Promise<string> =>
    jarFrom(host, '/visit', `/login?user=${encodeURIComponent(who)}`);
  const ask = async (cookie: string, host: Host = 'app'): Promise<string> =>
    outcome(await askAt(limpet.port, host, '/me', cookie));
  const askApp = async (cookie: string, host: Host = 'app'): Promise<string> =>
    outcome(await askAt(host === 'brief' ? briefPort : port, host, '/me', cookie));
  /** The app itself says no, and Limpet before it. */
  const isRefused = async (cookie: string, why: string): Promise<void> => {
    t.equal(await ask(cookie), REFUSED, why);
    t.equal(await askApp(cookie), DENIED, `${why}, for the app too`);
  };
  /** Limpet may hold on to what it knew for the time of its cache; what it refuses then, the app refuses too. */
  const ends = async (cookie: string, why: string, host: Host = 'app'): Promise<void> => {
    await until(why, async () => (await ask(cookie, host)) === REFUSED);
    t.equal(await askApp(cookie, host), DENIED, `${why}, for the app too`);
  };

  await isRefused('', 'nobody');
  const cookie = await login('42');
  t.ok(cookie !== '', 'a login gives a cookie');
  const told = await askAt(limpet.port, 'app', '/me', cookie);
  t.same(
    JSON.parse(told.body),
    { user, told: `${user}`, verdict: 'valid' },
    'the app and Limpet know the same user',
  );
  const next = await askAt(limpet.port, 'app', '/me', await login('o-neil'));
  const other = JSON.parse(next.body) as { user: unknown; told: string };
  t.equal(`${other.user}`, other.told, 'and the next one');
  t.not(other.told, `${user}`);
  await isRefused(await jarFrom('app', '/visit'), 'a visitor who is not logged in');
  if (signed) {
    const spoil = app.spoil ?? ((line: string): string => line.replace(/.{3}(.{2})$/, 'AAA$1'));
    await isRefused(spoil(cookie), 'a forged cookie');
    t.equal(await ask(cookie, 'newer'), REFUSED, 'another secret');
    t.equal(await ask(cookie, 'both'), PASSED, 'a secret that was rotated');
  }
  const leaving = await login('leaver');
  t.equal(await ask(leaving), PASSED);
  await askAt(limpet.port, 'app', '/logout', leaving);
  if (revocable) await ends(leaving, 'a logout counts');
  else {
    t.equal(await askApp(leaving), PASSED, 'the app itself knows of no logout');
    t.equal(await ask(leaving), PASSED);
  }
  if (brief !== null) {
    let short = '';
    // The machine may be slower than the session is short.
    await until('a session is used before it ends', async () => {
      short = await login('42', 'brief');
      return (await ask(short, 'brief')) === PASSED;
    });
    await ends(short, 'a session ends', 'brief');
  } else if (typeof end === 'function') {
    const ending = await login('42');
    t.equal(await ask(ending), PASSED);
    // Nobody asks meanwhile: the app would touch its session, which lives on then.
    await end(ending, port);
    await ends(ending, 'its end in the store counts');
  }
  t.equal(await ask(cookie), PASSED, 'nobody else is refused');
  return { login, ask: (path, cookie = '') => askAt(limpet.port, 'app', path, cookie) };
}
