// The line is fair, bounded over all workers, and loses nobody.
import t from 'tap';
import { type Waiter, WaitingLine } from '../../src/pool/waiting-line.ts';
import { UpstreamTable } from '../../src/upstream/upstream-table.ts';

interface Named extends Waiter {
  readonly name: string;
}

function waiter(name: string): Named {
  return { name, line: null, ahead: null, behind: null, waitUntilMs: 0 };
}

function named(w: Waiter | null): string | null {
  return w === null ? null : (w as Named).name;
}

function table(workers = 2): UpstreamTable {
  return new UpstreamTable(UpstreamTable.allocate(4, workers));
}

t.test('first come, first served', async (t) => {
  const line = new WaitingLine(table(), 1, 0, 10, 1000);
  for (const name of ['a', 'b', 'c']) t.ok(line.enter(waiter(name), 0));
  t.equal(line.length, 3);
  t.same([line.next(), line.next(), line.next(), line.next()].map(named), ['a', 'b', 'c', null]);
});

t.test('the bound holds over all workers, and a place that is left is a place again', async (t) => {
  const shared = table();
  const here = new WaitingLine(shared, 1, 0, 2, 1000);
  const there = new WaitingLine(shared, 1, 1, 2, 1000);
  const a = waiter('a');
  t.ok(here.enter(a, 0));
  t.ok(there.enter(waiter('b'), 0));
  const c = waiter('c');
  t.notOk(here.enter(c, 0));
  t.equal(c.line, null, 'who was refused stands in no line');
  t.notOk(there.enter(c, 0));
  t.equal(shared.waiting[1], 2);
  here.leave(a);
  t.ok(there.enter(c, 0));
  t.equal(shared.waiting[1], 2);
});

t.test('with a bound of nothing nobody waits', async (t) => {
  const shared = table();
  t.notOk(new WaitingLine(shared, 0, 0, 0, 1000).enter(waiter('a'), 0));
  t.equal(shared.waiting[0], 0);
});

t.test(
  'one may leave from the front, the middle and the end, and leaving twice is leaving once',
  async (t) => {
    const shared = table();
    const line = new WaitingLine(shared, 1, 0, 10, 1000);
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(waiter) as [Named, Named, Named, Named, Named];
    for (const w of [a, b, c, d, e]) line.enter(w, 0);
    for (const w of [c, a, e, c]) line.leave(w);
    t.equal(shared.waiting[1], 2);
    t.ok(line.enter(c, 0), 'who left may come again, at the end');
    t.same([line.next(), line.next(), line.next(), line.next()].map(named), ['b', 'd', 'c', null]);
    t.equal(shared.waiting[1], 0);
  },
);

t.test('a line does not let go of who stands in another', async (t) => {
  const shared = table();
  const one = new WaitingLine(shared, 1, 0, 10, 1000);
  const two = new WaitingLine(shared, 2, 0, 10, 1000);
  const a = waiter('a');
  one.enter(a, 0);
  two.leave(a);
  t.equal(a.line, one);
  t.equal(shared.waiting[2], 0);
});

t.test('patience ends at its time and not before', async (t) => {
  const line = new WaitingLine(table(), 1, 0, 10, 1000);
  line.enter(waiter('a'), 0);
  line.enter(waiter('b'), 500);
  t.equal(line.nextExpired(999), null);
  t.equal(named(line.nextExpired(1000)), 'a');
  t.equal(line.nextExpired(1000), null);
  t.equal(named(line.nextExpired(1500)), 'b');
  t.equal(line.length, 0);
});

t.test('a worker that dies gives its places back', async (t) => {
  const shared = table();
  const dying = new WaitingLine(shared, 1, 1, 2, 1000);
  const living = new WaitingLine(shared, 1, 0, 2, 1000);
  dying.enter(waiter('a'), 0);
  living.enter(waiter('b'), 0);
  shared.releaseWorker(1);
  t.equal(shared.waiting[1], 1);
  t.ok(living.enter(waiter('c'), 0));
});
