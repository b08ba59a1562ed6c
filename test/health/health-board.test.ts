// The board's promises, with imagined upstreams on hand-cranked time.
import t from 'tap';
import { OBSERVED, WANTED } from '../../src/upstream/upstream-table.ts';
import { ACTIVE, boardWorld, HEALTH } from './board-world.ts';

t.test('without active checks everyone is up from the start, and the table says so', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  for (const slot of [0, 1]) {
    t.equal(w.observed(slot), 'up');
    t.equal(w.table.observed[slot], OBSERVED.up);
    t.equal(w.table.weight[slot], 256);
    t.ok(w.table.eligible(slot));
  }
  w.timers.advance(60_000);
  t.same(w.told, []);
  t.same(w.prober.looks, [], 'nothing is probed without a reason');
});

t.test('the first active check decides at once, both ways', async (t) => {
  const w = boardWorld(2, { active: ACTIVE });
  w.prober.set(1001, 'failing');
  w.board.start();
  t.equal(w.observed(0), 'starting');
  w.timers.advance(5);
  t.same(w.told, ['a starting>up', 'b starting>down']);
  t.equal(w.whys[1], 'health check: answered 503, expected 200-399');
});

t.test(
  'an upstream falls after unhealthyAfter bad checks and rises after healthyAfter good ones',
  async (t) => {
    const w = boardWorld(2, { active: ACTIVE });
    w.board.start();
    w.timers.advance(10_000);
    w.prober.set(1000, 'failing');
    w.timers.advance(2 * 2400);
    t.equal(w.observed(0), 'down');
    w.prober.set(1000, 'alive');
    w.timers.advance(1500);
    t.equal(w.observed(0), 'down');
    w.timers.advance(2 * 2400);
    t.same(w.told.slice(2), ['a up>down', 'a down>up']);
  },
);

t.test(
  'a killed upstream is out within 50 ms of its first refused request, whatever the traffic',
  async (t) => {
    const w = boardWorld(3);
    w.board.start();
    w.prober.set(1000, 'refusing');
    w.fail(0, 'refused');
    t.equal(w.observed(0), 'up', 'one refused connection may be chance');
    w.timers.advance(50);
    t.equal(w.observed(0), 'ejected');
    t.same(w.whys, ['connect refused']);
    t.equal(w.table.observed[0], OBSERVED.ejected);
  },
);

t.test('a reset while the process is still dying is looked at twice', async (t) => {
  const w = boardWorld(3);
  w.board.start();
  w.fail(0, 'reset');
  w.timers.advance(5);
  t.equal(w.observed(0), 'up', 'it still accepted');
  w.prober.set(1000, 'refusing');
  w.timers.advance(45);
  t.equal(w.observed(0), 'ejected');
});

t.test('a refused request alone ejects nobody who accepts again', async (t) => {
  const w = boardWorld(3);
  w.board.start();
  w.fail(0, 'refused');
  w.timers.advance(1000);
  t.same(w.told, []);
  t.equal(w.prober.count('connect'), 2);
});

t.test('a thousand failures a second cost fifty looks at the most', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  for (let ms = 0; ms < 1000; ms++) {
    w.fail(0, 'reset');
    w.succeed(0);
    w.timers.advance(1);
  }
  t.ok(w.prober.count('connect') <= 51, `${w.prober.count('connect')} looks`);
  t.same(w.told, []);
});

t.test('who is killed comes back as soon as it accepts, with a clean sheet', async (t) => {
  const w = boardWorld(3);
  w.board.start();
  w.prober.set(1000, 'refusing');
  w.fail(0, 'refused', 5);
  w.timers.advance(20_000);
  t.equal(w.observed(0), 'ejected');
  t.ok(
    w.unreachable.length > 10 && w.unreachable.every((slot) => slot === 0),
    'its name is looked up meanwhile',
  );
  w.prober.set(1000, 'alive');
  w.timers.advance(1100);
  t.equal(w.observed(0), 'up');
  t.equal(w.table.failures[0], 0);
  w.fail(0, 'timeout', 2);
  w.timers.advance(100);
  t.equal(w.observed(0), 'up', 'the old failures are not held against it');
});

t.test('who crashes in a loop has to accept more often each time', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  const out: number[] = [];
  for (let i = 0; i < 4; i++) {
    w.prober.set(1000, 'refusing');
    w.fail(0, 'refused');
    w.timers.advance(50);
    t.equal(w.observed(0), 'ejected');
    w.prober.set(1000, 'alive');
    let ms = 0;
    for (; w.observed(0) !== 'up'; ms += 50) w.timers.advance(50);
    out.push(ms);
  }
  t.ok(out[0]! <= 200, `first ${out[0]} ms`);
  for (let i = 1; i < out.length; i++) t.ok(out[i]! >= out[i - 1]! + 900, `then ${out[i]} ms`);
});

t.test('all may be gone: what nobody listens at is never a matter of shares', async (t) => {
  const w = boardWorld(3);
  w.board.start();
  for (const slot of [0, 1, 2]) {
    w.prober.set(1000 + slot, 'refusing');
    w.fail(slot, 'refused');
  }
  w.timers.advance(50);
  t.same([0, 1, 2].map(w.observed), ['ejected', 'ejected', 'ejected']);
});

t.test('errors in a row eject, for a time that doubles with each repeat', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.fail(0, 'timeout', 2);
  t.equal(w.observed(0), 'up');
  w.fail(0, 'timeout');
  t.equal(w.observed(0), 'ejected');
  t.equal(w.whys[0], '3 failures in a row, the last: timed out; out for 10s');
  w.timers.advance(9_900);
  t.equal(w.observed(0), 'ejected');
  w.timers.advance(200);
  t.equal(w.observed(0), 'up');
  w.fail(0, 'protocol', 3);
  t.equal(w.whys.at(-1), '3 failures in a row, the last: answer is not HTTP; out for 20s');
  w.timers.advance(19_900);
  t.equal(w.observed(0), 'ejected');
  w.timers.advance(200);
  t.equal(w.observed(0), 'up');
});

t.test('a success in between starts the count anew', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  for (let i = 0; i < 10; i++) {
    w.fail(0, 'timeout', 2);
    w.succeed(0);
  }
  t.same(w.told, []);
});

t.test('one failure told by many workers counts once', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  Atomics.add(w.table.failures, 0, 1);
  for (let i = 0; i < 50; i++) w.board.reportFailure(0, 'timeout');
  w.timers.advance(100);
  t.same(w.told, []);
  t.ok(w.prober.count('connect') <= 2, 'and one look answers for all of them');
});

t.test('failures that come late, from requests begun before the ejection, add nothing to it', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.fail(0, 'timeout', 3);
  w.fail(0, 'timeout', 20);
  w.timers.advance(10_100);
  t.same(w.told, ['a up>ejected', 'a ejected>up']);
});

t.test('whose time is served but who does not accept stays out', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.fail(0, 'status', 3);
  w.prober.set(1000, 'refusing');
  w.timers.advance(30_000);
  t.same(w.told, ['a up>ejected']);
  t.equal(w.board.describe(0)!.why, 'connect refused');
  w.prober.set(1000, 'alive');
  w.timers.advance(1100);
  t.equal(w.observed(0), 'up');
});

t.test('no more than the share is ejected for errors, and the operator is told once', async (t) => {
  const w = boardWorld(4);
  w.board.start();
  for (const slot of [0, 1, 2, 3]) w.fail(slot, 'status', 4);
  t.same([0, 1, 2, 3].map(w.observed), ['ejected', 'ejected', 'up', 'up']);
  t.equal(w.warnings.length, 2);
});

t.test('the last of a pool is never ejected for errors, unless maxEjected is 100 %', async (t) => {
  const lone = boardWorld(1);
  lone.board.start();
  lone.fail(0, 'status', 10);
  t.equal(lone.observed(0), 'up');
  const all = boardWorld(1, { passive: { ...HEALTH.passive!, maxEjected: 1 } });
  all.board.start();
  all.fail(0, 'status', 3);
  t.equal(all.observed(0), 'ejected');
});

t.test('passive: false ejects nobody, suspects nobody and looks at nobody', async (t) => {
  const w = boardWorld(2, { passive: null });
  w.board.start();
  w.prober.set(1000, 'refusing');
  w.fail(0, 'refused', 100);
  w.board.reportSuspect(0);
  w.timers.advance(1000);
  t.same(w.told, []);
  t.same(w.prober.looks, []);
});

t.test('a shortage of our own puts nobody out', async (t) => {
  const w = boardWorld(2, { active: ACTIVE });
  w.board.start();
  w.timers.advance(10);
  w.prober.set(1000, 'shortage');
  w.fail(0, 'reset');
  w.board.reportSuspect(0);
  w.timers.advance(30_000);
  t.notOk(w.told.some((change) => change.endsWith('down') || change.endsWith('ejected')));
});

t.test('a name without an address is down and says why, and is checked as soon as it has one', async (t) => {
  const w = boardWorld(2, { active: ACTIVE }, 10_000);
  w.addresses[0] = null;
  w.board.setResolved(0, false, 'app does not resolve: no such name');
  w.board.start();
  w.timers.advance(5000);
  t.equal(w.observed(0), 'down');
  t.equal(w.board.describe(0)!.why, 'app does not resolve: no such name');
  w.addresses[0] = { host: '127.0.0.2', port: 1000 };
  w.board.setResolved(0, true, 'app is 127.0.0.2');
  w.timers.advance(5);
  t.equal(w.observed(0), 'up');
});

t.test('who only waited for the first look-up of its name was never away, and is not cold', async (t) => {
  const w = boardWorld(2, {}, 10_000, false);
  t.equal(w.table.observed[0], OBSERVED.down, 'nobody dials what has no address');
  w.board.start();
  w.addresses[0] = { host: '127.0.0.2', port: 1000 };
  w.board.setResolved(0, true, 'app is 127.0.0.2');
  t.equal(w.observed(0), 'up');
  t.equal(w.table.weight[0], 256);
  w.board.setResolved(0, false, 'app does not resolve');
  w.board.setResolved(0, true, 'app is 127.0.0.2');
  t.equal(w.table.weight[0], 26, 'the second time it was away');
});

t.test('a new address is looked at at once', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  w.prober.set(1000, 'refusing');
  w.fail(0, 'refused');
  w.timers.advance(10_000);
  t.equal(w.observed(0), 'ejected');
  w.addresses[0] = { host: '127.0.0.2', port: 1009 };
  w.board.setResolved(0, true, 'app is 127.0.0.2');
  w.timers.advance(5);
  t.equal(w.observed(0), 'up');
});

t.test('what the operator wants is written beside what health sees', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  const epoch = w.table.epoch[0]!;
  w.board.setWanted(0, 'drain');
  t.equal(w.table.wanted[0], WANTED.drain);
  t.ok(w.table.epoch[0]! > epoch);
  t.ok(w.table.serving(0) && !w.table.eligible(0));
  w.board.setWeight(1, 2.5);
  t.equal(w.table.weight[1], 640);
  w.board.setWeight(1, 0);
  t.equal(w.table.weight[1], 0);
  w.board.setWeight(1, 0.001);
  t.equal(w.table.weight[1], 1, 'a small weight is not none');
  t.match(w.board.describe(0), { wanted: 'drain', observed: 'up' });
});

t.test('who comes back warms up in few steps, to its full weight', async (t) => {
  const w = boardWorld(2, {}, 10_000);
  w.board.start();
  t.equal(w.table.weight[0], 256, 'nobody is cold at the start');
  w.prober.set(1000, 'refusing');
  w.fail(0, 'refused');
  w.timers.advance(50);
  w.prober.set(1000, 'alive');
  w.timers.advance(300);
  t.equal(w.observed(0), 'up');
  t.equal(w.table.weight[0], 26);
  const epoch = w.table.epoch[0]!;
  w.timers.advance(5000);
  t.ok(w.table.weight[0]! >= 128 && w.table.weight[0]! <= 154);
  w.timers.advance(5200);
  t.equal(w.table.weight[0], 256);
  t.equal(w.table.epoch[0]! - epoch, 9, 'nine rebuilds');
  t.equal(w.timers.count, 0);
});

t.test('the latency of one that comes back is unknown, that of others is not touched', async (t) => {
  const w = boardWorld(2);
  w.board.start();
  const feed = (): void => {
    w.table.latencyMs.fill(12, 0, 2);
    w.table.latencyAtMs.fill(1, 0, 2);
  };
  feed();
  w.board.setResolved(0, false, 'gone');
  t.equal(w.table.latencyMs[0], 12);
  w.board.setResolved(0, true, '');
  t.same([...w.table.latencyMs.subarray(0, 2)], [0, 12]);
  feed();
  w.board.setWanted(1, 'drain');
  w.board.setWanted(1, 'ready');
  t.equal(w.table.latencyMs[1], 12, 'a drained one had users all the time');
  w.board.setWanted(1, 'maintenance');
  w.board.setWanted(1, 'ready');
  t.same([...w.table.latencyMs.subarray(0, 2)], [12, 0]);
});

t.test('reports for slots that are not ours are dropped', async (t) => {
  const w = boardWorld(1);
  w.board.start();
  w.board.reportFailure(9, 'refused');
  w.board.reportSuccess(9);
  w.board.reportSuspect(9);
  w.board.setWanted(9, 'drain');
  w.board.setWeight(9, 1);
  w.board.setResolved(9, false, 'x');
  t.equal(w.board.describe(9), null);
  t.same(w.told, []);
});

t.test('stopped means stopped: no timer and no probe is left', async (t) => {
  const w = boardWorld(3, { active: ACTIVE }, 5000);
  w.board.start();
  w.timers.advance(3000);
  w.prober.set(1000, 'refusing');
  w.fail(0, 'refused');
  w.prober.set(1001, 'stopped');
  w.board.reportSuspect(1);
  w.timers.advance(200);
  w.fail(2, 'status', 3);
  w.board.stop();
  t.equal(w.timers.count, 0);
  const looks = w.prober.looks.length;
  w.timers.advance(60_000);
  t.equal(w.prober.looks.length, looks);
});
