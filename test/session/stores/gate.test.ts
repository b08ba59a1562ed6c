// The gate before every store, over a driver and a clock that are moved by hand.
import t from 'tap';
import { HandClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { HandTimers } from '../../../src/base/timers.ts';
import { type Query, type StoredValue, StoreFault } from '../../../src/session/store.ts';
import type { StoreDriver } from '../../../src/session/stores/driver.ts';
import { StoreGate } from '../../../src/session/stores/gate.ts';
import type { StoreState } from '../../../src/session/stores/pulse.ts';
import { faultKind, value } from '../../kit/store-drill.ts';

const STORED: StoredValue = {
  bytes: new Uint8Array(1),
  cells: new Map(),
  flags: 0,
  mtimeS: null,
  endsAtS: null,
};

/** Answers when it is told to. */
class HandDriver implements StoreDriver {
  readonly asked: {
    readonly query: Query;
    answer(value: StoredValue | null): void;
    fail(e: unknown): void;
  }[] = [];
  pings = 0;
  alive = true;
  closed = 0;

  get(query: Query): Promise<StoredValue | null> {
    return new Promise((answer, fail) => {
      this.asked.push({ query, answer, fail });
    });
  }

  async ping(): Promise<void> {
    this.pings++;
    if (!this.alive) throw new StoreFault('down', 'still away');
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

function setUp(options: { concurrency?: number; waiting?: number } = {}) {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const driver = new HandDriver();
  const states: StoreState[] = [];
  const gate = new StoreGate(
    driver,
    { deadlineMs: 250, concurrency: 100, waiting: 1000, ...options },
    { clock, timers, random: new SeededRandom(7), changed: (state) => states.push(state) },
  );
  return { clock, timers, driver, gate, states };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('a hit, a miss and a malformed value are passed on and counted', async (t) => {
  const { gate, driver, timers } = setUp();
  const found = [gate.get(value('a')), gate.get(value('b'))];
  const bad = faultKind(gate, value('c'));
  timers.advance(10);
  driver.asked[0]!.answer(STORED);
  driver.asked[1]!.answer(null);
  driver.asked[2]!.fail(new StoreFault('malformed', 'odd'));
  t.same(await Promise.all(found), [STORED, null]);
  t.equal(await bad, 'malformed');
  const { lookups, hits, misses, faults, latencyMs } = gate.counts;
  t.same({ lookups, hits, misses, latencyMs }, { lookups: 3, hits: 1, misses: 1, latencyMs: 20 });
  t.same(faults, { down: 0, late: 0, busy: 0, malformed: 1 });
  t.equal(gate.inFlight, 0);
});

t.test('who asks for the same key shares the look-up in flight, and only for the same', async (t) => {
  const { gate, driver } = setUp();
  const same = [gate.get(value('a')), gate.get(value('a')), gate.get(value('a'))];
  const row = (table: string, columns: string[]): Query => ({
    kind: 'row',
    table,
    keyColumn: 'id',
    key: 'a',
    columns,
  });
  const others: Query[] = [
    value('b'),
    { kind: 'hash', key: 'a', fields: [] },
    { kind: 'hash', key: 'a', fields: ['x'] },
    row('s', ['x']),
    row('t', ['x']),
    row('s', ['x', 'y']),
    { kind: 'document', collection: 's', key: 'a' },
    { kind: 'ask', key: 'a', fields: {}, wanted: [] },
  ];
  for (const other of others) gate.get(other).catch(() => {});
  t.equal(driver.asked.length, 1 + others.length);
  t.equal(gate.counts.shared, 2);
  driver.asked[0]!.answer(STORED);
  t.same(await Promise.all(same), [STORED, STORED, STORED]);
  gate.get(value('a')).catch(() => {});
  t.equal(driver.asked.length, 2 + others.length, 'what was answered is asked anew');
});

t.test('the deadline holds for each from when it came, and a late answer is nobody’s', async (t) => {
  const { gate, driver, timers } = setUp();
  const first = faultKind(gate, value('a'));
  timers.advance(200);
  const second = faultKind(gate, value('b'));
  timers.advance(50);
  t.equal(await first, 'late');
  driver.asked[1]!.answer(null);
  t.equal(await second, 'none');
  driver.asked[0]!.answer(STORED);
  await turn();
  t.same([gate.counts.hits, gate.counts.faults.late], [0, 1]);
  t.equal(timers.count <= 1, true);
});

t.test('no timer stands while nothing is asked', async (t) => {
  const { gate, driver, timers } = setUp();
  t.equal(timers.count, 0);
  const asked = gate.get(value('a'));
  t.equal(timers.count, 1);
  driver.asked[0]!.answer(null);
  await asked;
  timers.advance(250);
  t.equal(timers.count, 0);
});

t.test('a process that did not get to run reads its answers before it calls them late', async (t) => {
  const { gate, driver, timers } = setUp();
  const asked = faultKind(gate, value('a'));
  // The timer is 300 ms late; the answer is in the socket, and is read in the next turn.
  timers.advance(552, 300);
  driver.asked[0]!.answer(STORED);
  await turn();
  timers.advance(10);
  t.equal(await asked, 'found');
});

t.test('more than may be in flight wait in line, and more than may wait are refused', async (t) => {
  const { gate, driver } = setUp({ concurrency: 2, waiting: 3 });
  const kinds = Array.from({ length: 6 }, (_, i) => faultKind(gate, value(`k${i}`)));
  t.equal(driver.asked.length, 2);
  t.equal(gate.waiting, 3);
  t.equal(await kinds[5], 'busy');
  driver.asked[0]!.answer(null);
  await turn();
  t.same(
    driver.asked.map(({ query }) => query.key),
    ['k0', 'k1', 'k2'],
    'first come, first served',
  );
  for (let i = 1; i < 5; i++) {
    driver.asked[i]!.answer(null);
    await turn();
  }
  t.same(await Promise.all(kinds), ['none', 'none', 'none', 'none', 'none', 'busy']);
  t.same([gate.inFlight, gate.waiting], [0, 0]);
});

t.test(
  'who waits in line too long is told that it is busy, and a hung store never has more questions',
  async (t) => {
    const { gate, driver, timers } = setUp({ concurrency: 2, waiting: 10 });
    const kinds = Array.from({ length: 5 }, (_, i) => faultKind(gate, value(`k${i}`)));
    timers.advance(250);
    t.same(await Promise.all(kinds), ['late', 'late', 'busy', 'busy', 'busy']);
    const more = Array.from({ length: 5 }, (_, i) => faultKind(gate, value(`m${i}`)));
    t.equal(driver.asked.length, 2);
    timers.advance(250);
    t.same(new Set(await Promise.all(more)), new Set(['busy']));
    for (const one of driver.asked) one.fail(new Error('cut off'));
    await turn();
    t.same([gate.inFlight, gate.waiting, gate.state.up], [0, 0, true], 'the late ones were counted once');
  },
);

t.test('a store that fails in a row is down: look-ups fail at once until a ping succeeds', async (t) => {
  const { gate, driver, timers, states } = setUp();
  driver.alive = false;
  for (let i = 0; i < 5; i++) {
    const kind = faultKind(gate, value('a'));
    driver.asked.at(-1)!.fail(new StoreFault('down', 'redis: ECONNREFUSED'));
    t.equal(await kind, 'down');
  }
  t.match(states, [{ up: false, why: 'redis: ECONNREFUSED' }]);
  const asked = driver.asked.length;
  t.equal(await faultKind(gate, value('a')), 'down');
  t.equal(driver.asked.length, asked, 'nothing is asked');
  for (let i = 0; i < 60; i++) {
    timers.advance(1000);
    await turn();
  }
  t.ok(driver.pings >= 30 && driver.pings <= 60, `pings back off: ${driver.pings} in a minute`);
  driver.alive = true;
  for (let i = 0; i < 8 && !gate.state.up; i++) {
    timers.advance(1000);
    await turn();
  }
  t.match(states.at(-1), { up: true, why: null });
  const good = faultKind(gate, value('a'));
  driver.asked.at(-1)!.answer(null);
  t.equal(await good, 'none');
});

t.test(
  'a store that answers pings and no questions goes down again at its next fault, with longer breaks',
  async (t) => {
    const { gate, driver, timers, states } = setUp();
    const fail = async (): Promise<void> => {
      const kind = faultKind(gate, value('a'));
      driver.asked.at(-1)!.fail(new StoreFault('down', 'no permission'));
      await kind;
    };
    for (let i = 0; i < 5; i++) await fail();
    for (let round = 0; round < 5; round++) {
      for (let ms = 0; !gate.state.up && ms < 10_000; ms += 50) {
        timers.advance(50);
        await turn();
      }
      t.equal(gate.state.up, true);
      await fail();
      t.equal(gate.state.up, false);
    }
    const downs = states.filter(({ up }) => !up).map(({ sinceMs }) => sinceMs);
    t.ok(downs.at(-1)! - downs.at(-2)! > 3 * (downs[1]! - downs[0]!));
  },
);

t.test('malformed values and busy lines never take a store down', async (t) => {
  const { gate, driver } = setUp();
  for (let i = 0; i < 20; i++) {
    const kind = faultKind(gate, value('a'));
    driver.asked.at(-1)!.fail(new StoreFault('malformed', 'odd'));
    t.equal(await kind, 'malformed');
  }
  t.equal(gate.state.up, true);
});

t.test('whatever a driver throws is a fault, which says no more than its name', async (t) => {
  const { gate, driver } = setUp();
  for (const thrown of [new TypeError('key sess:abc'), 'sess:abc', null, { message: 'sess:abc' }]) {
    const asked = gate.get(value('a'));
    driver.asked.at(-1)!.fail(thrown);
    await asked.catch((error: unknown) => {
      t.ok(error instanceof StoreFault);
      t.notMatch((error as Error).message, /abc/);
    });
  }
});

t.test('closing ends all that waits, once', async (t) => {
  const { gate, driver } = setUp({ concurrency: 1 });
  const kinds = [faultKind(gate, value('a')), faultKind(gate, value('b'))];
  await gate.close();
  await gate.close();
  t.same(await Promise.all(kinds), ['down', 'down']);
  t.equal(await faultKind(gate, value('c')), 'down');
  t.same([driver.closed, driver.asked.length, gate.waiting], [1, 1, 0]);
});

t.test('a long busy time leaves nothing behind', async (t) => {
  const { gate, driver, timers } = setUp({ concurrency: 10, waiting: 100 });
  for (let i = 0; i < 20_000; i++) {
    const asked = gate.get(value(`k${i}`));
    driver.asked.pop()!.answer(null);
    await asked;
    if (i % 10 === 0) timers.advance(1);
  }
  t.same([gate.inFlight, gate.waiting, gate.counts.misses], [0, 0, 20_000]);
  timers.advance(500);
  t.equal(timers.count, 0);
});

/** A gate whose store went down and came back. */
async function recovered(options: { concurrency?: number; waiting?: number } = {}) {
  const world = setUp(options);
  const { gate, driver, timers } = world;
  for (let i = 0; i < 5; i++) {
    const kind = faultKind(gate, value('a'));
    driver.asked.at(-1)!.fail(new StoreFault('down', 'ECONNRESET'));
    await kind;
  }
  for (let i = 0; i < 10 && !gate.state.up; i++) {
    timers.advance(100);
    await turn();
  }
  driver.asked.length = 0;
  return world;
}

t.test('after an outage a sixteenth asks first, and twice as many with each round of answers', async (t) => {
  const { gate, driver } = await recovered();
  const kinds = Array.from({ length: 500 }, (_, i) => faultKind(gate, value(`k${i}`)));
  const rounds: number[] = [];
  for (let answered = 0; answered < 500; await turn()) {
    const round = driver.asked.slice(answered);
    rounds.push(round.length);
    answered += round.length;
    for (const one of round) one.answer(null);
  }
  t.same(rounds.slice(0, 5), [7, 14, 28, 56, 100], 'and never more than all places');
  t.same(new Set(await Promise.all(kinds)), new Set(['none']));
  t.equal(gate.places, 100);
});

t.test('before the first outage all places are there, and a single place is never taken away', async (t) => {
  t.equal(setUp().gate.places, 100);
  t.equal((await recovered({ concurrency: 1 })).gate.places, 1);
  t.equal((await recovered({ concurrency: 17 })).gate.places, 2);
});

t.test('who finds no place in time while it ramps up is told that it is busy', async (t) => {
  const { gate, driver, timers } = await recovered({ waiting: 20 });
  const kinds = Array.from({ length: 30 }, (_, i) => faultKind(gate, value(`k${i}`)));
  t.same(await Promise.all(kinds.slice(27)), ['busy', 'busy', 'busy'], 'the line is as long as ever');
  timers.advance(200);
  for (const one of driver.asked.slice(0, 3)) one.answer(null);
  await turn();
  t.equal(driver.asked.length, 13, 'three answers make three more places');
  timers.advance(50);
  const told = await Promise.all(kinds);
  const count = (kind: string): number => told.filter((each) => each === kind).length;
  t.same([count('none'), count('late'), count('busy')], [3, 10, 17]);
});

t.test('the first fault on trial takes it down again; a later one halves the places', async (t) => {
  const again = await recovered();
  const first = faultKind(again.gate, value('a'));
  again.driver.asked[0]!.fail(new StoreFault('down', 'ECONNRESET'));
  await first;
  t.equal(again.gate.state.up, false);

  const { gate, driver } = await recovered();
  const answer = async (much: number): Promise<void> => {
    for (let i = 0; i < much; i++) {
      const asked = gate.get(value('a'));
      driver.asked.at(-1)!.answer(null);
      await asked;
    }
  };
  await answer(33);
  t.equal(gate.places, 40);
  const fail = async (): Promise<void> => {
    const kind = faultKind(gate, value('a'));
    driver.asked.at(-1)!.fail(new StoreFault('down', 'ECONNRESET'));
    await kind;
  };
  for (const places of [20, 10, 7, 7]) {
    await fail();
    t.equal(gate.places, places);
  }
  t.equal(gate.state.up, true);
  await answer(93);
  t.equal(gate.places, 100);
  await fail();
  t.equal(gate.places, 100, 'a store that has all places back is judged by faults in a row');
});

t.test('who got a place when its time was nearly over says nothing of the store by being late', async (t) => {
  const { gate, driver, timers } = setUp({ concurrency: 5 });
  const first = Array.from({ length: 5 }, (_, i) => faultKind(gate, value(`k${i}`)));
  const queued = Array.from({ length: 5 }, (_, i) => faultKind(gate, value(`m${i}`)));
  timers.advance(200);
  for (const one of driver.asked.slice(0, 5)) one.answer(null);
  await Promise.all(first);
  await turn();
  t.equal(driver.asked.length, 10);
  timers.advance(50);
  t.same(await Promise.all(queued), Array(5).fill('late'));
  t.equal(gate.state.up, true);
  timers.advance(50);
  for (const one of driver.asked.slice(5)) one.answer(null);
  await turn();
  t.same([gate.state.up, gate.inFlight], [true, 0], 'it answered within the time that it had');
});

t.test('a store that hangs under a full line is found down when its driver lets go', async (t) => {
  const { gate, driver, timers } = setUp({ concurrency: 5 });
  const first = Array.from({ length: 5 }, (_, i) => faultKind(gate, value(`k${i}`)));
  const queued = Array.from({ length: 5 }, (_, i) => faultKind(gate, value(`m${i}`)));
  timers.advance(200);
  for (const one of driver.asked.slice(0, 5)) one.answer(null);
  await Promise.all([...first, turn()]);
  timers.advance(800);
  await Promise.all(queued);
  t.equal(gate.state.up, true);
  for (const one of driver.asked.slice(5)) one.fail(new StoreFault('down', 'cut off'));
  await turn();
  t.equal(gate.state.up, false);
});
