// `limpet routes`: where requests are led; and, by a further word, how the users of a canary's route are shared out.
import { parseArgs } from 'node:util';
import type { AdminClient } from '../admin/client.ts';
import type { RouteView } from '../admin/view.ts';
import { nearest } from '../config/nearest.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling, UsageError } from './admin-access.ts';
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
  const [word = '', ...rest] = argv;
  if (word !== 'split') return telling('routes', io, () => all(argv, io));
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
  const weights = Object.fromEntries(written.map(readWeight));
  const admin = adminOf(values.admin, io);
  const routes = await routesOf(admin);
  const before = routes.find((route) => route.name === name);
  if (before === undefined) {
    const names = routes.map((route) => route.name);
    const right = nearest(name, names) ?? names.join(', ');
    throw new UsageError(`there is no route ${JSON.stringify(name)}`, shown(right));
  }
  const path = `/api/v1/routes/${encodeURIComponent(name)}`;
  const after = (await admin.change('PATCH', path, { weights })) as RouteView; // contract (src/admin/view.ts)
  print(io, values.json, after, () => sharesInWords(after));
  return 0;
}

function readWeight(written: string): [pool: string, weight: number] {
  const match = /^([^=]+)=(\d{1,7})$/.exec(written);
  if (match === null) throw new UsageError(`${JSON.stringify(written)} is no weight of a pool`, 'v2=10');
  return [match[1]!, Number(match[2])];
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
