// `limpet sessions`: how the session check of a running Limpet fares; and, by a further word, what is revoked and which apps lose sessions.
import { parseArgs } from 'node:util';
import type { ContinuityView, SessionView } from '../admin/view.ts';
import { nearest } from '../config/nearest.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling, UsageError } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import * as lift from './sessions-lift.ts';
import * as list from './sessions-list.ts';
import * as revoke from './sessions-revoke.ts';
import { shown, table } from './table.ts';

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

/** Runs the command; 0 or 1, the exit code. Throws what parseArgs throws for options it does not know. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  const [word = '', ...rest] = argv;
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
  if (word !== undefined) {
    const words = Object.keys(WORDS);
    throw new UsageError(
      `there is no ${JSON.stringify(word)} of sessions`,
      `limpet sessions ${nearest(word, words) ?? words.join(', ')}`,
    );
  }
  // The fields are contract (src/admin/view.ts); another version may lack some, which then are shown empty.
  const told = (await adminOf(values.admin, io).read('/api/v1/sessions')) as SessionView[];
  print(io, values.json, told, () => stateInWords(told));
  return 0;
}

function stateInWords(blocks: readonly SessionView[]): string {
  if (blocks.length === 0) return 'no session is checked: the config has no session block\n';
  const heads = [
    'BLOCK',
    'VERIFY',
    'REQUIRE',
    'VALID',
    'ANONYMOUS',
    'INVALID',
    'UNKNOWN',
    'HITS',
    'REMEMBERED',
    'STORE',
    'PUSH',
  ];
  const rows = blocks.map(({ name, verify, require, checks, cache, store, push }) => [
    name,
    verify,
    require,
    checks.valid,
    checks.anonymous,
    checks.invalid,
    checks.unknown,
    cache?.hits ?? '-',
    cache?.entries ?? '-',
    store === null ? 'none' : `${store.kind} ${store.up ? 'up' : 'away'}`,
    push === null || push === undefined ? '-' : push.up ? 'up' : 'away',
  ]);
  const away = blocks.flatMap(({ name, store }) =>
    store === null || store.up || store.why === ''
      ? []
      : [`${name}: the store is away: ${shown(store.why)}\n`],
  );
  return `${table(heads, rows)}${away.join('')}`;
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
