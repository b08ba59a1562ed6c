// Which failed attempts may be tried again, told row by row.
import t from 'tap';
import { PROXY_FAULT } from '../../src/proxy/faults.ts';
import { AGAIN, isOrphaned, judgeRetry } from '../../src/proxy/retry-verdict.ts';
import { UPSTREAM_FAULT } from '../../src/upstream/faults.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { UpstreamTable } from '../../src/upstream/upstream-table.ts';

const { refused, closedReused, closedUnanswered, closedMidHead, responseTimeout, hung, byStatus } =
  UPSTREAM_FAULT;
const GET = true;
const POST = false;

const anUpstream = (): Upstream =>
  new Upstream(
    {
      slot: 0,
      position: 0,
      poolName: 'p',
      name: 'a',
      authority: 'a',
      tls: null,
      maxConnections: 0,
      backup: false,
      keepAlive: { idle: 1, idleTimeoutMs: 1000, maxAgeMs: 0, requests: 0 },
      proxyProtocol: null,
    },
    new UpstreamTable(UpstreamTable.allocate(1, 1)),
  );

t.test('T1: what was never sent is tried elsewhere, whatever the method, and costs no budget', async (t) => {
  for (const method of [GET, POST]) t.equal(judgeRetry(refused, 1, 2, false, method, true), AGAIN.free);
});

t.test(
  'T2, T3: what was sent is tried again only for methods that may be repeated, from the budget',
  async (t) => {
    for (const fault of [closedReused, closedUnanswered, byStatus]) {
      t.equal(judgeRetry(fault, 1, 2, true, GET, true), AGAIN.paid, fault.code);
      t.equal(judgeRetry(fault, 1, 2, true, POST, true), AGAIN.no, fault.code);
    }
  },
);

t.test(
  'T3: a hung upstream is left without asking the budget, but by repeatable methods alone',
  async (t) => {
    t.equal(judgeRetry(hung, 1, 2, true, GET, true), AGAIN.free);
    t.equal(judgeRetry(hung, 1, 2, true, POST, true), AGAIN.no);
    t.equal(judgeRetry(hung, 1, 2, false, POST, true), AGAIN.free, 'nothing of it was sent');
  },
);

t.test('an answer that had begun, a spent time and a bad answer are never tried again', async (t) => {
  for (const fault of [closedMidHead, responseTimeout, PROXY_FAULT.switchUnasked]) {
    t.equal(judgeRetry(fault, 1, 2, true, GET, true), AGAIN.no, fault.code);
  }
});

t.test('T5: what is not held any more is not sent again', async (t) => {
  t.equal(judgeRetry(refused, 1, 2, false, GET, false), AGAIN.no);
});

t.test('T6: no more tries than were asked for', async (t) => {
  t.equal(judgeRetry(refused, 2, 2, false, GET, true), AGAIN.free, 'the second of two');
  t.equal(judgeRetry(refused, 3, 2, false, GET, true), AGAIN.no, 'and not a third');
  t.equal(judgeRetry(refused, 1, 0, false, GET, true), AGAIN.no, 'none asked for');
});

t.test('an instance that dies: what it had is free, what comes to it later is paid for', async (t) => {
  const upstream = anUpstream();
  upstream.heardMs = 950;
  t.equal(isOrphaned(closedUnanswered, upstream, 900, 1000), true, 'the first that closes');
  t.equal(isOrphaned(closedReused, upstream, 10, 1001), true, 'another that was there');
  t.equal(isOrphaned(closedUnanswered, upstream, 990, 1900), true, 'however late it is told');
  t.equal(isOrphaned(closedUnanswered, upstream, 1001, 1902), false, 'sent behind the first close');
  for (let ms = 2000; ms < 20_000; ms += 900) {
    upstream.heardMs = ms - 10;
    t.equal(isOrphaned(closedUnanswered, upstream, ms - 1, ms), false, 'it goes on closing: no new death');
  }
  t.equal(isOrphaned(closedUnanswered, upstream, 24_000, 25_000), false, 'it has not answered since');
  upstream.heardMs = 28_000;
  t.equal(isOrphaned(closedUnanswered, upstream, 29_000, 30_000), true, 'it has lived since, and dies again');
});

t.test('no death: other faults are paid for, and tell nothing of one', async (t) => {
  const upstream = anUpstream();
  t.equal(isOrphaned(closedUnanswered, upstream, 0, 10), false, 'one that never answered cannot die');
  upstream.heardMs = 900;
  t.equal(isOrphaned(byStatus, upstream, 0, 1000), false);
  t.equal(isOrphaned(closedUnanswered, upstream, 1500, 1600), true, 'it has answered since');
});
