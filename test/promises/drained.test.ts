// A drain as an operator does it: the users of the instance keep it, no new one comes, `users` falls to zero as they leave, and the wait returns.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const MAIN = process.env.LIMPET_TEST_MAIN ?? fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const apps = [await startNamedApp('one', t), await startNamedApp('two', t)];
const upstreams = apps.map(({ name, url }) => ({ name, url }));
const affinity = { cookie: { secrets: ['a secret of this test alone'] } };
const config = { pools: { shop: { upstreams, affinity, health: calm } }, workers: 2 };

interface Limpet {
  readonly port: number;
  readonly adminUrl: string;
  logs(): string;
}

/** `admin`: what its block says besides its address. */
async function start(t: Pick<Test, 'teardown'>, admin: object): Promise<Limpet> {
  const port = await freePort();
  const limpet = await startLimpet(
    { ...config, admin: { bind: `127.0.0.1:${port}`, ...admin } },
    { owner: t },
  );
  return { ...limpet, adminUrl: `http://127.0.0.1:${port}` };
}

/** Runs the command as a process of its own; resolves to its exit code and all that it wrote. */
function command(limpet: Limpet, ...args: readonly string[]): Promise<string> {
  const argv = [MAIN, 'upstreams', ...args, '--admin', limpet.adminUrl];
  return new Promise((done) => {
    execFile(pinnedNode, argv, (error, stdout, stderr) => done(`${error?.code ?? 0} ${stdout}${stderr}`));
  });
}

/** Users of each app, as the cookies that keep them there: so many of each. */
async function usersOfEach(limpet: Limpet, many: number): Promise<Record<string, string[]>> {
  const users: Record<string, string[]> = { one: [], two: [] };
  while (users.one!.length < many || users.two!.length < many) {
    const told = await askPath(limpet.port, '/');
    users[told.body]!.push(cookieOf(told));
    // Who shows no cookie of ours yet may be a robot that never will: users count from their second request on.
    await askPath(limpet.port, '/', { cookie: cookieOf(told) });
  }
  return users;
}

const rowOf = async (limpet: Limpet, name: string) =>
  (
    (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as {
      name: string;
      wanted: string;
      users: number;
      inFlight: number;
      drainUntil: string | null;
    }[]
  ).find((row) => row.name === name)!;
// Each has a Limpet of its own, and mostly waits.
t.jobs = 2;

t.test(
  'the users of a drained instance keep it until they leave, and then it is free',
  { buffered: true },
  async (t) => {
    // Who has asked for nothing for so long has left; five minutes by default.
    const limpet = await start(t, { userWindow: '5s' });
    const users = await usersOfEach(limpet, 3);
    await until('they are counted', async () => (await rowOf(limpet, 'one')).users >= 3);
    let stay = true;
    let rounds = 0;
    const wrong: string[] = [];
    const staying = (async () => {
      while (stay) {
        for (const cookie of users.one!) {
          const told = await askPath(limpet.port, '/', { cookie });
          if (told.body !== 'one') wrong.push(told.body);
        }
        const stranger = await askPath(limpet.port, '/');
        if (stranger.body !== 'two') wrong.push(`a stranger at ${stranger.body}`);
        rounds++;
      }
    })();
    let over = '';
    const drained = command(limpet, 'drain', 'shop/one', '--wait').then((told) => {
      over = told;
      return told;
    });
    await until('it is drained', async () => (await rowOf(limpet, 'one')).wanted === 'drain');
    // What was under way when it was ordered may have been decided before.
    const before = rounds;
    await until('the round ends', () => rounds > before);
    wrong.length = 0;
    await until('its users come again and again', () => rounds > before + 10);
    t.same(wrong, [], 'its users keep it, and no new one comes');
    t.ok((await rowOf(limpet, 'one')).users >= 3);
    t.equal(over, '', 'and the wait goes on');
    stay = false;
    await staying;
    t.match(
      await drained,
      /^0 shop\/one: drain, was ready .*shop\/one is free: its users have left, and nothing is under way\n/s,
    );
    t.match(await rowOf(limpet, 'one'), { users: 0, inFlight: 0 });
    t.equal(
      (await askPath(limpet.port, '/', { cookie: users.one![0]! })).body,
      'one',
      'one who comes back late finds it',
    );
  },
);

t.test(
  'at the deadline of a drain its last users move, unless it was enabled before',
  { buffered: true },
  async (t) => {
    const limpet = await start(t, {});
    const users = await usersOfEach(limpet, 1);
    t.match(
      await command(limpet, 'drain', 'two', '--deadline', '1h'),
      /^0 shop\/two: drain, was ready; until /,
    );
    t.not((await rowOf(limpet, 'two')).drainUntil, null);
    t.match(await command(limpet, 'enable', 'two'), /^0 shop\/two: ready, was drain \(/);
    t.equal((await rowOf(limpet, 'two')).drainUntil, null, 'the deadline is taken back');
    t.match(
      await command(limpet, 'drain', 'two', '--deadline', '2s', '--wait'),
      /^0 .*shop\/two is free: it is in maintenance, and nothing is under way\n/s,
    );
    t.equal((await askPath(limpet.port, '/', { cookie: users.two![0]! })).body, 'one');
    t.match(await rowOf(limpet, 'two'), { wanted: 'maintenance', drainUntil: null });
    await until('it is in the log', () => limpet.logs().includes('the drain of an upstream is over'));
    const events = await fetch(`${limpet.adminUrl}/api/v1/events?after=0`);
    let text = '';
    for await (const piece of events.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (text.includes('the drain of shop/two is over')) break;
    }
    t.match(text, /event: upstream\n.*two: wanted drain, was ready; the drain ends at .* \(by local\)/);
  },
);
