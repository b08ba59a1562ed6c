// Redis that fails over: a cluster of masters with a replica each, and a master with its replica under the eyes of a sentinel.
import { Redis } from 'ioredis';
import type { Owner } from './child.ts';
import { freePort } from './ports.ts';
import { until } from './store-drill.ts';
import { type StoreServer, startRedis, startSentinel } from './store-servers.ts';

/** One that can be killed, and one that takes its place. */
export interface FailOver {
  /** As Limpet's `store` is written. */
  readonly url: string;
  readonly master: StoreServer;
  /** All that was written so far is on the replicas too: copying is not instant, and a fail-over loses what was not. */
  copied(): Promise<void>;
  /** Resolves when another one has taken the master's place. */
  replaced(): Promise<void>;
}

const SLOTS = 16_384;
/** Servers that are starved elect slowly, ms. */
const PATIENCE_MS = 30_000;

function clientOf(owner: Owner, { port }: StoreServer): Redis {
  const client = new Redis({ port, host: '127.0.0.1' });
  client.on('error', () => {});
  owner.teardown(() => client.disconnect());
  return client;
}

const offsetIn = async (client: Redis, name: string): Promise<number> =>
  Number(new RegExp(`${name}:(\\d+)`).exec(await client.info('replication'))?.[1]);

async function copied(master: Redis, replica: Redis): Promise<void> {
  const written = await offsetIn(master, 'master_repl_offset');
  await until(async () => (await offsetIn(replica, 'slave_repl_offset')) >= written, PATIENCE_MS);
}

const follows = (replica: Redis): Promise<void> =>
  until(async () => /master_link_status:up/.test(await replica.info('replication')), PATIENCE_MS);
const leads = async (replica: Redis): Promise<boolean> =>
  /role:master/.test(await replica.info('replication'));

/** Takes a master for dead after half a second. */
export async function startWatchedPair(owner: Owner): Promise<FailOver> {
  const master = await startRedis(owner);
  const replica = await startRedis(owner, ['--replicaof', `127.0.0.1 ${master.port}`]);
  const [first, second] = [clientOf(owner, master), clientOf(owner, replica)];
  await follows(second);
  const sentinel = await startSentinel(owner, master.port, null, [
    'sentinel down-after-milliseconds shop 500',
    'sentinel failover-timeout shop 3000',
  ]);
  const watcher = clientOf(owner, sentinel);
  await until(async () => /slaves=1/.test(await watcher.info('sentinel')), PATIENCE_MS);
  return {
    url: `redis+sentinel://127.0.0.1:${sentinel.port}/shop`,
    master,
    copied: () => copied(first, second),
    replaced: () => until(() => leads(second), PATIENCE_MS),
  };
}

/** Three masters with a replica each, which take one another for dead after a second. `master` is the first. */
export async function startCluster(owner: Owner): Promise<FailOver> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'];
  const nodes: StoreServer[] = [];
  const buses: number[] = [];
  for (let i = 0; i < 6; i++) {
    // Else it is the port and 10,000, which may be another's.
    const bus = await freePort();
    buses.push(bus);
    nodes.push(await startRedis(owner, [...options, '--cluster-port', `${bus}`]));
  }
  const clients = nodes.map((node) => clientOf(owner, node));
  const [masters, replicas] = [clients.slice(0, 3), clients.slice(3)];
  for (const [i, master] of masters.entries()) {
    const from = Math.ceil((SLOTS * i) / 3);
    await master.cluster('ADDSLOTSRANGE', from, Math.ceil((SLOTS * (i + 1)) / 3) - 1);
    await master.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  }
  // Each meets each: word of the others alone takes them seconds.
  for (const [i, client] of clients.entries())
    for (let j = i + 1; j < nodes.length; j++)
      await client.call('CLUSTER', 'MEET', '127.0.0.1', nodes[j]!.port, buses[j]!);
  for (const [i, replica] of replicas.entries()) {
    const id = String(await masters[i]!.cluster('MYID'));
    await until(async () => (await replica.cluster('REPLICATE', id).catch(() => '')) === 'OK', PATIENCE_MS);
  }
  for (const client of clients) {
    await until(
      async () => /cluster_state:ok[\s\S]*cluster_known_nodes:6/.test(String(await client.cluster('INFO'))),
      PATIENCE_MS,
    );
    // Three ranges of slots, each with a master and its replica.
    await until(async () => {
      const ranges = (await client.cluster('SLOTS')) as unknown[][]; // from, to, master, replica
      return ranges.length === 3 && ranges.every((range) => range.length === 4);
    }, PATIENCE_MS);
  }
  for (const replica of replicas) await follows(replica);
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    master: nodes[0]!,
    copied: async () => {
      for (const [i, master] of masters.entries()) await copied(master, replicas[i]!);
    },
    replaced: async () => {
      await until(() => leads(replicas[0]!), PATIENCE_MS);
      for (const client of clients.slice(1))
        await until(async () => /cluster_state:ok/.test(String(await client.cluster('INFO'))), PATIENCE_MS);
    },
  };
}
