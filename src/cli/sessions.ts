// `limpet sessions`: how the session check of a running Limpet fares; and, by a further word, what is revoked and which apps lose sessions.
import { parseArgs } from 'node:util';
import type { ContinuityView, SessionView } from '../admin/view.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, noSuchWord, print, telling, wordIn } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import * as lift from './sessions-lift.ts';
import * as list from './sessions-list.ts';
import * as revoke from './sessions-revoke.ts';
import { type Cell, shown, table } from './table.ts';

export const HELP = `limpet sessions [--admin URL] [--json]
limpet sessions revoke --id ID | --user ID [--block] | --token T | --before TIME [--user ID] [--reason TEXT] [--ttl DURATION]
limpet sessions list [--limit N]
limpet sessions lift ID
limpet sessions continuity

Alone: each session block of a running Limpet, what its checks came to, what is remembered, its store, and
whether the store tells of changes.

  revoke      ends a session, a token, all that a user holds, or what was issued before a time: everywhere
  list        what is revoked
  lift        takes a revocation back
  continuity  which pools lose sessions when another instance answers, and which could do without affinity

\`limpet sessions revoke --help\` says more of that.

${ADMIN_HELP}
Exit code: 0 done, 1 not.
`;

const WORDS: Readonly<Record<string, (argv: string[], io: CommandIo) => Promise<number>>> = {
  revoke: revoke.run,
  list: list.run,
  lift: lift.run,
  continuity,
};

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  const [word, rest] = wordIn(argv, Object.keys(WORDS));
  const further = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (further !== undefined) return further(rest, io);
  return telling('sessions', io, () => state(argv, io));
}

async function state(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const [word] = positionals;
  if (word !== undefined) throw noSuchWord('sessions', word, Object.keys(WORDS));
  // The fields are contract (src/admin/view.ts); another version may lack some, which then are shown empty.
  const told = (await adminOf(values.admin, io).read('/api/v1/sessions')) as SessionView[];
  print(io, values.json, told, () => stateInWords(told));
  return 0;
}

function stateInWords(blocks: readonly SessionView[]): string {
  if (blocks.length === 0) return 'no session is checked: the config has no session block\n';
  const rows = blocks.map((block) => STATE.map(([, cell]) => cell(block)));
  const heads = STATE.map(([head]) => head);
  return `${table(heads, rows)}${blocks.flatMap(troubles).join('')}`;
}

const STATE: readonly (readonly [head: string, cell: (block: SessionView) => Cell])[] = [
  ['BLOCK', ({ name }) => name],
  ['VERIFY', ({ verify }) => verify],
  ['REQUIRE', ({ require }) => require],
  ['VALID', ({ checks }) => checks.valid],
  ['ANONYMOUS', ({ checks }) => checks.anonymous],
  ['INVALID', ({ checks }) => checks.invalid],
  ['UNKNOWN', ({ checks }) => checks.unknown],
  ['HITS', ({ cache }) => cache?.hits ?? '-'],
  ['REMEMBERED', ({ cache }) => cache?.entries ?? '-'],
  ['STORE', ({ store }) => (store === null ? 'none' : `${store.kind} ${upOrAway(store.up)}`)],
  ['PUSH', ({ push }) => (push ? upOrAway(push.up) : '-')],
  ['REVOCATIONS', ({ revocations: kept }) => (kept ? `${kept.kept}${kept.synced ? '' : ', cut off'}` : '-')],
];

function upOrAway(up: boolean): string {
  return up ? 'up' : 'away';
}

/** A line for each thing that is not as it should be. */
function troubles({ name, store, push, revocations }: SessionView): string[] {
  const lines: string[] = [];
  if (store && !store.up && store.why !== '') lines.push(`${name}: the store is away: ${shown(store.why)}\n`);
  if (push && !push.up && push.why)
    lines.push(`${name}: the store does not tell of changes: ${shown(push.why)}\n`);
  if (revocations && !revocations.synced)
    lines.push(`${name}: other replicas do not hear what is revoked here, nor this one of theirs\n`);
  return lines;
}

function continuity(argv: string[], io: CommandIo): Promise<number> {
  return telling('sessions continuity', io, async () => {
    const { values } = parseArgs({ args: argv, options: ADMIN_OPTIONS });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    // As above.
    const told = (await adminOf(values.admin, io).read('/api/v1/sessions/continuity')) as ContinuityView[];
    print(io, values.json, told, () => continuityInWords(told));
    return 0;
  });
}

function continuityInWords(pools: readonly ContinuityView[]): string {
  if (pools.length === 0)
    return 'no pool is watched: name the app’s session cookie, as in `continuity: { cookie: connect.sid }`\n';
  const heads = [
    'POOL',
    'COOKIE',
    'SESSIONS',
    'REQUESTS',
    'CHANGES',
    'LOST AFTER ONE',
    'LOST WITHOUT',
    'SHARE',
  ];
  const rows = pools.map(({ pool, cookie, sessions, requests, resets, share }) => [
    pool,
    cookie,
    sessions,
    requests.first + requests.kept + requests.changed,
    requests.changed,
    resets.moved,
    resets.same,
    share === null ? '-' : `${Math.round(share * 1000) / 10}%`,
  ]);
  return `${table(heads, rows)}\n${pools.map(({ sentence }) => `${shown(sentence)}\n`).join('')}`;
}
