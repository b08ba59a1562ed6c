// `limpet routes`: where requests are led; and, by a further word, how the users of a canary's route are shared out.
import { parseArgs } from 'node:util';
import type { AdminClient } from '../admin/client.ts';
import type { RouteView } from '../admin/view.ts';
import {
  ADMIN_HELP,
  ADMIN_OPTIONS,
  adminOf,
  likelyOf,
  print,
  telling,
  UsageError,
  wordIn,
} from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { type Cell, shown, table } from './table.ts';

export const HELP = `limpet routes [--admin URL] [--json]
limpet routes split ROUTE POOL=WEIGHT ...

Alone: every route, and what was answered by each of its pools.

  split  shares the users of a route with several \`pools\` out otherwise: limpet routes split / v1=90 v2=10
         Pools that are not named keep their weight. Each user has his side, and changes it only as far as
         the weights ask for it. In force in all workers when this returns, until the file says something else

${ADMIN_HELP}
Exit code: 0 done, 1 not.
`;

const USAGE = 'limpet routes split ROUTE POOL=WEIGHT';

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  const [word, rest] = wordIn(argv, ['split']);
  if (word === '') return telling('routes', io, () => all(argv, io));
  return telling('routes split', io, () => split(rest, io));
}

/** Every route, as the API tells it. */
export async function routesOf(admin: AdminClient): Promise<readonly RouteView[]> {
  const list = await admin.read('/api/v1/routes');
  if (!Array.isArray(list)) throw admin.stranger();
  return list as RouteView[]; // the fields are contract (src/admin/view.ts)
}

async function all(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  if (positionals.length > 0)
    throw new UsageError(`there is no ${JSON.stringify(positionals[0])} of routes`, USAGE);
  const told = await routesOf(adminOf(values.admin, io));
  print(io, values.json, told, () => inWords(told));
  return 0;
}

async function split(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const [name, ...written] = positionals;
  if (name === undefined || written.length === 0)
    throw new UsageError('a route and the weight of a pool are needed', USAGE);
  const wanted = written.map(readWeight);
  const admin = adminOf(values.admin, io);
  const routes = await routesOf(admin);
  const before = routes.find((route) => route.name === name);
  if (before === undefined) {
    const names = routes.map((route) => route.name);
    throw new UsageError(`there is no route ${JSON.stringify(name)}`, likelyOf(name, names));
  }
  const weights = weightsFor(before, wanted, routes);
  const path = `/api/v1/routes/${encodeURIComponent(name)}`;
  const after = (await admin.change('PATCH', path, { weights })) as RouteView; // contract (src/admin/view.ts)
  print(io, values.json, after, () => sharesInWords(after));
  return 0;
}

type Weight = readonly [pool: string, weight: number];

/** As the schema of the config has it. */
const WEIGHT_MAX = 1_000_000;

function readWeight(written: string): Weight {
  const match = /^([^=]+)=(\d{1,7})$/.exec(written);
  const weight = Number(match?.[2]);
  if (match === null || weight > WEIGHT_MAX)
    throw new UsageError(
      `${JSON.stringify(written)} is no weight of a pool`,
      `v2=10; 0 to ${WEIGHT_MAX.toLocaleString('en')}`,
    );
  return [match[1]!, weight];
}

/** What is asked of the API. Throws a UsageError where the route has no such pools, a pool is named twice, or none would have any. */
function weightsFor(
  route: RouteView,
  wanted: readonly Weight[],
  routes: readonly RouteView[],
): Readonly<Record<string, number>> {
  const label = JSON.stringify(route.name);
  if (route.does !== 'split') {
    const splits = routes.filter(({ does }) => does === 'split').map(({ name }) => name);
    throw new UsageError(
      `the users of route ${label} are not shared out between pools`,
      splits.length > 0 ? likelyOf(route.name, splits) : '`pools` with weights at a route of the config',
    );
  }
  const sides = route.pools.map(({ pool }) => pool);
  const named = new Set<string>();
  for (const [pool] of wanted) {
    if (!sides.includes(pool))
      throw new UsageError(`route ${label} has no pool ${JSON.stringify(pool)}`, likelyOf(pool, sides));
    if (named.has(pool)) throw new UsageError(`pool ${JSON.stringify(pool)} is named twice`, USAGE);
    named.add(pool);
  }
  const weights = Object.fromEntries(wanted);
  if (route.pools.every(({ pool, weight }) => (weights[pool] ?? weight) === 0))
    throw new UsageError(`no pool of route ${label} would have any weight`, 'one of them above 0');
  return weights;
}

/** A line for each pool of each route. */
function inWords(routes: readonly RouteView[]): string {
  const rows = routes.flatMap(({ name, does, sessions, pools }): Cell[][] => {
    const first = [name, does, sessions.join(', ') || '-'];
    if (pools.length === 0) return [[...first, '-', '-', '-', '-']];
    return pools.map(({ pool, weight, requests, failures }, at) => [
      ...(at === 0 ? first : ['', '', '']),
      pool,
      weight ?? '-',
      requests,
      failures,
    ]);
  });
  return table(['ROUTE', 'DOES', 'SESSION', 'POOL', 'WEIGHT', 'REQUESTS', 'FAILURES'], rows);
}

/** `/: v1 90 (90 %), v2 10 (10 %)`. */
function sharesInWords({ name, pools }: RouteView): string {
  const sum = pools.reduce((total, { weight }) => total + (weight ?? 0), 0);
  const shares = pools.map(({ pool, weight }) => {
    const percent = (100 * (weight ?? 0)) / sum;
    return `${pool} ${weight} (${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)} %)`;
  });
  return `${shown(name)}: ${shown(shares.join(', '))}\n`;
}
