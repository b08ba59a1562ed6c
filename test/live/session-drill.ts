// What is tried with every real framework behind Limpet: log in, use, log out, forge, rotate, and a store that goes away.
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { Child } from '../kit/child.ts';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

/** A framework's app, and the session block that one would write for it. */
export interface Drill {
  /** The words that start it on a port with these secrets. */
  readonly command: (port: number, secrets: readonly string[]) => readonly string[];
  readonly block: (secrets: readonly string[]) => object;
  /** What the user `42` is to the app. */
  readonly user?: number | string;
  /** False: nothing is signed, so nothing can be forged or rotated. */
  readonly signed?: boolean;
  /** False: a session that was logged out stays good, as in the app itself. */
  readonly revocable?: boolean;
  /** The app takes several secrets. */
  readonly rotates?: boolean;
  /** Changes a cookie's signature, not its content; default: the last characters but one. */
  readonly spoil?: (cookie: string) => string;
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

export interface Running {
  readonly limpet: RunningLimpet;
  /** Logs in and gives the cookies. */
  login(user: string): Promise<string>;
  ask(path: string, cookie?: string, at?: RunningLimpet): Promise<Told>;
}

/** Starts the app and Limpet in front of it, and tries all that holds of every framework. */
export async function drill(
  t: Test,
  { user = 42, signed = true, revocable = true, ...app }: Drill,
): Promise<Running> {
  const port = await freePort();
  const [command, ...args] = app.command(port, [SECRET]);
  const child = new Child(command!, args, { owner: t });
  await child.wrote(/^ready$|Development Server .* started/m);
  const front = (secrets: readonly string[]): Promise<RunningLimpet> =>
    startLimpet(
      {
        upstreams: [`http://127.0.0.1:${port}`],
        session: { ...app.block(secrets), exempt: ['/login', '/visit', '/logout'], cache: { ttl: '200ms' } },
      },
      { owner: t },
    );
  const limpet = await front([SECRET]);
  const ask = (path: string, cookie = '', at = limpet): Promise<Told> =>
    askPath(at.port, path, { accept: 'application/json', ...(cookie === '' ? {} : { cookie }) });
  const jarFrom = async (...paths: readonly string[]): Promise<string> => {
    const jar = new Jar();
    for (const path of paths) jar.take(await ask(path, jar.line));
    return jar.line;
  };
  const login = (who: string): Promise<string> => jarFrom('/visit', `/login?user=${who}`);
  const status = async (cookie: string, at = limpet): Promise<number> =>
    (await ask('/me', cookie, at)).status;

  t.equal((await ask('/me')).status, 401, 'nobody');
  const cookie = await login('42');
  t.ok(cookie !== '', 'a login gives a cookie');
  const told = await ask('/me', cookie);
  t.same(
    JSON.parse(told.body),
    { user, told: `${user}`, verdict: 'valid' },
    'the app and Limpet know the same user',
  );
  const other = JSON.parse((await ask('/me', await login('o-neil'))).body) as { user: unknown; told: string };
  t.equal(`${other.user}`, other.told, 'and the next one');
  t.not(other.told, `${user}`);
  t.equal(await status(await jarFrom('/visit')), 401, 'a visitor is not logged in');
  if (signed) {
    const spoil = app.spoil ?? ((line: string): string => line.replace(/.{3}(.{2})$/, 'AAA$1'));
    t.equal(await status(spoil(cookie)), 401, 'a forged cookie');
    t.equal(await status(cookie, await front([NEWER])), 401, 'another secret');
    if (app.rotates !== false)
      t.equal(await status(cookie, await front([NEWER, SECRET])), 200, 'a secret that was rotated');
  }
  const leaving = await login('leaver');
  t.equal(await status(leaving), 200);
  await ask('/logout', leaving);
  if (revocable) await until('the logout counts', async () => (await status(leaving)) === 401);
  t.equal(await status(cookie), 200, 'nobody else was logged out');
  return { limpet, login, ask };
}
