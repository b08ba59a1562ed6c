// A store that comes back is not thrown down again by all who waited: what is on the wire to a real Redis is counted.
import t from 'tap';
import { faultKind, openTestStore, until, value } from '../../kit/store-drill.ts';
import { StoreProxy } from '../../kit/store-proxy.ts';
import { startRedis } from '../../kit/store-servers.ts';

t.test('after an outage a sixteenth of the places is used first, and one more for each answer', async (t) => {
  const redis = await startRedis(t);
  const proxy = await StoreProxy.open(t, redis.port);
  const store = await openTestStore(t, `redis://127.0.0.1:${proxy.port}`, { deadlineMs: 2000 });
  await until(async () => (await faultKind(store, value('first'))) === 'none');
  let asked = 0;
  const crowd = (many: number): Promise<string[]> =>
    Promise.all(Array.from({ length: many }, () => faultKind(store, value(`k${++asked}`))));
  let most = 0;
  proxy.onLookup = () => (most = Math.max(most, proxy.inFlight));
  proxy.delayMs = 20;
  t.same(new Set(await crowd(500)), new Set(['none']));
  t.ok(most > 50, `before, a crowd takes all places at once: ${most} on the wire`);

  await proxy.refuse();
  await until(async () => (await faultKind(store, value(`gone ${++asked}`))) === 'down' && !store.state.up);
  most = 0;
  const excess: number[] = [];
  let first = -1;
  proxy.onLookup = () => {
    most = Math.max(most, proxy.inFlight);
    if (proxy.answered === 0) first = Math.max(first, proxy.inFlight);
    excess.push(proxy.inFlight - proxy.answered);
  };
  await proxy.accept();
  await until(() => store.state.up);
  const kinds = await crowd(500);
  t.same(new Set(kinds), new Set(['none']), 'nobody is turned away whose turn comes in time');
  t.ok(first >= 1 && first <= 7, `before the first answer ${first} were on the wire`);
  t.ok(Math.max(...excess) <= 7, `at no time more than 7 and one for each answer: ${Math.max(...excess)}`);
  t.ok(most > 50, `and in the end all places again: ${most} on the wire`);
});
