// The statistics say what happened: who was moved and had reason to be, which failures nobody could have saved, and how long they lasted.
import t from 'tap';
import { Latencies } from '../../src/drill/latencies.ts';
import type { Ended } from '../../src/drill/open-loop.ts';
import type { EventPlan } from '../../src/drill/plan.ts';
import { parseRequest, type RequestText } from '../../src/drill/request-text.ts';
import { INSTANCES_MAX, Tally } from '../../src/drill/tally.ts';

const [GET, POST] = ['GET /', 'POST /'].map(
  (text) => (parseRequest(text) as { value: RequestText }).value,
) as [RequestText, RequestText];
const KILL: EventPlan = { kind: 'kill', victim: { by: 'pid', pid: 2 }, text: 'kill pid:2', undo: null };

function tally(event: EventPlan | null = KILL): Tally {
  return new Tally({ event, atMs: 1000, forMs: 2000, users: 10 });
}

/** A request that took a millisecond, `dueMs` from the start. */
function ended(dueMs: number, more: Partial<Ended> = {}): Ended {
  return {
    why: null,
    detail: '',
    lostLogin: false,
    instance: null,
    home: null,
    loginHome: null,
    handled: null,
    index: 0,
    user: 0,
    request: GET,
    dueMs,
    sentMs: dueMs,
    endedMs: dueMs + 1,
    ...more,
  };
}

t.test('percentiles are right to one per cent, and never above the greatest', async (t) => {
  const latencies = new Latencies();
  t.equal(latencies.percentile(0.5), null);
  for (let i = 1; i <= 10_000; i++) latencies.record(i / 10);
  for (const p of [0.01, 0.5, 0.99, 0.999]) {
    const exact = p * 1000;
    const is = latencies.percentile(p)!;
    t.ok(Math.abs(is - exact) <= exact * 0.011, `${p}: ${is} for ${exact}`);
  }
  t.equal(latencies.percentile(1), 1000);
  t.equal(latencies.maxMs, 1000);
  latencies.record(1e9);
  t.equal(latencies.count, 10_001);
  const one = new Latencies();
  one.record(0);
  t.equal(one.percentile(0.999), 0);
});

t.test('a request belongs to the part in which it was due, however long it took', async (t) => {
  const sums = tally();
  sums.add(ended(999, { endedMs: 5000 }));
  sums.add(ended(1000));
  sums.add(ended(2999));
  sums.add(ended(3000, { why: 'status 502' }));
  const phases = sums.phases(true);
  t.same(
    phases.map(({ phase, requests, failed }) => [phase, requests, failed]),
    [
      ['before', 1, 0],
      ['during', 2, 0],
      ['after', 1, 1],
    ],
  );
  t.equal(phases[0]!.maxMs, 4001, 'latency counts from when it was due');
  t.equal(phases[2]!.p99Ms, null, 'a fast refusal flatters no figure');
  t.equal(tally(null).phases(false).length, 1, 'load alone has one part');
});

t.test('what ran out of time counts for as long as it waited', async (t) => {
  const sums = tally();
  sums.add(ended(0, { why: 'no answer in time', endedMs: 500 }));
  t.equal(sums.phases(true)[0]!.p99Ms, 500);
});

t.test('failures are grouped, with their times, and the groups are bounded', async (t) => {
  const sums = tally();
  sums.add(ended(10, { why: 'status 502', detail: 'sorry' }));
  sums.add(ended(1500, { why: 'status 502' }));
  sums.add(ended(1600, { why: 'status 502', request: POST }));
  t.match(sums.failures([]), {
    count: 3,
    unavoidable: 0,
    firstMs: 11,
    lastMs: 1601,
    groups: [
      { method: 'GET', why: 'status 502', detail: 'sorry', count: 2, firstMs: 11, lastMs: 1501 },
      { method: 'POST', why: 'status 502', count: 1 },
    ],
  });
  for (let i = 0; i < 100; i++) sums.add(ended(10, { why: `status ${i}` }));
  t.equal(sums.failures([]).groups.length, 20);
  t.equal(sums.failures([]).count, 103);
});

t.test('a write that was in the harmed instance is nobody’s fault; every other failure is', async (t) => {
  const sums = tally();
  sums.eventBeganMs = 1000;
  sums.eventDoneMs = 1010;
  const lost = { why: 'connection reset', request: POST, home: 'a' };
  sums.add(ended(995, { ...lost, endedMs: 1011 }));
  t.equal(sums.failures(['a']).unavoidable, 1);
  sums.add(ended(995, { ...lost, endedMs: 1011, home: 'b' }));
  sums.add(ended(995, { ...lost, endedMs: 1011, request: GET }));
  sums.add(ended(990, { ...lost, endedMs: 999 }));
  sums.add(ended(1270, { ...lost, endedMs: 1300 }));
  sums.add(ended(995, { ...lost, endedMs: 1300, sentMs: null }));
  t.match(sums.failures(['a']), { count: 6, unavoidable: 1 });
  t.equal(sums.failures(null).unavoidable, 0, 'who was harmed must be known');
});

t.test('a user is moved needlessly unless its instance was harmed by then', async (t) => {
  const sums = tally();
  sums.eventBeganMs = 1000;
  sums.add(ended(1500, { user: 1, home: 'a', instance: 'b' }));
  sums.add(ended(1600, { user: 1, home: 'b', instance: 'b' }));
  sums.add(ended(1500, { user: 2, home: 'b', instance: 'c' }));
  sums.add(ended(500, { user: 3, home: 'a', instance: 'b' }));
  sums.add(ended(1500, { user: 4, home: 'a', instance: 'b' }));
  sums.add(ended(4000, { user: 4, home: 'b', instance: 'a' }));
  sums.add(ended(500, { user: 5, home: null, instance: 'a' }));
  t.same(sums.moved(['a']), { count: 4, needed: 1, needlessly: 3, moves: 5 });
  t.same(sums.moved([]), { count: 4, needed: 0, needlessly: 4, moves: 5 });
  t.same(sums.moved(null), { count: 4, needed: null, needlessly: null, moves: 5 });
  t.same(tally().moved(null), { count: 0, needed: 0, needlessly: 0, moves: 0 }, 'nobody moved is known');
});

t.test('lost logins are told apart in the same way', async (t) => {
  const sums = tally();
  sums.eventBeganMs = 1000;
  sums.add(ended(1500, { user: 1, home: 'a', instance: 'b', lostLogin: true }));
  sums.add(ended(1500, { user: 2, home: 'b', instance: 'b', lostLogin: true }));
  // Moved before it was asked: what counts is where the login was.
  sums.add(ended(1500, { user: 3, home: 'b', instance: 'b', loginHome: 'a', lostLogin: true }));
  t.same(sums.lost(['a']), { count: 3, needed: 2, needlessly: 1 });
});

t.test('an instance that falls silent alone is the harmed one', async (t) => {
  const of = (names: readonly string[], undoBeganMs = 3000): string[] | null => {
    const sums = tally();
    for (const name of ['a', 'b', 'c']) sums.add(ended(500, { instance: name }));
    sums.eventBeganMs = 1000;
    sums.eventDoneMs = 1000;
    // An answer that was on its way says nothing.
    sums.add(ended(1100, { instance: 'a' }));
    sums.undoBeganMs = undoBeganMs;
    for (const name of names) sums.add(ended(2000, { instance: name }));
    sums.add(ended(3100, { instance: 'a' }));
    return sums.silenced();
  };
  t.same(of(['b', 'c']), ['a']);
  t.same(of(['c']), ['a', 'b']);
  t.equal(of(['a', 'b', 'c']), null);
  t.equal(of([]), null, 'all of them: it is the proxy that does not answer');
  t.equal(of(['b', 'c'], 1400), null, 'too short to tell');
});

t.test('names beyond any number of instances are no names of instances', async (t) => {
  const sums = tally();
  for (let i = 0; i <= INSTANCES_MAX + 5; i++) sums.add(ended(1, { instance: `x${i}` }));
  t.equal(sums.instances(), null);
  t.equal(tally().instances(), null);
  const two = tally();
  for (const name of ['b', 'a', 'b']) two.add(ended(1, { instance: name }));
  t.same(two.instances(), [
    { name: 'a', answers: 1 },
    { name: 'b', answers: 2 },
  ]);
});

t.test('an answer that says twice is taken at its word', async (t) => {
  const sums = tally();
  sums.add(ended(1, { request: POST, index: 1, handled: 1 }));
  sums.add(ended(1, { request: POST, index: 2, handled: 2 }));
  sums.add(ended(1, { request: POST, index: 3 }));
  t.same([...sums.twice], [2]);
  t.equal(sums.saidTimes, 2);
  t.equal(sums.writes, 3);
});
