// Promise: an upstream that is killed under load costs nobody an answer, but POSTs that may have been running in it.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { HARMED, runDrill, startDrillUpstreams, stopDrillUpstreams } from '../kit/load-drill.ts';

t.test(
  'an upstream killed under 1,000 requests a second loses no GET and moves only its own users',
  async (t) => {
    const upstreams = await startDrillUpstreams('kill', null);
    t.teardown(() => stopDrillUpstreams(upstreams));
    const limpet = await startLimpet(
      {
        upstreams: upstreams.map((upstream) => `http://127.0.0.1:${upstream.port}`),
        affinity: { cookie: { secrets: ['a-secret-only-for-drills'] } },
      },
      { owner: t },
    );
    const drill = await runDrill(
      { fault: 'kill', port: limpet.port, rate: 1000, users: 200, seconds: 8, postEvery: 10, core: null },
      upstreams,
    );
    t.strictSame(drill.failedGets, [], 'no GET failed');
    t.strictSame(
      drill.needlessPosts,
      [],
      'no POST failed but such as may have been running in the dead process',
    );
    t.equal(drill.otherMoves, 0, 'users of the other upstreams stayed');
    t.ok(drill.harmedMoves > 0, 'its own users were taken in by the others');
    t.equal(drill.load.usersWithAffinity, 200, 'every user has an affinity cookie');
    t.ok(drill.load.perUpstream[HARMED]! > 0, 'it did serve before it was killed');
    t.ok(drill.load.answered + drill.load.failed >= 7900, 'the load was as steady as asked for');
  },
);
