// The end of a session counts at every worker of every replica, whatever ended it, and nobody else is refused. EVERYWHERE_TRIES: of each cause.
import t from 'tap';
import { everywhere } from './everywhere.ts';

const tries = Number(process.env.EVERYWHERE_TRIES ?? 2);
/** Of all others together; a starved machine serves fewer. */
const RATE = process.env.EVERYWHERE_TRIES === undefined ? 100 : 1000;

// As long as it takes: a hundred tries of each take minutes.
t.setTimeout(tries * 60_000);

t.test('ended once, refused everywhere', async (t) => {
  const { causes, others } = await everywhere(t, tries, RATE, (line) => t.comment(line));
  for (const { name, ms, relapses } of causes) {
    t.equal(ms.length, tries, `${name}: every worker of both replicas refused`);
    t.equal(relapses, 0, `${name}: and went on refusing`);
  }
  t.ok(others.answered > 0, 'others were at work meanwhile');
  t.same(others.failures, [], 'and none of them was refused');
  const longest = Math.max(...causes.flatMap(({ ms }) => ms));
  t.comment(`longest of ${tries * causes.length}: ${longest.toFixed(1)} ms`);
});
