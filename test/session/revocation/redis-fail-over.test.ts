// Revocations in a Redis cluster and behind sentinels: what was ordered before, during and after a fail-over is in force everywhere.
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { until } from '../../kit/named-app.ts';
import { type FailOver, startCluster, startWatchedPair } from '../../kit/redis-fail-over.ts';
import { session, startReplica } from './replica.ts';

/** Kills the master and looks at two replicas the while. */
async function failOver(t: Test, redis: FailOver, prefix: string): Promise<void> {
  const one = await startReplica(redis.url, prefix, t);
  const two = await startReplica(redis.url, prefix, t);
  await until('both are in touch', () => one.registry.state.synced && two.registry.state.synced);
  t.ok((await one.revoke(session('before'))).shared);
  await until('it arrives', () => two.ends('before'));
  await redis.copied();
  await redis.master.child.kill('SIGKILL');
  await one.revoke(session('during'));
  t.ok(one.ends('during') && one.ends('before') && two.ends('before'));
  await redis.replaced();
  await until('it arrives', () => two.ends('during'));
  await until('both are in touch', () => one.registry.state.synced && two.registry.state.synced);
  await until('what is ordered is shared at once', async () => (await two.revoke(session('after'))).shared);
  await until('it arrives', () => one.ends('after'));
  const late = await startReplica(redis.url, prefix, t);
  for (const name of ['before', 'during', 'after']) t.ok(late.ends(name), name);
  t.equal((await late.registry.page(10, null)).records.length, 3);
}

t.test('a cluster', async (t) => {
  const redis = await startCluster(t);
  const node = new Redis({ port: redis.master.port, host: '127.0.0.1' });
  t.teardown(() => node.disconnect());
  // The keys must be on the master that will die, which has the first third of the slots.
  let prefix = 'limpet';
  for (let i = 0; Number(await node.cluster('KEYSLOT', `{${prefix}}`)) > 5000; i++) prefix = `limpet${i}`;
  node.on('error', () => {});
  await failOver(t, redis, prefix);
});

t.test('a sentinel', async (t) => {
  await failOver(t, await startWatchedPair(t), 'limpet');
});
