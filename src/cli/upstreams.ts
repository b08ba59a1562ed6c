// `limpet upstreams`: every instance of a running Limpet; and, by a further word, the operator's hand on one of them.
import { parseArgs } from 'node:util';
import type { UpstreamView } from '../admin/view.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, noSuchWord, print, telling, wordIn } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { COMMANDS } from './commands.ts';
import { type Cell, shown, table } from './table.ts';
import { upstreamsOf } from './upstream-name.ts';
import * as change from './upstreams-change.ts';

export const HELP = `limpet upstreams [--admin URL] [--json]
limpet upstreams drain POOL/NAME [--deadline DURATION] [--wait]
limpet upstreams enable POOL/NAME
limpet upstreams disable POOL/NAME [--wait]
limpet upstreams weight POOL/NAME N

Alone: every instance, what is wanted of it, what health sees, and how busy it is.

  drain    it keeps its users and takes no new ones
  enable   takes part again; a drain and its deadline are taken back
  disable  nobody is sent there: its users move, what is under way finishes (maintenance)
  weight   its share of new users beside the others of its pool, 0 to 1000; 0: none

A word is in force at once, in all workers, until the process ends. NAME alone will do where one pool only has it.

      --deadline DURATION  with drain: after so long it goes into maintenance, and who is left moves; 90s, 30m, 2h
      --wait               returns when it is free: nothing is under way there, and, with drain, no user has
                           asked for anything for as long as \`admin.userWindow\` looks back (5m). Shows who is left
${ADMIN_HELP}
Exit code: 0 done, and with --wait, free; 1 not.
`;

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  const [word, rest] = wordIn(argv, Object.keys(COMMANDS.upstreams.words));
  if (change.isWord(word)) {
    if (rest.includes('--help') || rest.includes('-h')) {
      io.stdout(HELP);
      return Promise.resolve(0);
    }
    return telling(`upstreams ${word}`, io, () => change.run(word, rest, io));
  }
  return telling('upstreams', io, () => all(argv, io));
}

async function all(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const [word] = positionals;
  if (word !== undefined) throw noSuchWord('upstreams', word, Object.keys(COMMANDS.upstreams.words));
  const told = await upstreamsOf(adminOf(values.admin, io));
  print(io, values.json, told, () => inWords(told));
  return 0;
}

const COLUMNS: readonly (readonly [head: string, cell: (upstream: UpstreamView) => Cell])[] = [
  ['POOL', ({ pool }) => pool],
  ['NAME', ({ name }) => name],
  ['WANTED', ({ wanted }) => wanted],
  ['OBSERVED', ({ observed }) => observed],
  ['WEIGHT', ({ weight }) => weight],
  ['USERS', ({ users }) => users],
  ['IN FLIGHT', ({ inFlight }) => inFlight],
  ['REQUESTS', ({ requests }) => requests],
  ['FAILURES', ({ failures }) => failures],
  ['LATENCY', ({ latencyMs }) => (latencyMs === 0 ? '-' : `${latencyMs.toFixed(1)} ms`)],
];

/** The table, and a line for each that says why it is not up. */
function inWords(upstreams: readonly UpstreamView[]): string {
  if (upstreams.length === 0) return 'no pool has an upstream\n';
  const rows = upstreams.map((upstream) => COLUMNS.map(([, cell]) => cell(upstream)));
  const heads = COLUMNS.map(([head]) => head);
  const notes = upstreams.flatMap(({ pool, name, observed, why, drainUntil }) => {
    const label = shown(`${pool}/${name}`);
    const lines: string[] = [];
    if (why !== '' && observed !== 'up') lines.push(`${label}: ${shown(why)}\n`);
    if (drainUntil) lines.push(`${label}: its drain ends at ${shown(drainUntil)}\n`);
    return lines;
  });
  return `${table(heads, rows)}${notes.join('')}`;
}
