// Who is chosen: turns by weight, the least busy, of two by chance, the quicker one, backups last, newcomers little by little.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import {
  type Answer,
  askPath,
  calm,
  type NamedApp,
  sayName,
  startNamedApp,
  type Told,
  until,
} from '../kit/named-app.ts';

const apps: NamedApp[] = [];
for (const name of ['alpha', 'bravo', 'charlie', 'delta']) apps.push(await startNamedApp(name, t));
const [alpha, bravo, charlie, delta] = apps as [NamedApp, NamedApp, NamedApp, NamedApp];
const spec = ({ name, url }: NamedApp, more: object = {}) => ({ name, url, ...more });
const all = apps.map((app) => spec(app));
const quick = { ...calm, passive: { ejectFor: '200ms' } };
const pools: Record<string, object> = {
  turns: { upstreams: [spec(alpha, { weight: 5 }), spec(bravo), spec(charlie), spec(delta, { weight: 3 })] },
  none: { upstreams: [spec(alpha, { weight: 0 }), spec(bravo, { weight: 2 }), spec(charlie)] },
  rest: { upstreams: all.slice(0, 3), health: quick },
  least: { balance: 'least-connections', upstreams: all },
  heavy: { balance: 'least-connections', upstreams: [spec(alpha, { weight: 3 }), spec(bravo)] },
  random: { balance: 'random', upstreams: all.slice(0, 3) },
  ewma: { balance: 'peak-ewma', upstreams: all.slice(0, 3) },
  backed: {
    upstreams: [spec(alpha), spec(bravo), spec(charlie, { backup: true }), spec(delta, { backup: true })],
    health: quick,
  },
  slow: { upstreams: all.slice(0, 2), slowStart: '2s', health: quick },
};
const limpet = await startLimpet({
  workers: 2,
  routes: Object.keys(pools).map((pool) => ({ path: `/${pool}`, pool })),
  pools: Object.fromEntries(Object.entries(pools).map(([name, pool]) => [name, { health: calm, ...pool }])),
});

/** Asks `times`, some at once, each on a connection of its own, so that both workers have their part. */
async function count(pool: string, times: number, together = 8): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let left = times; left > 0; left -= together) {
    const batch = Array.from({ length: Math.min(together, left) }, () => askPath(limpet.port, `/${pool}`));
    for (const told of await Promise.all(batch)) {
      if (told.status !== 200) throw new Error(`${pool}: ${told.status} ${told.body}`);
      counts[told.body] = (counts[told.body] ?? 0) + 1;
    }
  }
  return counts;
}
interface View {
  readonly pool: string;
  readonly name: string;
  readonly observed: string;
}
const becomes = (pool: string, name: string, observed: string): Promise<void> =>
  until(`${pool}/${name} is ${observed}`, async () => {
    const views = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as View[];
    return views.some((u) => u.pool === pool && u.name === name && u.observed === observed);
  });
const patch = async (pool: string, name: string, change: object): Promise<void> => {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/upstreams/${pool}/${name}`, {
    method: 'PATCH',
    body: JSON.stringify(change),
    headers: { 'content-type': 'application/json' },
  });
  if (!answer.ok) throw new Error(await answer.text());
};

/** Makes apps keep their answers back until they are let go. */
function hold(held: readonly NamedApp[]): { counts(): number[]; letGo(): void } {
  const waiting = held.map((app) => {
    const responses: ServerResponse[] = [];
    app.answer = (request, response) => {
      // A probe is answered: the app is busy, not hung.
      if (request.method === 'OPTIONS') response.end();
      else responses.push(response);
    };
    return responses;
  });
  return {
    counts: () => waiting.map((responses) => responses.length),
    letGo: () => {
      for (const [i, app] of held.entries()) {
        app.answer = sayName;
        for (const response of waiting[i]!.splice(0)) response.end(app.name);
      }
    },
  };
}
/** Sends `times` requests one by one, each when the one before has arrived, and gives where they are held. */
async function fill(pool: string, held: readonly NamedApp[], times: number): Promise<number[]> {
  const { counts, letGo } = hold(held);
  const asked: Promise<Told>[] = [];
  const sum = (): number => counts().reduce((a, b) => a + b, 0);
  for (let i = 0; i < times; i++) {
    asked.push(askPath(limpet.port, `/${pool}`));
    await until('it arrived', () => sum() === i + 1);
  }
  const found = counts();
  letGo();
  for (const told of await Promise.all(asked)) if (told.status !== 200) throw new Error(told.body);
  return found;
}

t.test('turns are taken exactly by weight, over both workers, however many ask at once', async (t) => {
  t.strictSame(await count('turns', 50), { alpha: 25, bravo: 5, charlie: 5, delta: 15 });
  t.strictSame(
    await count('turns', 10, 1),
    { alpha: 5, bravo: 1, charlie: 1, delta: 3 },
    'and in each round',
  );
  t.strictSame(await count('none', 30), { bravo: 20, charlie: 10 }, 'weight 0 has no turn');
});

t.test('a weight set by the operator holds at once, in both workers', async (t) => {
  await patch('none', 'alpha', { weight: 3 });
  t.strictSame(await count('none', 60), { alpha: 30, bravo: 20, charlie: 10 });
  await patch('none', 'bravo', { weight: 0 });
  t.strictSame(await count('none', 40), { alpha: 30, charlie: 10 });
});

t.test('the turns of one that is out are shared by the others alike', async (t) => {
  await bravo.stop();
  await until('bravo is out', async () => (await count('rest', 3)).bravo === undefined);
  await becomes('rest', 'bravo', 'ejected');
  t.strictSame(await count('rest', 20), { alpha: 10, charlie: 10 });
  await bravo.start();
  await becomes('rest', 'bravo', 'up');
  t.strictSame(await count('rest', 30), { alpha: 10, bravo: 10, charlie: 10 });
});

t.test('least-connections counts what is in flight over both workers, by weight', async (t) => {
  t.strictSame(await fill('least', apps, 14).then((counts) => counts.sort()), [3, 3, 4, 4]);
  t.strictSame(await fill('heavy', [alpha, bravo], 12), [9, 3]);
});

t.test('least-connections gives those that are equally idle their turns', async (t) => {
  const counts = await count('least', 40, 1);
  for (const { name } of apps) t.ok((counts[name] ?? 0) >= 5, `${name}: ${counts[name]}`);
});

t.test('random spreads, and shuns the busy', async (t) => {
  const counts = await count('random', 150);
  // 50 each; below 25 or above 75 would be four standard deviations off.
  for (const app of [alpha, bravo, charlie])
    t.ok(counts[app.name]! >= 25 && counts[app.name]! <= 75, `${app.name}: ${counts[app.name]}`);
  const { counts: held, letGo } = hold([alpha]);
  const stuck: Promise<Told>[] = [];
  for (let i = 0; i < 60; i++) {
    const before = held()[0]!;
    let answered = false;
    const asked = askPath(limpet.port, '/random').finally(() => {
      answered = true;
    });
    stuck.push(asked);
    await until('it is answered or held', () => answered || held()[0]! > before);
  }
  t.strictSame(held(), [1], 'one that owes an answer is given no second request while others are idle');
  letGo();
  t.ok((await Promise.all(stuck)).every((told) => told.status === 200));
});

t.test('peak-ewma sends nearly everything to the quick ones', async (t) => {
  const after =
    (ms: number): Answer =>
    (request, response, name) => {
      if (request.method === 'OPTIONS') response.end();
      else setTimeout(() => response.end(name), ms);
    };
  charlie.answer = after(150);
  await count('ewma', 24, 8);
  const counts = await count('ewma', 120, 4);
  charlie.answer = sayName;
  t.ok((counts.charlie ?? 0) <= 12, `the slow one had ${counts.charlie ?? 0} of 120`);
  t.ok(counts.alpha! >= 20 && counts.bravo! >= 20, `the quick ones ${counts.alpha} and ${counts.bravo}`);
});

t.test(
  'backups serve when the last primary is gone, share by turns, and rest when one is back',
  async (t) => {
    t.strictSame(Object.keys(await count('backed', 12)).sort(), ['alpha', 'bravo']);
    await alpha.stop();
    t.strictSame(await count('backed', 12), { bravo: 12 }, 'one primary is enough');
    await bravo.stop();
    const counts = await count('backed', 24);
    t.strictSame(Object.keys(counts).sort(), ['charlie', 'delta']);
    await becomes('backed', 'alpha', 'ejected');
    await becomes('backed', 'bravo', 'ejected');
    t.strictSame(await count('backed', 20), { charlie: 10, delta: 10 });
    await alpha.start();
    await becomes('backed', 'alpha', 'up');
    t.strictSame(await count('backed', 12), { alpha: 12 });
    await bravo.start();
    for (const pool of ['backed', 'rest', 'slow']) await becomes(pool, 'bravo', 'up');
  },
);

t.test('slow start: who comes back begins with a small share that grows to all of it', async (t) => {
  await alpha.stop();
  await until('alpha is out', async () => (await count('slow', 4)).alpha === undefined);
  await becomes('slow', 'alpha', 'ejected');
  await alpha.start();
  await becomes('slow', 'alpha', 'up');
  const begun = Date.now();
  const shares: { atMs: number; share: number }[] = [];
  do {
    const counts = await count('slow', 22);
    shares.push({ atMs: Date.now() - begun, share: (counts.alpha ?? 0) / 22 });
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (Date.now() - begun < 2500);
  const mean = (from: number, to: number): number => {
    const of = shares.filter(({ atMs }) => atMs >= from && atMs < to);
    return of.reduce((sum, { share }) => sum + share, 0) / of.length;
  };
  const [early, middle, late] = [mean(0, 600), mean(800, 1400), mean(2200, 3000)];
  t.ok(early < 0.3 && early > 0, `a small share first: ${early}`);
  t.ok(middle > early && middle < 0.48, `then more: ${middle}`);
  t.ok(Math.abs(late - 0.5) < 0.05, `all of it in the end: ${late}`);
});
