// After hours or minutes of mixed traffic, harm and clients that leave, Limpet holds what it held, and every request is accounted for.
import { parseArgs } from 'node:util';
import t from 'tap';
import { isWrong, parseDuration } from '../../src/config/units.ts';
import { endedOf } from './books.ts';
import { mib, type Rest } from './rest.ts';
import { type SoakResult, soak } from './soak.ts';

const MINUTE = 60_000;

/** `--for 30m` or LIMPET_SOAK=30m; `--seed 7` or LIMPET_SOAK_SEED=7. */
const { values } = parseArgs({
  options: {
    for: { type: 'string', default: process.env.LIMPET_SOAK ?? '80s' },
    seed: { type: 'string', default: process.env.LIMPET_SOAK_SEED ?? '1' },
  },
});
const forMs = parseDuration(values.for, { min: 1000, max: 24 * 7 * 60 * MINUTE });
if (isWrong(forMs)) throw new Error(`--for: ${forMs.wrong}; right: ${forMs.right}`);

t.setTimeout(0);

t.test('whatever came, at rest nothing is left over and every counter adds up', { timeout: 0 }, async (t) => {
  const told = await soak(t, {
    forMs: forMs.value,
    seed: Number(values.seed),
    tell: (line) => t.comment(line),
  });
  for (const line of summary(told)) t.comment(line);
  t.same(told.faults, []);
  t.ok(told.load.answers > 500, 'there was traffic');
  t.ok(told.load.broken > 50, 'and clients that left');
  t.ok(told.proxy.ended.cut > 0 && told.proxy.ended.aborted > 0 && told.proxy.ended.refused > 0);
  t.ok(Object.values(told.harms).reduce((sum, count) => sum + count, 0) >= 5, 'and harm');
});

t.test('a Limpet that leaks is caught, by each of what it leaks', { timeout: 0 }, async (t) => {
  const told = await soak(t, { forMs: 0, seed: 2, preloads: ['leak.ts'], calmMs: 300, troubledMs: 300 });
  const caught = (what: RegExp): boolean => told.faults.some((fault) => what.test(fault));
  t.ok(caught(/^descriptors, file: /), 'descriptors');
  t.ok(caught(/^worker \d+, Timeout: /), 'a timer');
  t.ok(caught(/^worker \d+, heap: /), 'memory');
  const leaked = /^descriptors, file: |^worker \d+, Timeout: |^worker \d+, heap: |^resident memory: /;
  t.same(
    told.faults.filter((fault) => !leaked.test(fault)),
    [],
    'and nothing else is blamed',
  );
});

function summary({ tookMs, cycles, load, proxy, harms, begin, end }: SoakResult): string[] {
  const statuses = [...load.whole].sort(([a], [b]) => a - b).map(([status, count]) => `${status} ${count}`);
  const kinds = [...load.byKind].map(([kind, count]) => `${kind} ${count}`);
  const { answered, refused, aborted, cut } = proxy.ended;
  const held = ({ resident, threads, descriptors }: Rest): string =>
    `resident ${mib(resident)}, heaps ${threads.map(({ heap }) => mib(heap)).join(', ')}, descriptors ${JSON.stringify(descriptors)}`;
  return [
    `${Math.round(tookMs / 1000)} s, ${cycles} cycles; harm: ${JSON.stringify(harms)}`,
    `Limpet: ${proxy.accepted} accepted = ${answered} answered + ${refused} refused + ${aborted} aborted + ${cut} cut (${endedOf(proxy)})`,
    `load: ${load.answers} answers, ${load.broken} broken, ${load.unsent} unsent; ${statuses.join(', ')}`,
    `answers by kind: ${kinds.join(', ')}`,
    `warm: ${held(begin)}`,
    `end: ${held(end)}`,
  ];
}
