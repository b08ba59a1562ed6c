// What outlives its store and what does not: grace from when a verdict was last true, for nobody who was logged out, revoked or in doubt.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import type { CredentialSource, Pending, SessionFormat } from '../../src/session/format.ts';
import type { SessionOptions } from '../../src/session/options.ts';
import type { RevocationSubject, Revocations } from '../../src/session/revocations.ts';
import type { Standing, VerdictWaiter } from '../../src/session/standing.ts';
import {
  type Query,
  type StoredValue,
  StoreFault,
  type StoreFaultKind,
  type StoreListener,
  type StoreReader,
  type WatchableStore,
} from '../../src/session/store.ts';
import { type Finding, genuine, invalid, unknown, VERDICT_NAMES } from '../../src/session/verdict.ts';
import { SessionVerifier, SOURCE_NAMES } from '../../src/session/verifier.ts';

const OPTIONS: SessionOptions = {
  name: 'members',
  verify: 'opaque',
  format: {},
  cookie: 'sid',
  secrets: [],
  user: ['id'],
  store: null,
  rows: null,
  require: 'login',
  exempt: [],
  onFail: { kind: 'auto' },
  ambiguous: 'forward',
  cache: { ttlMs: 1000, entries: 100, push: false },
  outage: { graceMs: 10_000, unjudged: 'forward', readyz: false },
  pass: { user: 'Limpet-User', fields: [] },
};

/** Users by session id; a key that is not there is no session. Fails as it is told to. */
class HandStore implements WatchableStore {
  readonly users = new Map<string, string>();
  away: StoreFaultKind | null = null;
  endsAtS: number | null = null;
  listener: StoreListener | null = null;
  held: (() => void)[] | null = null;
  readonly watch = (listener: StoreListener): void => {
    this.listener = listener;
  };

  async get({ key }: Query): Promise<StoredValue | null> {
    if (this.held !== null) await new Promise<void>((resolve) => this.held!.push(resolve));
    if (this.away !== null) throw new StoreFault(this.away, 'away');
    const user = this.users.get(key);
    if (user === undefined) return null;
    const { endsAtS } = this;
    return { bytes: Buffer.from(user), cells: new Map(), flags: 0, mtimeS: null, endsAtS };
  }
}

/** `sid` is the key; what is stored is the user, or `-` for a visitor. */
class StoredFormat implements SessionFormat {
  readonly prepare = null;
  readonly steps = [];

  read({ cookies }: CredentialSource): Pending | Finding {
    const key = /^sid=(.+)$/.exec(cookies)?.[1];
    if (key === undefined) return invalid('credential.none');
    return { identity: key, check: (store) => this.#check(store, key) };
  }

  async #check(store: StoreReader, key: string): Promise<Finding> {
    const stored = await store.get({ kind: 'value', key });
    if (stored === null) return invalid('store.none');
    const user = Buffer.from(stored.bytes).toString();
    if (user === 'garbage') return unknown('store.malformed');
    return genuine(user === '-' ? null : user, { id: user }, stored.endsAtS);
  }
}

class HandRevocations implements Revocations {
  isAt(sequence: number): boolean {
    return sequence === this.sequence;
  }

  sequence = 1;
  readonly users = new Set<string>();
  readonly notesLogins = false;
  revokesCredential(): boolean {
    return false;
  }
  revokes({ user }: RevocationSubject): boolean {
    return user !== null && this.users.has(user);
  }
  noteLogin(): void {}
}

class Waiter implements VerdictWaiter {
  waitsFor: object | null = null;
  told: Standing | null = null;
  onVerdict(standing: Standing): void {
    this.told = standing;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(options: Partial<SessionOptions> = {}) {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const store = new HandStore();
  const revocations = new HandRevocations();
  const counted: string[] = [];
  let stale = 0;
  const verifier = new SessionVerifier({
    options: { ...OPTIONS, ...options },
    format: new StoredFormat(),
    store,
    revocations,
    timers,
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    onChecked: (verdict, source) => counted.push(`${VERDICT_NAMES[verdict]} ${SOURCE_NAMES[source]}`),
    onStale: () => stale++,
    onBug: (_session, error) => t.fail(String(error)),
  });
  for (const user of ['ann', 'bob', 'eve']) store.users.set(`of-${user}`, user);
  /** What the app is told of the session, and why. */
  const ask = async (key: string): Promise<string> => {
    const source = { cookies: `sid=${key}`, authorization: null, userAgent: null, clientAddress: '::1' };
    const waiter = new Waiter();
    let standing = verifier.check(source, waiter);
    if (standing === null) {
      await settled();
      standing = waiter.told;
    }
    return `${/^Limpet-Session: (.*)\r\n/.exec(standing!.lines)?.[1]} ${standing!.reason}`;
  };
  return { clock, timers, store, revocations, counted, verifier, ask, staleCount: () => stale };
}

const FRESH = 'valid user.known';
const STALE = 'valid;stale user.known';

t.test(
  'a verdict stands for the grace from when it was last known to be true, and then no more',
  async (t) => {
    const { store, timers, ask, counted, staleCount } = setUp();
    t.equal(await ask('of-ann'), FRESH);
    timers.advance(4000);
    t.equal(await ask('of-ann'), FRESH, 'read again: the grace counts from here');
    for (const kind of ['down', 'late', 'busy'] as const) {
      store.away = kind;
      timers.advance(2000);
      t.equal(await ask('of-ann'), STALE, kind);
      t.equal(await ask('of-bob'), `unknown store.${kind}`, 'and who is not remembered is not known');
    }
    timers.advance(4000);
    t.equal(await ask('of-ann'), STALE, 'ten seconds after');
    timers.advance(1);
    t.equal(await ask('of-ann'), 'unknown store.busy', 'asking again and again has lengthened nothing');
    t.equal(staleCount(), 4);
    t.equal(counted.filter((each) => each === 'valid cache').length, 4, 'what is stale was remembered');
  },
);

t.test('the fresh verdict counts as soon as the store is back', async (t) => {
  const { store, timers, ask } = setUp();
  await ask('of-ann');
  await ask('of-bob');
  await ask('of-eve');
  timers.advance(2000);
  store.away = 'down';
  for (const user of ['ann', 'bob', 'eve']) t.equal(await ask(`of-${user}`), STALE);
  store.users.delete('of-bob');
  store.users.set('of-eve', '-');
  store.away = null;
  t.equal(await ask('of-ann'), FRESH);
  t.equal(await ask('of-bob'), 'invalid store.none');
  t.equal(await ask('of-eve'), 'anonymous user.none');
  store.away = 'down';
  timers.advance(2000);
  t.equal(await ask('of-ann'), STALE);
  t.equal(await ask('of-bob'), 'unknown store.down', 'who was logged out stays so in the next outage');
  t.equal(await ask('of-eve'), 'unknown store.down');
});

t.test('nobody who was seen to be logged out comes back through an outage', async (t) => {
  const { store, timers, ask, verifier } = setUp();
  await ask('of-ann');
  store.users.delete('of-ann');
  timers.advance(1500);
  t.equal(await ask('of-ann'), 'invalid store.none');
  t.equal(verifier.remembered, 0);
  store.away = 'down';
  t.equal(await ask('of-ann'), 'unknown store.down');
});

t.test('what the store held in between was something else: it does not come back', async (t) => {
  const { store, timers, ask } = setUp();
  await ask('of-ann');
  timers.advance(1500);
  store.users.set('of-ann', 'garbage');
  t.equal(await ask('of-ann'), 'unknown store.malformed');
  store.away = 'down';
  t.equal(await ask('of-ann'), 'unknown store.down');
});

t.test('no grace reaches beyond the end of the session itself', async (t) => {
  const { clock, store, timers, ask } = setUp();
  store.endsAtS = Math.ceil(clock.wallMs() / 1000) + 3;
  await ask('of-ann');
  store.away = 'down';
  timers.advance(1500);
  t.equal(await ask('of-ann'), STALE);
  timers.advance(1500);
  t.equal(await ask('of-ann'), 'unknown store.down');
});

t.test('a user who was revoked is refused in an outage too, however old the verdict', async (t) => {
  const { store, timers, revocations, ask } = setUp();
  for (const user of ['ann', 'bob', 'eve']) await ask(`of-${user}`);
  store.away = 'down';
  timers.advance(2000);
  t.equal(await ask('of-ann'), STALE);
  revocations.users.add('ann').add('bob');
  revocations.sequence++;
  t.equal(await ask('of-ann'), 'invalid revoked');
  t.equal(await ask('of-eve'), STALE, 'and nobody else');
  timers.advance(20_000);
  t.equal(await ask('of-bob'), 'invalid revoked', 'long after the grace');
  revocations.users.clear();
  revocations.sequence++;
  t.equal(await ask('of-ann'), 'unknown store.down', 'what was lifted only the store could tell');
});

t.test('a grace of nothing is none, and so is one without a cache', async (t) => {
  for (const options of [
    { outage: { ...OPTIONS.outage, graceMs: 0 } },
    { cache: null },
  ] satisfies Partial<SessionOptions>[]) {
    const { store, timers, ask, staleCount } = setUp(options);
    await ask('of-ann');
    timers.advance(1000);
    store.away = 'down';
    t.equal(await ask('of-ann'), 'unknown store.down');
    t.equal(staleCount(), 0);
  }
});

t.test('each of those who wait for one look-up is counted', async (t) => {
  const { store, timers, verifier, ask, staleCount } = setUp();
  await ask('of-ann');
  timers.advance(1000);
  store.held = [];
  store.away = 'late';
  const waiters = [new Waiter(), new Waiter(), new Waiter()];
  const source = { cookies: 'sid=of-ann', authorization: null, userAgent: null, clientAddress: '::1' };
  for (const waiter of waiters) t.equal(verifier.check(source, waiter), null);
  t.equal(store.held.length, 1);
  for (const go of store.held) go();
  await settled();
  for (const { told } of waiters) t.match(told!.lines, /^Limpet-Session: valid;stale\r\n/);
  t.equal(staleCount(), 3);
});

t.test('where more checks are under way than may be, the grace stands', async (t) => {
  const { store, timers, verifier, ask } = setUp();
  await ask('of-ann');
  timers.advance(1000);
  store.held = [];
  const source = (key: string): CredentialSource => ({
    cookies: `sid=${key}`,
    authorization: null,
    userAgent: null,
    clientAddress: '::1',
  });
  for (let i = 0; i < 10_000; i++) verifier.check(source(`many-${i}`), new Waiter());
  t.equal(await ask('of-ann'), STALE);
  t.equal(await ask('of-bob'), 'unknown store.busy');
  for (const go of store.held) go();
  await settled();
});

const PUSHED: Partial<SessionOptions> = { cache: { ttlMs: 1000, entries: 100, push: true } };

t.test('what the store vouched for was true until it ran out', async (t) => {
  const { store, timers, ask } = setUp(PUSHED);
  store.listener!.vouches(true, null);
  await ask('of-ann');
  timers.advance(3_600_000 - 1);
  t.equal(await ask('of-ann'), FRESH, 'an hour, since every change would have been told');
  timers.advance(1);
  store.away = 'late';
  t.equal(await ask('of-ann'), STALE, 'the look-up that came then was slow');
  timers.advance(10_000);
  t.equal(await ask('of-ann'), STALE);
  timers.advance(1000);
  t.equal(await ask('of-ann'), 'unknown store.late');
});

t.test('where the store ceased to tell, the grace counts from then', async (t) => {
  const { store, timers, ask } = setUp(PUSHED);
  store.listener!.vouches(true, null);
  await ask('of-ann');
  timers.advance(60_000);
  store.away = 'down';
  store.listener!.vouches(false, 'the connection was closed');
  await settled();
  t.equal(await ask('of-ann'), FRESH, 'for the time of the cache');
  timers.advance(1000);
  t.equal(await ask('of-ann'), STALE);
  timers.advance(9000);
  t.equal(await ask('of-ann'), STALE);
  timers.advance(1001);
  t.equal(await ask('of-ann'), 'unknown store.down');
});

t.test('a change that was told and could not be read is a doubt that no outage lengthens', async (t) => {
  const { store, timers, ask } = setUp(PUSHED);
  store.listener!.vouches(true, null);
  await ask('of-ann');
  await ask('of-bob');
  store.away = 'down';
  store.listener!.changed('of-ann');
  timers.advance(100);
  await settled();
  store.listener!.vouches(false, 'the connection was closed');
  timers.advance(2000);
  await settled();
  t.equal(await ask('of-ann'), 'unknown store.down');
  t.equal(await ask('of-bob'), STALE);
});

t.test('a logout that was told is one, also while a look-up for it is under way', async (t) => {
  const { store, timers, verifier, ask } = setUp(PUSHED);
  store.listener!.vouches(true, null);
  await ask('of-ann');
  store.listener!.vouches(false, 'for a moment');
  await settled();
  store.listener!.vouches(true, null);
  timers.advance(1500);
  store.held = [];
  const waiter = new Waiter();
  const source = { cookies: 'sid=of-ann', authorization: null, userAgent: null, clientAddress: '::1' };
  t.equal(verifier.check(source, waiter), null);
  store.listener!.allChanged();
  store.away = 'down';
  for (const go of store.held) go();
  await settled();
  t.equal(VERDICT_NAMES[waiter.told!.verdict], 'unknown');
});
