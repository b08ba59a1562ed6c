// Express with connect-redis behind Limpet, and users who go on asking while the store of their sessions is away.

import type { Test } from 'tap';
import { Child } from '../kit/child.ts';
import { type Asked, KeptUser } from '../kit/kept-users.ts';
import { pinnedNode, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { until } from '../kit/store-drill.ts';
import { appFile } from './session-drill.ts';

/** A store that is elected anew on a starved machine takes its time, ms. */
const PATIENCE_MS = 30_000;
const SECRET = 'the secret of sessions that outlive an outage';

export interface AwayWorld {
  readonly limpet: RunningLimpet;
  /** Logs in with the app itself, and gives a user with a connection of his own to Limpet. */
  login(name: string): Promise<KeptUser>;
  /** A user with whatever cookie. */
  user(name: string, cookie: string): KeptUser;
}

/** Starts the app and Limpet. `appStore`: the store as the app reaches it; `store`: as Limpet does. `blocks`: what is special of each host. */
export async function startAwayWorld(
  t: Test,
  appStore: string,
  store: string,
  blocks: Readonly<Record<string, object>>,
): Promise<AwayWorld> {
  const port = await freePort();
  const app = new Child(pinnedNode, [appFile('node-app.js'), 'express-redis', `${port}`, appStore, SECRET], {
    owner: t,
  });
  await app.wrote(/^ready$/m);
  const block = {
    verify: 'express-session',
    secrets: [SECRET],
    user: 'userId',
    store,
    exempt: ['/login', '/free'],
  };
  const limpet = await startLimpet(
    {
      workers: 2,
      upstreams: [`http://127.0.0.1:${port}`],
      sessions: Object.fromEntries(Object.entries(blocks).map(([host, own]) => [host, { ...block, ...own }])),
      routes: Object.keys(blocks).map((host) => ({ host, pool: 'default', session: host })),
      log: { access: false, format: 'json' },
    },
    { owner: t },
  );
  const user = (name: string, cookie: string): KeptUser => new KeptUser(t, limpet.port, name, cookie);
  return {
    limpet,
    user,
    login: async (name) => {
      const { cookies } = await askPath(port, `/login?user=${name}`, {});
      const cookie = cookies[0]?.split(';')[0] ?? '';
      if (cookie === '') throw new Error(`${name} could not log in`);
      return user(name, cookie);
    },
  };
}

/** Users who are logged in and known to Limpet, and who go on asking this host from now on. */
export async function steadyUsers(world: AwayWorld, many: number, host: string): Promise<KeptUser[]> {
  const users = await Promise.all(Array.from({ length: many }, (_, i) => world.login(`steady-${i}`)));
  for (const each of users) each.keepAsking('/told', host);
  await allTold(users, 'valid');
  return users;
}

/** Waits until each of them was told this in a request that began after now. */
export async function allTold(users: readonly KeptUser[], verdict: string): Promise<void> {
  // The one that is under way may have begun before.
  const from = users.map(({ asked }) => asked.length + 1);
  await until(
    () => users.every(({ asked }, i) => asked.slice(from[i]).some((each) => each.verdict === verdict)),
    PATIENCE_MS,
  );
}

/** What was not as it should be for somebody who is logged in all the time: any refusal, and any answer that does not know him. */
export function wrongs(users: readonly KeptUser[]): (Asked & { readonly name: string })[] {
  return users.flatMap(({ name, asked }) =>
    asked
      .filter(
        ({ status, verdict, user }) => status !== 200 || !/^valid(;stale)?$/.test(verdict) || user !== name,
      )
      .map((each) => ({ name, ...each })),
  );
}
