// Redis behind a sentinel, and as a cluster, fails over under the sessions of an Express app: nobody is logged out, look-ups go on.
import t, { type Test } from 'tap';
import { metric } from '../kit/limpet.ts';
import { type FailOver, startCluster, startWatchedPair } from '../kit/redis-fail-over.ts';
import { until } from '../kit/store-drill.ts';
import { allTold, startAwayWorld, steadyUsers, wrongs } from './store-away.ts';

async function failOver(t: Test, store: FailOver): Promise<void> {
  const world = await startAwayWorld(t, store.url, store.url, {
    asked: { cache: { ttl: '200ms', push: false } },
    pushed: { cache: { ttl: '200ms' } },
  });
  const { limpet } = world;
  const ready = async (): Promise<number> => (await fetch(`${limpet.adminUrl}/readyz`)).status;
  const users = await steadyUsers(world, 12, 'asked');
  const pushed = await steadyUsers(world, 6, 'pushed');
  const leaver = await world.login('leaver');
  t.equal((await leaver.ask('/told', 'asked')).verdict, 'valid');
  await leaver.ask('/logout', 'asked');
  await until(async () => (await leaver.ask('/told', 'asked')).code === 'session.none');
  await store.copied();
  const states = new Set<number>();
  const verdicts = new Set<string>();
  await store.master.child.kill('SIGKILL');
  await until(async () => {
    states.add(await ready());
    verdicts.add((await leaver.ask('/told', 'asked')).verdict);
    return (await metric(limpet, 'limpet_session_stale_total')) > 0;
  });
  await store.replaced();
  await allTold([...users, ...pushed], 'valid');
  t.same(states, new Set([200]), 'Limpet stays ready, since nothing else was asked for');
  t.notOk(
    [...verdicts].some((verdict) => verdict.startsWith('valid')),
    'who had logged out is not let in',
  );
  await until(async () => (await leaver.ask('/told', 'asked')).code === 'session.none');
  const fresh = await world.login('fresh');
  for (const host of ['asked', 'pushed'])
    await until(async () => (await fresh.ask('/told', host)).user === 'fresh');
  const all = [...users, ...pushed];
  const count = all.reduce((sum, { asked }) => sum + asked.length, 0);
  const stale = all.reduce(
    (sum, { asked }) => sum + asked.filter(({ verdict }) => verdict !== 'valid').length,
    0,
  );
  t.same(
    wrongs(all),
    [],
    `none of ${count} requests was refused or did not know its user; ${stale} by an old verdict`,
  );
  t.comment(`${count} requests, ${stale} by an old verdict`);
}

t.test('a master behind a sentinel dies', async (t) => {
  await failOver(t, await startWatchedPair(t));
});

t.test('a master of a cluster dies', async (t) => {
  await failOver(t, await startCluster(t));
});
