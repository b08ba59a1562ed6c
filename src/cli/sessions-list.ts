// `limpet sessions list`: what is revoked, and until when.
import { parseArgs } from 'node:util';
import type { AdminClient } from '../admin/client.ts';
import type { RevocationView } from '../admin/view.ts';
import { isWrong, parseCount } from '../config/units.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling, UsageError } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { whatOf } from './sessions-revoke.ts';
import { table } from './table.ts';

export const HELP = `limpet sessions list [--limit N] [--admin URL] [--json]

What is revoked, and until when. Sessions and tokens are not told themselves: they would be keys to what was revoked.

      --limit N      how many at most; default 100
${ADMIN_HELP}
Exit code: 0 told, 1 not.
`;

/** The most that one call of the API gives. */
const PAGE_MAX = 1000;
const LIMIT_MAX = 1_000_000;

interface Page {
  readonly revocations: readonly RevocationView[];
  /** Where the next page begins; null: this is the last. */
  readonly next: string | null;
}

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  return telling('sessions list', io, async () => {
    const { values } = parseArgs({ args: argv, options: { ...ADMIN_OPTIONS, limit: { type: 'string' } } });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    const limit = parseCount(values.limit ?? '100', { min: 1, max: LIMIT_MAX });
    if (isWrong(limit)) throw new UsageError(`--limit: ${limit.wrong}`, limit.right);
    const page = await gather(adminOf(values.admin, io), limit.value);
    print(io, values.json, page, () => inWords(page));
    return 0;
  });
}

async function gather(admin: AdminClient, limit: number): Promise<Page> {
  const revocations: RevocationView[] = [];
  let next: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE_MAX, limit - revocations.length)) });
    if (next !== null) query.set('after', next);
    // The fields are contract (src/admin/view.ts).
    const page = (await admin.read(`/api/v1/revocations?${query}`)) as Page;
    revocations.push(...page.revocations);
    next = page.next ?? null;
  } while (next !== null && revocations.length < limit);
  return { revocations, next };
}

function inWords({ revocations, next }: Page): string {
  if (revocations.length === 0) return 'nothing is revoked\n';
  const heads = ['ID', 'WHAT', 'SINCE', 'UNTIL', 'BY', 'REASON'];
  const rows = revocations.map((one) => [one.id, whatOf(one), one.at, one.until, one.by, one.reason]);
  return `${table(heads, rows)}${next === null ? '' : 'and more: --limit says how many are told\n'}`;
}
