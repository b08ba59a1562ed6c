// Stores that tell of changes, end to end: what real apps do to their sessions counts at every worker long before the ttl. LOGOUTS: tries each.
import pg from 'pg';
import t, { type Test } from 'tap';
import { Child, type Owner } from '../kit/child.ts';
import { statusOf } from '../kit/http-message.ts';
import { metric, pinnedNode, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { PUSH_FUNCTION, PUSH_TRIGGERS } from '../kit/push-sql.ts';
import { RawClient } from '../kit/raw-client.ts';
import { startRedis } from '../kit/redis-server.ts';
import { startPostgres } from '../kit/store-servers.ts';
import { appFile } from './session-drill.ts';

const SECRET = 'the secret of what is told at once';
const TRIES = Number(process.env.LOGOUTS ?? 3);
const WORKERS = 2;
/** That all of them were given to one worker of two is as likely as one in 2^11. */
const CONNECTIONS = 12;

t.setTimeout(60_000 + TRIES * 2000);

interface Site {
  readonly limpet: RunningLimpet;
  readonly port: number;
  /** Logs in at the app; the cookie. */
  login(user: string): Promise<string>;
}

async function startSite(owner: Owner, kind: string, appStore: string, store: string): Promise<Site> {
  const port = await freePort();
  const words = [appFile('node-app.js'), kind, `${port}`, appStore, SECRET];
  const child = new Child(pinnedNode, words, { owner });
  await child.wrote(/^ready$/m);
  const limpet = await startLimpet(
    {
      workers: WORKERS,
      upstreams: [`http://127.0.0.1:${port}`],
      session: {
        verify: 'express-session',
        secrets: [SECRET],
        user: 'userId',
        store,
        cache: { ttl: '1h' },
      },
    },
    { owner },
  );
  const login = async (user: string): Promise<string> =>
    (await askPath(port, `/login?user=${user}`, {})).cookies[0]!.split(';')[0]!;
  return { limpet, port, login };
}

interface PushView {
  readonly push: { readonly up: boolean; readonly why: string } | null;
}

async function push(limpet: RunningLimpet): Promise<PushView['push']> {
  const [block] = (await (await fetch(`${limpet.adminUrl}/api/v1/sessions`)).json()) as PushView[];
  return block!.push;
}

const isUp = (limpet: RunningLimpet): Promise<void> =>
  until('every worker is told of changes', async () => (await push(limpet))?.up === true);

/** Connections that every worker has some of; they tell who answered each of them. */
async function crowd(limpet: RunningLimpet): Promise<(cookie: string) => Promise<string>> {
  const clients: RawClient[] = [];
  for (let i = 0; i < CONNECTIONS; i++) clients.push(await RawClient.open(limpet.port));
  return async (cookie) => {
    const text = `GET /me HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nCookie: ${cookie}\r\n\r\n`;
    const answers = await Promise.all(clients.map((client) => client.ask(text)));
    // The app itself refuses too; only Limpet's own refusals count.
    const whos = answers.map((answer) =>
      answer.body.includes('"session.') ? 'refused' : `${statusOf(answer)} by the app`,
    );
    return [...new Set(whos)].sort().join();
  };
}

/** Logs users in and out at the app. From before each logout is sent until the last connection is refused: ms, in order. */
async function logouts(t: Test, site: Site): Promise<number[]> {
  const answers = await crowd(site.limpet);
  const took: number[] = [];
  for (let i = 0; i < TRIES; i++) {
    const cookie = await site.login(`user-${i}`);
    await until('he is let in everywhere', async () => (await answers(cookie)) === '200 by the app');
    const startMs = performance.now();
    await askPath(site.port, '/logout', { cookie });
    // No pause between two questions: it is measured.
    while ((await answers(cookie)) !== 'refused');
    took.push(performance.now() - startMs);
    t.equal(await answers(cookie), 'refused', 'and everywhere');
  }
  took.sort((a, b) => a - b);
  const at = (share: number): string => `${took[Math.ceil(share * TRIES) - 1]!.toFixed(1)} ms`;
  t.comment(`${TRIES} logouts: median ${at(0.5)}, 99th of 100 ${at(0.99)}, longest ${at(1)}`);
  return took;
}

t.test(
  'a logout in Express with connect-redis counts at once, and a touch costs no user a look-up',
  async (t) => {
    const redis = await startRedis(t);
    await redis.client.connect();
    const site = await startSite(t, 'express-redis', redis.url, redis.url);
    const { limpet } = site;
    await isUp(limpet);
    t.same(await push(limpet), { up: true, why: '' });
    t.equal((await logouts(t, site)).length, TRIES);

    const answers = await crowd(limpet);
    const cookie = await site.login('42');
    for (let i = 0; i < 5; i++) t.equal(await answers(cookie), '200 by the app');
    await until(
      'touches were looked at',
      async () => (await metric(limpet, 'limpet_session_pushes_total', 'result="confirmed"')) > 0,
    );

    const other = await site.login('43');
    await until('he is let in', async () => (await answers(other)) === '200 by the app');
    await redis.client.flushall();
    await until('all are logged out', async () => (await answers(other)) === 'refused');
    t.equal(await answers(cookie), 'refused');

    await redis.client.publish('__redis__:invalidate', 'rubbish');
    await until(
      'rubbish is counted by both workers',
      async () => (await metric(limpet, 'limpet_session_pushes_total', 'result="garbled"')) === WORKERS,
    );

    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('the log tells of it', () => /does not tell of changes/.test(limpet.logs()));
    await isUp(limpet);
    t.equal(await metric(limpet, 'limpet_session_push_up'), WORKERS);

    await redis.kill('SIGSTOP');
    await until('a store that hangs tells nothing', async () => (await push(limpet))?.up === false);
    t.match((await push(limpet))?.why, /^redis: /);
    await redis.kill('SIGCONT');
    await isUp(limpet);
  },
);

t.test('a logout in Express with connect-pg-simple counts at once, where the trigger is', async (t) => {
  const server = await startPostgres(t);
  const url = `postgres://postgres:secret@127.0.0.1:${server.port}/postgres`;
  const site = await startSite(t, 'express-pg', url, `${url}?notify=limpet_session`);
  // The first session makes the table.
  await site.login('first');
  const client = new pg.Client(url);
  await client.connect();
  await client.query(PUSH_FUNCTION);
  await client.query(PUSH_TRIGGERS);
  await client.end();
  await isUp(site.limpet);
  t.equal((await logouts(t, site)).length, TRIES);
});
