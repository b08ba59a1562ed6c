// `limpet pools`: every pool of a running Limpet in a line; and, by a further word, all of its instances by one call.
import { parseArgs } from 'node:util';
import type { UpstreamView } from '../admin/view.ts';
import {
  ADMIN_HELP,
  ADMIN_OPTIONS,
  adminOf,
  likelyOf,
  noSuchWord,
  print,
  telling,
  UsageError,
  wordIn,
} from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { shown, table } from './table.ts';
import { upstreamsOf } from './upstream-name.ts';

export const HELP = `limpet pools [--admin URL] [--json]
limpet pools maintenance POOL
limpet pools drain POOL
limpet pools enable POOL

Alone: every pool, what is wanted of its instances, how many of them are up, and how busy it is.

  maintenance  nobody is sent there: the pool's page of maintenance is shown, or 503; a canary's users go to the other side
  drain        its instances keep their users and take no new ones
  enable       all of its instances take part again

A word is in force at once, in all workers, until the process ends.

${ADMIN_HELP}
Exit code: 0 done, 1 not.
`;

/** All that can be wanted of an instance. */
const WORDS = ['ready', 'drain', 'maintenance'] as const;
const WANTED = { maintenance: 'maintenance', drain: 'drain', enable: 'ready' } as const;

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  const [word, rest] = wordIn(argv, Object.keys(WANTED));
  if (!Object.hasOwn(WANTED, word)) return telling('pools', io, () => all(argv, io));
  return telling(`pools ${word}`, io, () => change(word as keyof typeof WANTED, rest, io)); // asked above
}

async function all(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const [word] = positionals;
  if (word !== undefined) throw noSuchWord('pools', word, Object.keys(WANTED));
  const told = summed(await upstreamsOf(adminOf(values.admin, io)));
  print(io, values.json, told, () => inWords(told));
  return 0;
}

async function change(word: keyof typeof WANTED, argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const [pool] = positionals;
  if (pool === undefined || positionals.length !== 1)
    throw new UsageError('one pool is needed', `limpet pools ${word} POOL`);
  const admin = adminOf(values.admin, io);
  const upstreams = await upstreamsOf(admin);
  const before = upstreams.filter((upstream) => upstream.pool === pool);
  if (before.length === 0) {
    const names = [...new Set(upstreams.map((upstream) => upstream.pool))];
    throw new UsageError(`there is no pool ${JSON.stringify(pool)}`, likelyOf(pool, names));
  }
  const path = `/api/v1/pools/${encodeURIComponent(pool)}`;
  const after = (await admin.change('PATCH', path, { wanted: WANTED[word] })) as UpstreamView[]; // contract (src/admin/view.ts)
  print(io, values.json, after, () => changeInWords(pool, WANTED[word], before));
  return 0;
}

/** `v1: maintenance, was ready (2 instances)`. */
function changeInWords(pool: string, wanted: string, before: readonly UpstreamView[]): string {
  const was = WORDS.map((word) => ({ word, count: countOf(before, word) })).filter(({ count }) => count > 0);
  const asBefore = was.length === 1 && was[0]!.word === wanted;
  const old = was.length === 1 ? was[0]!.word : was.map(({ word, count }) => `${count} ${word}`).join(', ');
  const change = asBefore ? `${wanted} as before` : `${wanted}, was ${old}`;
  return `${shown(pool)}: ${change} (${before.length} ${before.length === 1 ? 'instance' : 'instances'})\n`;
}

function countOf(upstreams: readonly UpstreamView[], word: UpstreamView['wanted']): number {
  return upstreams.filter(({ wanted }) => wanted === word).length;
}

interface PoolSum {
  readonly pool: string;
  readonly instances: number;
  readonly ready: number;
  readonly drain: number;
  readonly maintenance: number;
  readonly up: number;
  readonly users: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly failures: number;
}

const HEADS = [
  'POOL',
  'INSTANCES',
  'READY',
  'DRAIN',
  'MAINTENANCE',
  'UP',
  'USERS',
  'IN FLIGHT',
  'REQUESTS',
  'FAILURES',
];

function inWords(pools: readonly PoolSum[]): string {
  if (pools.length === 0) return 'no pool has an upstream\n';
  const rows = pools.map((one) => [
    one.pool,
    one.instances,
    one.ready,
    one.drain,
    one.maintenance,
    one.up,
    one.users,
    one.inFlight,
    one.requests,
    one.failures,
  ]);
  return table(HEADS, rows);
}

/** In the order of the API. */
function summed(upstreams: readonly UpstreamView[]): PoolSum[] {
  const pools = [...new Set(upstreams.map(({ pool }) => pool))];
  return pools.map((pool): PoolSum => {
    const own = upstreams.filter((upstream) => upstream.pool === pool);
    const sum = (of: (upstream: UpstreamView) => number): number =>
      own.reduce((all, one) => all + of(one), 0);
    return {
      pool,
      instances: own.length,
      ready: countOf(own, 'ready'),
      drain: countOf(own, 'drain'),
      maintenance: countOf(own, 'maintenance'),
      up: own.filter(({ observed }) => observed === 'up').length,
      users: sum(({ users }) => users),
      inFlight: sum(({ inFlight }) => inFlight),
      requests: sum(({ requests }) => requests),
      failures: sum(({ failures }) => failures),
    };
  });
}
