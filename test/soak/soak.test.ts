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
    for: { type: 'string', default: process.env.LIMPET_SOAK ?? '2m' },
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
  for (const { load, proxy } of told.eras) {
    t.ok(load.answers > 500, 'there was traffic');
    t.ok(
      [...load.byKind.keys()].some((kind) => kind.endsWith('by TLS')),
      'also by TLS',
    );
    t.ok(load.broken > 50, 'and clients that left');
    t.ok(proxy.ended.cut > 0 && proxy.ended.aborted > 0 && proxy.ended.refused > 0);
  }
  t.ok(told.reloads > 10, 'and reloads');
  t.ok(told.answersMeanwhile > 50, 'also while a successor took over');
  t.ok(Object.values(told.harms).reduce((sum, count) => sum + count, 0) >= 5, 'and harm');
});

t.test('a Limpet that leaks is caught, by each of what it leaks', { timeout: 0 }, async (t) => {
  const told = await soak(t, {
    forMs: 0,
    seed: 2,
    replace: false,
    preloads: ['leak.ts'],
    calmMs: 300,
    troubledMs: 300,
    // What leaks at each look is not gone at a later one.
    looksMax: 5,
  });
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

function summary({ tookMs, harms, reloads, answersMeanwhile, eras }: SoakResult): string[] {
  const lines = [
    `${Math.round(tookMs / 1000)} s, ${eras.length} processes, ${reloads} reloads, ${answersMeanwhile} answers while they were replaced`,
    `harm: ${JSON.stringify(harms)}`,
  ];
  for (const { cycles, load, proxy, begin, end } of eras) {
    const statuses = [...load.whole].sort(([a], [b]) => a - b).map(([status, count]) => `${status} ${count}`);
    const kinds = [...load.byKind].map(([kind, count]) => `${kind} ${count}`);
    const { answered, refused, aborted, cut } = proxy.ended;
    lines.push(
      `${cycles} cycles: ${proxy.accepted} accepted = ${answered} answered + ${refused} refused + ${aborted} aborted + ${cut} cut (${endedOf(proxy)})`,
      `load: ${load.answers} answers, ${load.broken} broken, ${load.unsent} unsent; ${statuses.join(', ')}`,
      `answers by kind: ${kinds.join(', ')}`,
      `warm: ${heldBy(begin)}`,
      `end: ${heldBy(end)}`,
    );
  }
  return lines;
}

function heldBy({ resident, threads, descriptors, sockets }: Rest): string {
  const heaps = threads.map(({ heap }) => mib(heap)).join(', ');
  return `resident ${mib(resident)}, heaps ${heaps}, descriptors ${JSON.stringify(descriptors)}, sockets ${JSON.stringify(sockets)}`;
}
