// What pushed changes promise: no verdict outlives what it was read from, none is asked for without need, and floods meet bounds.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { HandTimers } from '../../src/base/timers.ts';
import type { CredentialSource, Pending, SessionFormat } from '../../src/session/format.ts';
import { together } from '../../src/session/open-session.ts';
import type { SessionOptions, SessionStoreOptions } from '../../src/session/options.ts';
import { isTracked, Standing, type VerdictWaiter } from '../../src/session/standing.ts';
import {
  type StoredValue,
  StoreFault,
  type StoreListener,
  type StoreReader,
  type WatchableStore,
} from '../../src/session/store.ts';
import { PUSH_NAMES, StoreWatch } from '../../src/session/store-watch.ts';
import type { StoreDriver } from '../../src/session/stores/driver.ts';
import { StoreGate } from '../../src/session/stores/gate.ts';
import { STORE_DEFAULTS } from '../../src/session/stores/open-store.ts';
import { AGAIN } from '../../src/session/tracked.ts';
import { genuine, invalid, VERDICT_NAMES } from '../../src/session/verdict.ts';
import { SessionVerifier } from '../../src/session/verifier.ts';
import { ChangeLog } from '../kit/change-log.ts';

const TTL_MS = 1000;
const HOUR_MS = 3_600_000;

const STORE: SessionStoreOptions = {
  ...STORE_DEFAULTS,
  family: 'redis',
  url: 'redis://127.0.0.1',
  prefix: null,
  table: null,
};

const options = (entries: number, concurrency: number): SessionOptions => ({
  name: 'members',
  verify: 'express-session',
  format: {},
  cookie: 'sid',
  secrets: [],
  user: ['id'],
  store: { ...STORE, concurrency },
  rows: null,
  require: 'login',
  exempt: [],
  onFail: { kind: 'auto' },
  ambiguous: 'forward',
  cache: { ttlMs: TTL_MS, entries, push: true },
  outage: { graceMs: 60_000, unjudged: 'forward', readyz: false },
  pass: { user: 'Limpet-User', fields: [] },
});

interface Held {
  readonly text: string;
  readonly endsAtS: number | null;
}

/** A store whose answers come when the test says so. */
class FakeStore implements WatchableStore, StoreDriver {
  readonly held = new Map<string, Held>();
  listener!: StoreListener;
  gets = 0;
  failing = false;
  /** Left out: it answers one question at a time. */
  together?: NonNullable<WatchableStore['together']>;
  /** Held back answers; null: they come at once. */
  late: (() => void)[] | null = null;

  readonly watch = (listener: StoreListener): void => {
    this.listener = listener;
  };

  async get({ key }: { readonly key: string }): Promise<StoredValue | null> {
    this.gets++;
    // As the server has it when it is asked; the answer may be long under way.
    const held = this.held.get(key);
    const { failing } = this;
    const { late } = this;
    if (late !== null) await new Promise<void>((resolve) => late.push(resolve));
    if (failing) throw new StoreFault('down', 'the test says so');
    if (held === undefined) return null;
    const { text, endsAtS } = held;
    return { bytes: Buffer.from(text), cells: new Map(), flags: 0, mtimeS: null, endsAtS };
  }

  put(key: string, text: string, endsAtS: number | null = null): void {
    this.held.set(key, { text, endsAtS });
    this.listener.changed(key);
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  drop(key: string): void {
    this.held.delete(key);
    this.listener.changed(key);
  }
}

/**
 * Reads the keys that are named in the cookie, `+` between them and behind `~` what makes another credential of it; `ends=S` in a value is an
 * end of its own. The first end counts, as in the frameworks that have both.
 */
class FakeFormat implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['it is looked at'];

  read({ cookies }: CredentialSource): Pending {
    const keys = cookies.replace(/^sid=|~.*/g, '').split('+');
    return {
      identity: cookies,
      check: async (store: StoreReader) => {
        let ends: number | null = null;
        for (const key of keys) {
          const stored = await store.get({ kind: 'value', key });
          if (stored === null) return invalid('store.none');
          const own = /ends=(\d+)/.exec(Buffer.from(stored.bytes).toString())?.[1];
          for (const end of [own === undefined ? null : Number(own), stored.endsAtS])
            if (end !== null && (ends === null || end < ends)) ends = end;
        }
        return genuine(keys[0]!, new Map(), ends);
      },
    };
  }
}

class Waiter implements VerdictWaiter {
  waitsFor: object | null = null;
  told: Standing | null = null;
  onVerdict(standing: Standing): void {
    this.told = standing;
  }
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

interface Setup {
  readonly entries?: number;
  readonly concurrency?: number;
  /** Behind a gate, as every store is: equal questions are one. */
  readonly gated?: boolean;
}

function setup({ entries = 100, concurrency = 100, gated = false }: Setup = {}) {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const store = new FakeStore();
  const bounds = { deadlineMs: 250, concurrency, waiting: 1000 };
  const pushes: Record<string, number> = Object.fromEntries(PUSH_NAMES.map((name) => [name, 0]));
  const vouched: (string | null)[] = [];
  const verifier = new SessionVerifier({
    options: options(entries, concurrency),
    format: new FakeFormat(),
    store: gated ? new StoreGate(store, bounds, { clock, timers, random: new SeededRandom(7) }) : store,
    timers,
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    onChecked: () => {},
    onPush: (result) => {
      pushes[PUSH_NAMES[result]!]!++;
    },
    onVouch: (up, why) => vouched.push(up ? 'up' : why),
    onBug: (_session, error) => {
      throw error;
    },
  });
  const source = (id: string): CredentialSource => ({
    cookies: `sid=${id}`,
    authorization: null,
    userAgent: null,
    clientAddress: '192.0.2.1',
  });
  /** The verdict, and whether the store was asked for it. */
  const ask = async (id: string): Promise<string> => {
    const before = store.gets;
    const waiter = new Waiter();
    const at = verifier.check(source(id), waiter);
    if (at === null) await settled();
    const standing = at ?? waiter.told!;
    const stale = standing.lines.includes(';stale') ? ' stale' : '';
    return `${VERDICT_NAMES[standing.verdict]}${stale}${store.gets > before ? ' asked' : ''}`;
  };
  /** The verdict as a connection holds it. */
  const hold = async (id: string): Promise<Standing> => {
    const waiter = new Waiter();
    const at = verifier.check(source(id), waiter);
    // The test may let its answer wait for a while.
    for (let i = 0; at === null && (i === 0 || waiter.told === null) && i < 50; i++) await settled();
    return at ?? waiter.told!;
  };
  const pass = async (ms: number): Promise<void> => {
    timers.advance(ms);
    await settled();
  };
  const stands = (standing: Standing): boolean => standing.stands(clock.nowMs());
  return { clock, timers, store, pushes, vouched, verifier, source, ask, hold, pass, stands };
}

t.test('a verdict stands for an hour where every change is told, and else for its ttl', async (t) => {
  const { clock, store, ask, vouched } = setup();
  store.held.set('a', { text: 'x', endsAtS: null });
  t.equal(await ask('a'), 'valid asked');
  clock.advance(TTL_MS);
  store.listener.vouches(true, null);
  t.equal(await ask('a'), 'valid asked', 'what was read before is not vouched for');
  clock.advance(HOUR_MS - 1);
  t.equal(await ask('a'), 'valid');
  clock.advance(1);
  t.equal(await ask('a'), 'valid asked');
  t.same(vouched, ['up']);
});

t.test('a touch leaves the verdict, with the new end; many cost two readings', async (t) => {
  const { clock, store, ask, pass, pushes } = setup();
  const nowS = clock.wallMs() / 1000;
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: nowS + 10 });
  await ask('a');
  store.gets = 0;
  for (let i = 0; i < 100; i++) {
    store.put('a', 'x', nowS + 20 + i);
    await pass(0.19);
  }
  await pass(40);
  t.equal(store.gets, 2);
  t.equal(pushes.confirmed, 2);
  clock.advance(90_000);
  t.equal(await ask('a'), 'valid', 'longer than it had at first');
  store.put('a', 'x', clock.wallMs() / 1000 + 5);
  await pass(40);
  clock.advance(4900);
  t.equal(await ask('a'), 'valid');
  clock.advance(100);
  t.equal(await ask('a'), 'valid asked', 'and shorter, where it was cut short');
});

t.test('busy sessions are read together, without their ends, and stand for a moment only', async (t) => {
  const { clock, store, ask, pass, pushes } = setup();
  const asked: (readonly string[])[] = [];
  store.together = async (keys) => {
    asked.push(keys);
    if (store.failing) throw new StoreFault('down', 'the test says so');
    return keys.map((key) => {
      const text = store.held.get(key)?.text;
      if (text === undefined) return null;
      return { bytes: Buffer.from(text), cells: new Map(), flags: 0, mtimeS: null, endsAtS: null };
    });
  };
  store.listener.vouches(true, null);
  const keys = Array.from({ length: 70 }, (_, i) => `k${i}`);
  for (const key of keys) {
    store.held.set(key, { text: key, endsAtS: null });
    await ask(key);
  }
  const touchAll = async (): Promise<void> => {
    store.gets = 0;
    asked.length = 0;
    for (const key of keys) store.listener.changed(key);
    await pass(40);
  };
  await touchAll();
  t.same(
    asked.map(({ length }) => length),
    [64, 6],
  );
  t.equal(store.gets, 0, 'and none alone');
  t.equal(pushes.confirmed, 70);
  clock.advance(TTL_MS - 1);
  t.equal(await ask('k0'), 'valid');
  clock.advance(1);
  t.equal(await ask('k1'), 'valid asked', 'its end may have been brought forward meanwhile');
  clock.advance(TTL_MS);
  await touchAll();
  t.same([asked.length, asked[0]?.length ?? 0, store.gets], [1, 1, 69], 'who was quiet is read with his end');
  store.held.delete('k2');
  store.held.set('k3', { text: 'somebody else', endsAtS: null });
  await touchAll();
  t.equal(await ask('k2'), 'invalid asked');
  t.equal(await ask('k3'), 'valid asked', 'what changed is asked for anew');
  t.equal(await ask('k4'), 'valid');
  store.failing = true;
  await touchAll();
  t.ok(pushes.failed! > 0);
  clock.advance(50);
  t.equal(await ask('k4'), 'unknown asked', 'what could not be read again is in doubt, also in an outage');
});

t.test('a change while sessions are read together is not missed', async (t) => {
  const { clock, store, hold, pass, stands, pushes } = setup();
  const asked: (readonly string[])[] = [];
  let late: (() => void) | null = null;
  store.together = async (keys) => {
    asked.push(keys);
    // As the server has them when it is asked.
    const texts = keys.map((key) => store.held.get(key)?.text);
    const { failing } = store;
    await new Promise<void>((resolve) => {
      late = resolve;
    });
    if (failing) throw new StoreFault('down', 'the test says so');
    return texts.map((text) =>
      text === undefined
        ? null
        : { bytes: Buffer.from(text), cells: new Map(), flags: 0, mtimeS: null, endsAtS: null },
    );
  };
  const answer = async (): Promise<void> => {
    late!();
    await settled();
  };
  store.listener.vouches(true, null);
  const held: Standing[] = [];
  for (const key of ['a', 'b', 'c', 'd']) {
    store.held.set(key, { text: 'x', endsAtS: null });
    held.push(await hold(key));
  }
  const [a, b, c, d] = held as [Standing, Standing, Standing, Standing];
  for (const key of ['a', 'b', 'c', 'd']) store.listener.changed(key);
  await pass(0);
  clock.advance(20);
  store.put('a', 'somebody else');
  store.listener.changed('b');
  await answer();
  t.same([a, b, c, d].map(stands), [true, true, true, true], 'nothing else was there when it was asked for');
  await pass(20);
  t.same(asked, [
    ['a', 'b', 'c', 'd'],
    ['a', 'b'],
  ]);
  await answer();
  t.same([a, b, c].map(stands), [false, true, true]);
  // Who logs in anew by the same key while it waits is another: the old one is not read for him.
  store.listener.changed('b');
  store.listener.changed('c');
  const newer = await hold('b~again');
  await pass(40);
  t.same(asked[2], ['c']);
  t.notOk(stands(b));
  t.ok(stands(newer));
  // A reading that fails settles nothing of what came meanwhile.
  store.failing = true;
  await answer();
  store.listener.changed('d');
  await pass(40);
  store.listener.changed('d');
  await answer();
  store.failing = false;
  const failed = pushes.failed;
  await pass(40);
  t.same(asked.at(-1), ['d'], 'and it is read once more');
  await answer();
  t.ok(stands(d));
  t.equal(pushes.failed, failed);
});

t.test('what stands in the session itself is not lengthened by a touch', async (t) => {
  const { clock, store, ask, pass } = setup();
  const nowS = clock.wallMs() / 1000;
  store.listener.vouches(true, null);
  store.held.set('a', { text: `ends=${nowS + 60}`, endsAtS: nowS + 50 });
  await ask('a');
  store.put('a', `ends=${nowS + 60}`, nowS + 500);
  await pass(40);
  clock.advance(59_000);
  t.equal(await ask('a'), 'valid');
  clock.advance(1000);
  t.equal(await ask('a'), 'valid asked');
});

t.test('a logout or a change ends the verdict, also where a connection holds it', async (t) => {
  const { store, ask, hold, pass, stands, pushes } = setup();
  store.listener.vouches(true, null);
  for (const end of [() => store.drop('a'), () => store.put('a', 'another')]) {
    store.held.set('a', { text: 'x', endsAtS: null });
    const held = await hold('a');
    t.ok(stands(held));
    end();
    t.ok(stands(held), 'for a moment more');
    await pass(40);
    t.notOk(stands(held));
    t.match(await ask('a'), /asked/);
  }
  t.equal(pushes.ended, 2);
  store.held.delete('a');
  store.listener.changed('unknown');
  t.equal(pushes.unneeded, 1);
});

t.test('the old verdict stands for 50 ms at most, however long the reading takes', async (t) => {
  const { clock, store, ask, hold, pass, stands, pushes } = setup();
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: null });
  const held = await hold('a');
  store.late = [];
  store.drop('a');
  await pass(49);
  t.ok(stands(held));
  clock.advance(1);
  t.notOk(stands(held));
  for (const answer of store.late.splice(0)) answer();
  store.late = null;
  await settled();
  t.equal(pushes.ended, 1);
  t.equal(await ask('a'), 'invalid asked');
});

t.test('a change while the session is first read is not missed', async (t) => {
  const { store, hold, pass, stands } = setup();
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: null });
  store.late = [];
  const held = hold('a');
  // The answer is under way, and what it holds is not true any more.
  store.drop('a');
  store.late.shift()!();
  store.late = null;
  const standing = await held;
  t.ok(stands(standing));
  await pass(40);
  t.notOk(stands(standing));
});

t.test('a change while it is read again is not missed', async (t) => {
  const { store, hold, pass, stands } = setup();
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: null });
  const standing = await hold('a');
  store.late = [];
  store.put('a', 'x');
  await pass(0);
  store.drop('a');
  store.late.shift()!();
  store.late = null;
  await settled();
  await pass(49);
  t.notOk(stands(standing));
});

t.test('a touch while it is read again is one change more, and has its own moment', async (t) => {
  const { clock, store, hold, pass, stands } = setup();
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: null });
  const standing = await hold('a');
  store.late = [];
  store.listener.changed('a');
  await pass(0);
  clock.advance(40);
  store.listener.changed('a');
  clock.advance(5);
  store.late.shift()!();
  store.late = null;
  await settled();
  clock.advance(44);
  t.ok(stands(standing), 'what was read is true of all before');
  clock.advance(1);
  t.notOk(stands(standing), 'and the touch is in doubt for no longer than any is');
  await pass(0);
  t.ok(stands(standing), 'until it was read again');
});

t.test('who joins a question that was answered before a change does not take it for news', async (t) => {
  const { store, ask, source, verifier, pass } = setup();
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: null });
  store.late = [];
  // Two credentials of one session. The gate lets the second join the first's question.
  const [first, second] = [new Waiter(), new Waiter()];
  verifier.check(source('a'), first);
  const answer = store.late.shift()!;
  store.drop('a');
  store.held.set('a', { text: 'x', endsAtS: null });
  verifier.check(source('a~2'), second);
  store.held.delete('a');
  answer();
  for (const late of store.late.splice(0)) late();
  store.late = null;
  await settled();
  await pass(40);
  t.equal(await ask('a'), 'invalid asked');
  t.equal(await ask('a~2'), 'invalid asked');
});

t.test('what is read over an interruption is not vouched for', async (t) => {
  const { clock, store, ask, hold, pass, stands } = setup();
  store.listener.vouches(true, null);
  for (const id of ['a', 'b']) store.held.set(id, { text: 'x', endsAtS: null });
  const read = await hold('a');
  store.late = [];
  store.listener.changed('a');
  await pass(0);
  const first = hold('b');
  store.listener.vouches(false, 'cut');
  store.listener.vouches(true, null);
  for (const answer of store.late.splice(0)) answer();
  store.late = null;
  await first;
  t.ok(stands(read));
  clock.advance(TTL_MS);
  t.notOk(stands(read));
  t.equal(await ask('b'), 'valid asked');
});

t.test('who joins a question that was asked before changes were told is read again', async (t) => {
  const { clock, store, hold, ask, pass, stands } = setup({ gated: true });
  for (const [id, begins] of [
    ['a', () => {}],
    ['b', () => store.listener.vouches(false, 'cut')],
  ] as const) {
    store.held.set(id, { text: 'x', endsAtS: null });
    store.late = [];
    const first = hold(id);
    begins();
    // The answer is under way; nobody tells of this.
    store.held.delete(id);
    store.listener.vouches(true, null);
    // Another credential of the same session.
    const second = hold(`${id}~2`);
    await settled();
    t.equal(store.late.length, 1, 'there was one question');
    store.late.shift()!();
    store.late = null;
    await first;
    const standing = await second;
    t.ok(stands(standing));
    await pass(40);
    t.notOk(stands(standing));
    t.equal(await ask(`${id}~2`), 'invalid asked');
  }
  store.held.set('c', { text: 'x', endsAtS: null });
  store.late = [];
  const first = hold('c');
  store.listener.vouches(false, 'cut');
  store.listener.vouches(true, null);
  const second = hold('c~2');
  await settled();
  store.late.shift()!();
  store.late = null;
  await first;
  await second;
  await pass(40);
  clock.advance(HOUR_MS / 2);
  t.equal(await ask('c~2'), 'valid', 'and vouched for, where it is still true');
});

t.test('a reading that joins a question from before the change does not settle it', async (t) => {
  const { store, hold, pass, stands, pushes } = setup({ gated: true });
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: null });
  const standing = await hold('a');
  store.late = [];
  // Another credential, which comes to nothing, is answered before the logout.
  const second = hold('a+none');
  await settled();
  const answer = store.late.shift()!;
  store.drop('a');
  await pass(0);
  t.equal(store.late.length, 0, 'the reading has joined it');
  answer();
  store.late = null;
  await second;
  t.same([pushes.confirmed, pushes.ended], [1, 0], 'it has found the old value');
  await pass(40);
  t.equal(pushes.ended, 1);
  t.notOk(stands(standing));
});

t.test('a store that ceases to tell leaves every verdict its ttl, counted from then', async (t) => {
  const { clock, timers, store, hold, stands, vouched } = setup();
  store.listener.vouches(true, null);
  const held: Standing[] = [];
  for (let i = 0; i < 100; i++) {
    store.held.set(`s${i}`, { text: 'x', endsAtS: null });
    held.push(await hold(`s${i}`));
  }
  clock.advance(HOUR_MS / 2);
  store.listener.vouches(false, 'cut');
  store.listener.vouches(false, 'cut');
  timers.advance(TTL_MS - 1);
  t.ok(held.every(stands));
  timers.advance(1);
  t.notOk(held.some(stands));
  t.same(vouched, ['up', 'cut']);
});

t.test('a great many verdicts fall back to their ttl in pieces, and all of them', (t) => {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const store = new FakeStore();
  const shortened = new Set<Standing>();
  let lossMs = -1;
  const watch = new StoreWatch({
    store,
    memory: {
      confirm: () => {},
      confirmBriefly: () => {},
      end: () => {},
      drop: () => {},
      endAll: () => {},
      shorten: (standing, fromMs) => {
        lossMs = fromMs;
        shortened.add(standing);
      },
    },
    timers,
    nowMs: () => clock.nowMs(),
    readings: 1,
    onPush: () => {},
    onVouch: () => {},
  });
  watch.vouches(true, null);
  const { verifier } = setup();
  for (let i = 0; i < 50_000; i++) {
    const standing = new Standing({ verifier, verdict: 0, reason: 'expired' }, HOUR_MS, '');
    standing.tracked = {
      kind: 'value',
      key: `s${i}`,
      print: 1,
      ownEndS: null,
      remembered: `s${i}`,
      next: null,
      endReadS: 0,
      again: AGAIN.no,
    };
    if (isTracked(standing)) watch.keep(standing);
  }
  watch.vouches(false, 'cut');
  t.equal(shortened.size, 5000, 'the first at once');
  timers.advance(0);
  t.equal(shortened.size, 50_000);
  t.equal(lossMs, clock.nowMs(), 'from the same moment on');
  t.end();
});

t.test('a store that cannot tell says so once', async (t) => {
  const { store, vouched } = setup();
  for (let i = 0; i < 3; i++) store.listener.vouches(false, 'it may not');
  store.listener.garbled();
  t.same(vouched, ['it may not']);
});

t.test('when all may have changed nothing stands, also not what is being read', async (t) => {
  const { store, ask, hold, pass, stands } = setup();
  store.listener.vouches(true, null);
  for (const id of ['a', 'b']) store.held.set(id, { text: 'x', endsAtS: null });
  const a = await hold('a');
  store.late = [];
  const b = hold('b');
  store.held.clear();
  store.listener.allChanged();
  t.notOk(stands(a));
  store.late.shift()!();
  store.late = null;
  const standing = await b;
  await pass(40);
  t.notOk(stands(standing));
  t.equal(await ask('a'), 'invalid asked');
});

t.test('a verdict that rests on two values ends with either', async (t) => {
  const { store, hold, pass, stands, pushes } = setup();
  store.listener.vouches(true, null);
  for (const key of ['a', 'b']) {
    for (const id of ['a', 'b']) store.held.set(id, { text: 'x', endsAtS: null });
    const standing = await hold('a+b');
    store.put(key, 'x');
    await pass(40);
    t.ok(stands(standing));
    store.drop(key);
    await pass(40);
    t.notOk(stands(standing));
  }
  t.same([pushes.confirmed, pushes.ended], [2, 2]);
});

t.test('a verdict that had to make room is asked for again, since nobody would end it', async (t) => {
  const { store, ask, hold, stands, pushes, verifier } = setup({ entries: 2 });
  store.listener.vouches(true, null);
  for (const id of ['a', 'b', 'c']) store.held.set(id, { text: 'x', endsAtS: null });
  const held = await hold('a');
  await ask('b');
  await ask('c');
  t.equal(verifier.remembered, 2);
  t.notOk(stands(held));
  store.drop('a');
  t.equal(pushes.unneeded, 1);
  t.equal(await ask('a'), 'invalid asked');
});

t.test('a reading that fails leaves the verdict in doubt, which no outage lengthens', async (t) => {
  const { store, ask, pass, pushes } = setup();
  store.listener.vouches(true, null);
  for (const id of ['a', 'b']) store.held.set(id, { text: 'x', endsAtS: null });
  await ask('a');
  await ask('b');
  store.failing = true;
  store.listener.changed('a');
  await pass(50);
  t.equal(pushes.failed, 1);
  t.equal(await ask('a'), 'unknown asked');
  store.listener.vouches(false, 'cut');
  await pass(TTL_MS);
  t.equal(await ask('b'), 'valid stale asked', 'but that of one that did not change');
});

t.test('a verdict that nobody uses here any more is let go after four changes', async (t) => {
  const { store, ask, pass, pushes, verifier } = setup();
  store.listener.vouches(true, null);
  store.held.set('a', { text: 'x', endsAtS: null });
  await ask('a');
  for (let i = 0; i < 3; i++) {
    store.listener.changed('a');
    await pass(40);
  }
  t.equal(await ask('a'), 'valid');
  for (let i = 0; i < 6; i++) {
    store.listener.changed('a');
    await pass(40);
  }
  t.equal(pushes.confirmed, 3 + 4);
  t.equal(pushes.unneeded, 2);
  t.equal(verifier.remembered, 0);
});

t.test('a flood of changes has half of the places of the store, and a bound', async (t) => {
  const { store, ask, pass, pushes } = setup({ entries: 20_000, concurrency: 8 });
  store.listener.vouches(true, null);
  for (let i = 0; i < 11_000; i++) store.held.set(`s${i}`, { text: 'x', endsAtS: null });
  for (let i = 0; i < 11_000; i += 1000)
    await Promise.all(Array.from({ length: 1000 }, (_, j) => ask(`s${i + j}`)));
  store.late = [];
  store.gets = 0;
  for (let i = 0; i < 11_000; i++) store.listener.changed(`s${i}`);
  await pass(40);
  t.equal(store.gets, 4);
  t.equal(pushes.dropped, 1000);
  store.late.shift()!();
  await settled();
  t.equal(store.gets, 5, 'the next one follows');
});

t.test('two stores tell of changes while both do', (t) => {
  const [cache, rows] = [new FakeStore(), new FakeStore()];
  const log = new ChangeLog();
  const both = together(cache, rows);
  both.watch!(log);
  cache.listener.vouches(true, null);
  t.equal(log.up, false);
  rows.listener.vouches(true, null);
  t.equal(log.up, true);
  cache.listener.changed('a');
  rows.listener.changed('b');
  rows.listener.allChanged();
  rows.listener.garbled();
  t.same([log.keys, log.all, log.garbage], [['a', 'b'], 1, 1]);
  cache.listener.vouches(false, 'cut');
  t.equal(log.up, false);
  t.equal(together(cache, { watch: null, get: () => rows.get({ key: 'a' }) }).watch, null);
  t.end();
});
