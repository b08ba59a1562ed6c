// `limpet upstreams drain | enable | disable | weight`: the operator's hand on one instance.
import { parseArgs } from 'node:util';
import type { UpstreamView } from '../admin/view.ts';
import { isWrong, parseDuration } from '../config/units.ts';
import { ADMIN_OPTIONS, adminOf, print, UsageError } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { waitUntilFree } from './drain-wait.ts';
import { shown } from './table.ts';
import { findUpstream, labelOf, pathOf, upstreamsOf } from './upstream-name.ts';

const WANTED = { drain: 'drain', enable: 'ready', disable: 'maintenance', weight: null } as const;
type Word = keyof typeof WANTED;

const WEIGHT_MAX = 1000;
const DEADLINE_BOUNDS = { min: 1000, max: 7 * 86_400_000 };
/** What takes new users as far as health goes. */
const TAKES: readonly string[] = ['starting', 'up'];

export function isWord(word: string): word is Word {
  return Object.hasOwn(WANTED, word);
}

/** Runs the word's command; 0 or 1, the exit code. Throws AskError and UsageError. */
export async function run(word: Word, argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { ...ADMIN_OPTIONS, wait: { type: 'boolean' }, deadline: { type: 'string' } },
  });
  const weight = readWeight(word, positionals);
  const [written] = positionals;
  if (written === undefined || written === '' || positionals.length !== (weight === null ? 1 : 2))
    throw new UsageError(
      'one upstream is needed',
      `limpet upstreams ${word} POOL/NAME${weight === null ? '' : ' N'}`,
    );
  if (values.deadline !== undefined && word !== 'drain')
    throw new UsageError('--deadline ends a drain', 'limpet upstreams drain POOL/NAME --deadline 30m');
  if (values.wait && word !== 'drain' && word !== 'disable')
    throw new UsageError('--wait waits until an upstream is free', 'it goes with drain and disable');
  const deadline = values.deadline === undefined ? null : parseDuration(values.deadline, DEADLINE_BOUNDS);
  if (deadline !== null && isWrong(deadline))
    throw new UsageError(`--deadline: ${deadline.wrong}`, deadline.right);

  const admin = adminOf(values.admin, io);
  const all = await upstreamsOf(admin);
  const before = findUpstream(written, all);
  if (word === 'drain' || word === 'disable') warnOfLast(before, all, word, io);
  const wanted = WANTED[word];
  // The fields are contract (src/admin/view.ts).
  const after = (await admin.change('PATCH', pathOf(before), {
    ...(wanted === null ? {} : { wanted }),
    ...(weight === null ? {} : { weight }),
    ...(values.deadline === undefined ? {} : { deadline: values.deadline }),
  })) as UpstreamView;
  if (!values.wait) {
    print(io, values.json, after, () => inWords(before, after));
    return 0;
  }
  if (!values.json) io.stdout(inWords(before, after));
  const free = await waitUntilFree(admin, after, io);
  if (values.json) io.stdout(`${JSON.stringify(free, null, 2)}\n`);
  else if (free.free) io.stdout(`${shown(labelOf(after))} is free: ${shown(free.why)}\n`);
  else io.stderr(`limpet upstreams ${word}: ${shown(labelOf(after))} is not free: ${shown(free.why)}\n`);
  return free.free ? 0 : 1;
}

/** The weight; null where the word takes none. */
function readWeight(word: Word, positionals: readonly string[]): number | null {
  if (word !== 'weight') return null;
  const [, written] = positionals;
  const usage = 'limpet upstreams weight POOL/NAME N, with 0 to 1000';
  if (written === undefined) throw new UsageError('an upstream and a weight are needed', usage);
  const weight = /^\d{1,4}$/.test(written) ? Number(written) : Number.NaN;
  if (!(weight <= WEIGHT_MAX)) throw new UsageError(`${JSON.stringify(written)} is no weight`, usage);
  return weight;
}

/** Who takes the last one out is told, and not kept from it: perhaps the others are about to come. */
function warnOfLast(meant: UpstreamView, all: readonly UpstreamView[], word: Word, io: CommandIo): void {
  const others = all.filter(
    (one) =>
      one.pool === meant.pool &&
      one.name !== meant.name &&
      one.wanted === 'ready' &&
      TAKES.includes(one.observed),
  );
  if (others.length > 0) return;
  io.stderr(
    `limpet upstreams ${word}: no other upstream of pool ${shown(meant.pool)} takes users now: new ones are answered 503\n`,
  );
}

function inWords(before: UpstreamView, after: UpstreamView): string {
  const words: string[] = [];
  if (before.wanted === after.wanted && before.weight === after.weight)
    words.push(`${after.wanted} as before`);
  if (before.wanted !== after.wanted) words.push(`${after.wanted}, was ${before.wanted}`);
  if (before.weight !== after.weight) words.push(`weight ${after.weight}, was ${before.weight}`);
  if (after.drainUntil) words.push(`until ${after.drainUntil}`);
  const { users, inFlight } = after;
  const who = `${users} ${users === 1 ? 'user' : 'users'}, ${inFlight} under way`;
  return `${shown(labelOf(after))}: ${shown(words.join('; '))} (${who})\n`;
}
