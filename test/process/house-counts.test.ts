// Rates, quantiles and ten minutes of them, from counters that only rise: exact by the time that passed, and bounded.
import t from 'tap';
import { MetricShelf } from '../../src/observe/metric-shelf.ts';
import type { SlottedUpstream } from '../../src/plan/slots.ts';
import { HouseCounts } from '../../src/process/house-counts.ts';
import { Looks, POINTS_MAX } from '../../src/process/rolling-counts.ts';
import { UpstreamTable } from '../../src/upstream/upstream-table.ts';

/** Upstreams of which only the names count here. */
const slotsOf = (names: readonly (readonly [pool: string, upstream: string])[]): SlottedUpstream[] =>
  names.map(
    ([pool, upstream], slot) =>
      ({ slot, pool: { name: pool }, upstream: { name: upstream } }) as SlottedUpstream,
  );

/** A house whose requests a test counts itself, looked at when the test says so. */
function makeHouse(names: readonly (readonly [string, string])[]) {
  const shelf = new MetricShelf({ workers: 1, onFull: () => {} });
  const table = new UpstreamTable(UpstreamTable.allocate(8, 1));
  const looks = new Looks();
  const counts = new HouseCounts();
  let slots = slotsOf(names);
  let nowMs = 0;
  return {
    counts,
    looks,
    table,
    rename: (now: readonly (readonly [string, string])[]) => {
      slots = slotsOf(now);
    },
    /** So many answers with this status, each after `seconds`. */
    answer: (pool: string, upstream: string, code: string, times: number, seconds = 0.002) => {
      const { own } = shelf;
      own.values[own.counter('limpet_requests_total', { route: '/', pool, upstream, code })]! += times;
      const base = own.histogram('limpet_upstream_seconds', { pool, upstream });
      for (let i = 0; i < times; i++) own.observe(base, seconds);
    },
    check: (session: string, verdict: string, times: number) => {
      const { own } = shelf;
      own.values[own.counter('limpet_session_checks_total', { session, verdict, source: 'cache' })]! += times;
    },
    look: (afterMs = 1000) => {
      nowMs += afterMs;
      looks.begin(nowMs, 1_700_000_000_000 + nowMs);
      counts.look(looks, shelf, table, slots, ['members']);
    },
  };
}

t.test('a rate is by the time that passed; errors are those of status 500 and up', async (t) => {
  const house = makeHouse([
    ['shop', 'blue'],
    ['shop', 'green'],
  ]);
  house.answer('shop', 'blue', '200', 1000);
  house.look();
  const { all, pools } = house.counts;
  t.equal(all.requestsPerS, 0, 'what was there before the first look is not new');
  house.answer('shop', 'blue', '200', 30);
  house.answer('shop', 'blue', '502', 10);
  house.answer('shop', 'green', '404', 20);
  house.answer('shop', '', '503', 4);
  house.look(2000);
  t.equal(all.requestsPerS, 32);
  t.equal(all.errorsPerS, 7);
  const shop = pools.get('shop')!;
  t.equal(shop.counts.requestsPerS, 32, 'also those that no upstream was there for');
  t.equal(shop.upstreams.get('blue')!.requestsPerS, 20);
  t.equal(shop.upstreams.get('blue')!.errorsPerS, 5);
  t.equal(shop.upstreams.get('green')!.errorsPerS, 0);
  t.equal(shop.upstreams.get('blue')!.requests, 1040);
});

t.test('the window is five seconds: what is older is forgotten', async (t) => {
  const house = makeHouse([['shop', 'blue']]);
  house.look();
  house.answer('shop', 'blue', '200', 100, 0.04);
  house.look();
  const blue = house.counts.pools.get('shop')!.upstreams.get('blue')!;
  t.ok(blue.p50Ms! > 25 && blue.p50Ms! <= 50, `${blue.p50Ms} ms`);
  for (let i = 0; i < 4; i++) house.look();
  t.equal(blue.requestsPerS, 20, 'five seconds later it is in it yet');
  house.look();
  t.equal(blue.requestsPerS, 0);
  t.equal(blue.p50Ms, null);
});

t.test('an upstream that comes by a reload begins with nothing; one that leaves is forgotten', async (t) => {
  const house = makeHouse([['shop', 'blue']]);
  for (let i = 0; i < 8; i++) house.look();
  house.answer('shop', 'green', '200', 500);
  house.rename([['shop', 'green']]);
  house.look();
  const { upstreams } = house.counts.pools.get('shop')!;
  t.same([...upstreams.keys()], ['green']);
  t.equal(upstreams.get('green')!.requestsPerS, 0);
  house.answer('shop', 'green', '200', 10);
  house.look();
  t.equal(upstreams.get('green')!.requestsPerS, 10);
  house.rename([]);
  house.look();
  t.equal(house.counts.pools.size, 0);
});

t.test('ten minutes are kept in steps of two seconds, and no more', async (t) => {
  const house = makeHouse([['shop', 'blue']]);
  house.table.inFlight[0] = 3;
  for (let second = 0; second < 1000; second++) {
    house.answer('shop', 'blue', '200', second < 900 ? 2 : 8);
    house.look();
  }
  const { looks, counts } = house;
  const times = looks.times();
  t.equal(times.length, POINTS_MAX);
  t.equal(times.at(-1)! - times[0]!, 2 * (POINTS_MAX - 1));
  t.ok(times.every((time, i) => i === 0 || time > times[i - 1]!));
  const line = counts.pools.get('shop')!.upstreams.get('blue')!.column('requestsPerS', looks.points);
  t.equal(line.length, POINTS_MAX);
  t.equal(line[0], 2);
  t.equal(line.at(-1), 8);
  t.equal(counts.all.column('inFlight', looks.points).at(-1), 3);
});

t.test('checks of sessions have their rates too', async (t) => {
  const house = makeHouse([]);
  house.look();
  house.check('members', 'valid', 12);
  house.check('members', 'invalid', 3);
  house.check('members', 'unknown', 1);
  house.look();
  const row = house.counts.sessions.get('members')!;
  t.same([row.perS(0), row.perS(1)], [16, 4]);
});
