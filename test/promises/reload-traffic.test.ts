// Promise: a reload costs nobody anything: no request fails, no WebSocket and no event stream is closed, and what was before is let go.
import t from 'tap';
import { reloadUnderTraffic } from '../kit/reload-traffic.ts';

/** How many reloads; the long run of issue 7 is LIMPET_RELOADS=100 at LIMPET_RELOAD_RATE=2000. */
const RELOADS = Number(process.env.LIMPET_RELOADS ?? 8);
const RATE = Number(process.env.LIMPET_RELOAD_RATE ?? 200);

t.setTimeout(600_000);

t.test(`${RELOADS} reloads with real changes under ${RATE} requests a second and open streams`, async (t) => {
  const figures = await reloadUnderTraffic(
    { reloads: RELOADS, everyMs: 250, rate: RATE, users: 50, streams: 10, workers: 2 },
    t,
  );
  const { failures, applied, answered, freshConnections, echoes, events, olderAtEnd, reloadMs } = figures;
  t.strictSame(failures, [], 'nothing failed, and nothing was closed');
  t.equal(applied, RELOADS, 'each reload was one');
  t.ok(answered > RELOADS * 10 && freshConnections > RELOADS, `${answered} and ${freshConnections} answers`);
  t.ok(echoes > RELOADS && events > RELOADS, `${echoes} echoes, ${events} events`);
  t.equal(olderAtEnd, 0, 'all older configs were let go when their streams had ended');
  const sorted = reloadMs.toSorted((a, b) => a - b);
  t.comment(
    JSON.stringify({
      ...figures,
      failures: failures.length,
      reloadMs: { p50: sorted[Math.floor(sorted.length / 2)], most: sorted.at(-1) },
    }),
  );
});
