// Which failed attempts may be tried again, told row by row.
import t from 'tap';
import { PROXY_FAULT } from '../../src/proxy/faults.ts';
import { AGAIN, judgeRetry } from '../../src/proxy/retry-verdict.ts';
import { UPSTREAM_FAULT } from '../../src/upstream/faults.ts';

const { refused, closedReused, closedUnanswered, closedMidHead, responseTimeout, hung, byStatus } =
  UPSTREAM_FAULT;
const GET = true;
const POST = false;

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
