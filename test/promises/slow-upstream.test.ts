// Promise: with peak-EWMA an upstream that has become slow gets next to nothing, and is not ejected for being slow.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { HARMED, runDrill, startDrillUpstreams, stopDrillUpstreams } from '../kit/load-drill.ts';

t.test('peak-EWMA keeps at least 99 of 100 requests away from an upstream that takes 2 s', async (t) => {
  const upstreams = await startDrillUpstreams('slow', null);
  t.teardown(() => stopDrillUpstreams(upstreams));
  const limpet = await startLimpet(
    {
      upstreams: upstreams.map((upstream) => `http://127.0.0.1:${upstream.port}`),
      balance: 'peak-ewma',
    },
    { owner: t },
  );
  const drill = await runDrill(
    { fault: 'slow', port: limpet.port, rate: 1000, users: 1000, seconds: 6, postEvery: 0, core: null },
    upstreams,
  );
  t.strictSame(drill.failedGets, [], 'no GET failed');
  const slow = drill.load.perUpstream[HARMED]!;
  t.ok(slow > 0, 'the slow one was tried');
  t.ok(
    slow * 100 < drill.load.answered,
    `${slow} of ${drill.load.answered} requests waited for the slow one`,
  );
});
