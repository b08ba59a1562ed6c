// Promise: an upstream that is stopped but still accepts connections is found out long before the response timeout.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { HARMED, runDrill, startDrillUpstreams, stopDrillUpstreams } from '../kit/load-drill.ts';

const RESPONSE_MS = 3000;

t.test(
  'an upstream stopped under 1,000 requests a second delays no GET to the response timeout',
  async (t) => {
    const upstreams = await startDrillUpstreams('hang', null);
    t.teardown(() => stopDrillUpstreams(upstreams));
    const limpet = await startLimpet(
      {
        upstreams: upstreams.map((upstream) => `http://127.0.0.1:${upstream.port}`),
        affinity: { cookie: { secrets: ['a-secret-only-for-drills'] } },
        timeouts: { response: `${RESPONSE_MS}ms` },
      },
      { owner: t },
    );
    const drill = await runDrill(
      { fault: 'hang', port: limpet.port, rate: 1000, users: 200, seconds: 8, postEvery: 10, core: null },
      upstreams,
    );
    t.strictSame(drill.failedGets, [], 'no GET failed');
    t.strictSame(
      drill.failedPosts.filter((post) => post.home !== HARMED),
      [],
      'no POST of another upstream failed',
    );
    t.ok(
      drill.load.maxGetMs < RESPONSE_MS,
      `no GET took as long as the response timeout: ${drill.load.maxGetMs} ms`,
    );
    t.equal(drill.otherMoves, 0, 'users of the other upstreams stayed');
    t.ok(drill.harmedMoves > 0, 'its own users were taken in by the others');
    t.ok(drill.load.answered + drill.load.failed >= 7900, 'the load was as steady as asked for');
  },
);
