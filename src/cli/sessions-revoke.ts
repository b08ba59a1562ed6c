// `limpet sessions revoke`: ends a session, a token, all that a user holds, or whatever was issued before a time.
import { parseArgs } from 'node:util';
import type { RevocationView } from '../admin/view.ts';
import { isWrong } from '../config/units.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling, UsageError } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { parseInstant } from './instant.ts';
import { shown } from './table.ts';

export const HELP = `limpet sessions revoke --id ID | --user ID [--block] | --token T | --before TIME [--user ID]
                       [--reason TEXT] [--ttl DURATION] [--admin URL] [--json]

Ends sessions and tokens at once, in every worker, and in every replica where revocations are shared.

      --id ID        one session, by the id that its framework gave it
      --user ID      all that this user holds now, on all devices; a login after it works
      --block        with --user: keep the user out until it is lifted
      --token T      one token or session cookie, as it is, or its \`jti\`; where two cookies make a session,
                     as in \`session=…; session.sig=…\`. \`-\` reads it from stdin, where no shell's history and
                     no list of processes keeps it
      --before TIME  what was issued before: \`now\`, \`-2h\`, \`2026-01-31T12:00:00Z\`. With --user: of that user
      --reason TEXT  why, for the log and the list
      --ttl DURATION  how long it holds; default: as the config says
${ADMIN_HELP}
Exit code: 0 revoked, 1 not.
`;

/** What the API tells of a new one. */
interface Told extends RevocationView {
  readonly shared?: boolean;
  readonly note?: string;
  /** In which ways a token was understood. */
  readonly understood?: readonly string[];
}

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  return telling('sessions revoke', io, async () => {
    const { values } = parseArgs({
      args: joined(argv),
      options: {
        ...ADMIN_OPTIONS,
        id: { type: 'string' },
        user: { type: 'string' },
        block: { type: 'boolean' },
        token: { type: 'string' },
        before: { type: 'string' },
        reason: { type: 'string' },
        ttl: { type: 'string' },
      },
    });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    const { id, user, token, before, block, reason, ttl } = values;
    if ([id, token, before ?? user].filter((one) => one !== undefined).length !== 1)
      throw new UsageError(
        'say what to end, one thing at a time',
        '--id ID, --user ID, --token - or --before TIME',
      );
    if (block && (user === undefined || before !== undefined))
      throw new UsageError('--block keeps a user out', '--user ID --block');
    const admin = adminOf(values.admin, io);
    const body = {
      ...(id === undefined ? {} : { session: id }),
      ...(user === undefined ? {} : { user }),
      ...(block ? { block } : {}),
      ...(token === undefined ? {} : { token: await secretOf(token, io) }),
      ...(before === undefined ? {} : { before: timeOf(before) }),
      ...(reason === undefined ? {} : { reason }),
      ...(ttl === undefined ? {} : { ttl }),
    };
    // The fields are contract (src/admin/view.ts).
    const told = (await admin.change('POST', '/api/v1/revocations', body)) as Told;
    print(io, values.json, told, () => inWords(told));
    return 0;
  });
}

/** A time such as `-2h` would be taken for an option. */
function joined(argv: readonly string[]): string[] {
  const args: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const next = argv[i + 1];
    if (argv[i] === '--before' && next !== undefined && /^-\d/.test(next)) {
      args.push(`--before=${next}`);
      i++;
    } else args.push(argv[i]!);
  }
  return args;
}

async function secretOf(written: string, io: CommandIo): Promise<string> {
  const token = written === '-' ? await io.stdin?.() : written;
  if (token === undefined || token === '')
    throw new UsageError('there is no token on stdin', 'limpet sessions revoke --token - < FILE');
  return token;
}

function timeOf(written: string): string {
  const time = parseInstant(written, Date.now());
  if (isWrong(time)) throw new UsageError(`--before: ${time.wrong}`, time.right);
  return new Date(time.value).toISOString();
}

function inWords(told: Told): string {
  const note = told.note === undefined || told.note === '' ? '' : `${shown(told.note)}\n`;
  const ways = told.understood ?? [];
  const understood = ways.length === 0 ? '' : `understood as: ${shown(ways.join(', '))}\n`;
  return `revoked ${whatOf(told)} until ${told.until}\n${understood}${note}lift it by: limpet sessions lift ${shown(told.id)}\n`;
}

/** `user 42`, `user 42 (kept out)`, `all issued before 2026-…`. */
export function whatOf({ kind, user, block, before }: RevocationView): string {
  const whose = user === null ? '' : `user ${shown(user)}`;
  if (kind === 'before')
    return `${whose === '' ? 'all' : `what ${whose} was`} issued before ${before ?? '?'}`;
  // A Redis that was empty is given back what the Limpets know, which is no names.
  const who = whose === '' ? 'a user' : whose;
  if (kind === 'user') return block ? `${who} (kept out)` : who;
  return `a ${kind}`;
}
