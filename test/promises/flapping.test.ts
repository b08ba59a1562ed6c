// Promise: an upstream that dies and comes back again and again costs no GET and moves nobody else; it is trusted less each time, within bounds.
import t from 'tap';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import {
  Generator,
  HARMED,
  startDrillUpstream,
  startDrillUpstreams,
  stopDrillUpstreams,
} from '../kit/load-drill.ts';
import { INDEX_AT, smallBody } from '../kit/load-message.ts';
import { stopProcess } from '../kit/load-process.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';

const FLAPS = 10;
/** How the answers of the one that is harmed begin. */
const HARMED_SAYS = smallBody(HARMED).slice(0, INDEX_AT + 1);
const SECRETS = ['a secret of this test only'];

interface View {
  readonly name: string;
  readonly observed: string;
}
const observed = async (limpet: RunningLimpet, name: string): Promise<string> => {
  const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as View[];
  return all.find((upstream) => upstream.name === name)!.observed;
};

/** When, ms, and to what `name` changed, by the log. */
function changes(limpet: RunningLimpet, name: string): { atMs: number; to: string; why: string }[] {
  const lines = limpet.logs().trim().split('\n');
  const told = lines.map((line) => JSON.parse(line) as Record<string, string>);
  return told
    .filter(({ msg, upstream }) => msg === 'the health of an upstream changed' && upstream === name)
    .map(({ time, to, why }) => ({ atMs: Date.parse(time!), to: to!, why: why! }));
}

t.test('an upstream killed and revived ten times costs no GET and moves nobody of the others', async (t) => {
  const upstreams = await startDrillUpstreams('kill', null);
  t.teardown(() => stopDrillUpstreams(upstreams));
  const limpet = await startLimpet(
    {
      workers: 2,
      upstreams: upstreams.map(({ port }, i) => ({ name: `app${i}`, url: `http://127.0.0.1:${port}` })),
      affinity: { cookie: { secrets: SECRETS } },
      log: { format: 'json' },
    },
    { owner: t },
  );
  const generator = await Generator.start(null);
  t.teardown(() => generator.stop());
  const running = generator.run({
    port: limpet.port,
    users: 60,
    rate: 300,
    warmupMs: 0,
    measureMs: 11_000,
    drainMs: 5000,
    postEvery: 0,
    watchPid: 0,
  });
  running.catch(() => undefined);
  await until('users live on it', async () => (await usersOf(limpet, 'app0')) >= 10);
  // Since its own users leave it the first time, newcomers are what meets the closed door from then on.
  let over = false;
  const newcomers: string[] = [];
  const comingIn = (async () => {
    while (!over) {
      const told = await askPath(limpet.port, '/').catch((error: Error) => ({
        status: 0,
        body: error.message,
      }));
      newcomers.push(told.status === 200 ? told.body : `failed: ${told.status} ${told.body}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  /** How long it took from its being back to its being trusted, ms. */
  const waitsMs: number[] = [];
  for (let flap = 1; flap <= FLAPS; flap++) {
    await stopProcess(upstreams[HARMED]!.child);
    // In the first rounds the traffic finds it; later it may still be out from the last time.
    await until('it is out', async () => (await observed(limpet, 'app0')) !== 'up');
    upstreams[HARMED] = await startDrillUpstream(upstreams[HARMED]!.port, HARMED, null);
    if (flap > 3) continue;
    const backMs = Date.now();
    await until('it is trusted again', async () => (await observed(limpet, 'app0')) === 'up');
    waitsMs.push(Date.now() - backMs);
  }
  const load = await running;
  t.strictSame(load.failures, [], 'no GET failed');
  t.strictSame(
    load.moves.filter(({ from }) => from !== HARMED),
    [],
    'only users of the one that died were moved',
  );
  t.ok(load.moves.length > 0, 'they were');
  t.ok(load.answered >= 3000, 'the load was as steady as asked for');
  t.ok(waitsMs[0]! < 1000, `trusted at once the first time: ${waitsMs}`);
  t.ok(waitsMs[1]! > 800 && waitsMs[2]! > waitsMs[1]! + 500, `later each time: ${waitsMs}`);
  const backMs = Date.now();
  await until('it is back in the end', async () => (await observed(limpet, 'app0')) === 'up');
  t.ok(Date.now() - backMs < 10_000, 'in bounded time');
  const before = newcomers.length;
  await until('it takes new users', () =>
    newcomers.slice(before).some((body) => body.startsWith(HARMED_SAYS)),
  );
  over = true;
  await comingIn;
  t.strictSame(
    newcomers.filter((body) => body.startsWith('failed')),
    [],
    'no newcomer was turned away',
  );
});

async function usersOf(limpet: RunningLimpet, name: string): Promise<number> {
  const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as {
    name: string;
    users: number;
  }[];
  return all.find((upstream) => upstream.name === name)!.users;
}

t.test(
  'one that keeps failing stays out twice as long each time, up to the bound, and returns',
  async (t) => {
    const well = await startNamedApp('well', t);
    const ill = await startNamedApp('ill', t);
    ill.answer = (_request, response) => {
      response.writeHead(500);
      response.end();
    };
    const limpet = await startLimpet(
      {
        upstreams: [well, ill].map(({ name, url }) => ({ name, url })),
        health: {
          ...calm,
          passive: { errors: 3, ejectFor: '150ms', maxEjectFor: '600ms', statuses: ['500-599'] },
        },
        retries: { statuses: ['500-599'] },
        log: { format: 'json' },
      },
      { owner: t },
    );
    const ejections = () => changes(limpet, 'ill').filter(({ to }) => to === 'ejected');
    const returns = () => changes(limpet, 'ill').filter(({ to }) => to === 'up');
    for (let n = 1; n <= 5; n++) {
      await until(`ejection ${n}`, async () => {
        t.equal((await askPath(limpet.port, '/')).status, 200, 'tried elsewhere');
        return ejections().length === n;
      });
      await until(`return ${n}`, () => returns().length === n);
    }
    t.same(
      ejections().map(({ why }) => /out for (.*)$/.exec(why)?.[1]),
      ['150ms', '300ms', '600ms', '600ms', '600ms'],
    );
    ejections().forEach(({ atMs }, i) => {
      const outMs = returns()[i]!.atMs - atMs;
      t.ok(outMs >= [150, 300, 600, 600, 600][i]! - 20, `it was out for ${outMs} ms`);
    });
    ill.answer = (_request, response) => void response.end('ill no more');
    await until('it serves again', async () => (await askPath(limpet.port, '/')).body === 'ill no more');
  },
);
