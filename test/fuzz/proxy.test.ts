// Whatever bytes come from clients or upstreams, nobody is sent what was not meant for him, and Limpet is afterwards as it was.
import { parseArgs } from 'node:util';
import t from 'tap';
import { isWrong, parseDuration } from '../../src/config/units.ts';
import { writeCase } from './corpus.ts';
import { ProxyRetrial } from './proxy-retrial.ts';
import { ProxyFuzz } from './proxy-run.ts';

/** `--for 10m` or LIMPET_FUZZ_PROXY=10m: goes on beyond the rounds of CI; `--seed 7` or LIMPET_FUZZ_SEED=7. */
const { values } = parseArgs({
  options: {
    for: { type: 'string', default: process.env.LIMPET_FUZZ_PROXY ?? '1s' },
    seed: { type: 'string', default: process.env.LIMPET_FUZZ_SEED ?? '20261121' },
  },
});
const forMs = parseDuration(values.for, { min: 1000, max: 7 * 24 * 3_600_000 });
if (isWrong(forMs)) throw new Error(`--for: ${forMs.wrong}; right: ${forMs.right}`);
const ROUNDS_MIN = 3;
/** Findings of a run that are made short and kept: what is behind the first is often behind all. */
const KEPT_MAX = 3;
/** What each may cost. */
const SHRINK_TRIES = 2000;
const SHRINK_MS = 60_000;

t.setTimeout(0);

t.test('hostile clients and hostile upstreams harm nobody but themselves', { timeout: 0 }, async (t) => {
  const fuzz = await ProxyFuzz.open(t, Number(values.seed));
  const { findings } = fuzz;
  const startedMs = performance.now();
  let rounds = 0;
  await fuzz.replay();
  while ((rounds < ROUNDS_MIN || performance.now() - startedMs < forMs.value) && findings.list.length === 0) {
    await fuzz.round(300, 200);
    rounds++;
  }
  const counts = [...findings.counts].sort().map(([what, count]) => `${count} ${what}`);
  t.comment(
    `${rounds} rounds, ${fuzz.cases} hostile streams and answers, ${fuzz.calm} calm requests; ${counts.join(', ')}`,
  );
  const seed = Number(values.seed);
  for (const finding of findings.list.filter(({ side }) => side !== 'limpet').slice(0, KEPT_MAX)) {
    const { side, what, number } = finding;
    const retrial = await ProxyRetrial.open(t, finding, seed);
    const untilMs = performance.now() + SHRINK_MS;
    const { bytes, tries, again } = await retrial.shrunk({ tries: SHRINK_TRIES, untilMs });
    const path = writeCase({ target: side, seed, number, found: what, bytes: bytes.toString('latin1') });
    const how = again
      ? `made as short as this in ${tries} tries`
      : 'not found again alone, and left as it is';
    t.comment(`${bytes.length} bytes of ${finding.bytes.length}, ${how}, written to ${path}`);
  }
  t.same(findings.list, []);
  const count = (what: string): number => findings.counts.get(what) ?? 0;
  t.ok(count('streams with 1 requests forwarded') > 100, 'some of it was good enough to be forwarded');
  t.ok(
    count('answers passed') > 50 &&
      count('broken answers told as 502 or 504') > 50 &&
      count('answers cut') > 10,
  );
  t.ok(fuzz.calm > 100, 'there were calm clients');
});
