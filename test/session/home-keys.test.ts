// By what the home of a session is found: the same in every worker and replica, for as long as the session is the same to its framework.
import { createHmac } from 'node:crypto';
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import type { SessionFormat } from '../../src/session/format.ts';
import type { HomesWanted } from '../../src/session/home-keys.ts';
import { buildSession } from '../../src/session/open-session.ts';
import type { SessionOptions } from '../../src/session/options.ts';
import type { Standing, VerdictWaiter } from '../../src/session/standing.ts';
import { type StoredValue, StoreFault, type WatchableStore } from '../../src/session/store.ts';
import { type Finding, genuine, invalid, VERDICT_NAMES } from '../../src/session/verdict.ts';
import { SessionVerifier } from '../../src/session/verifier.ts';

const SECRET = 'the secret of this test';
const OPTIONS: SessionOptions = {
  name: 'members',
  verify: 'express-session',
  format: { storeSecret: null },
  cookie: 'connect.sid',
  secrets: [SECRET],
  user: ['userId'],
  store: null,
  rows: null,
  require: 'login',
  exempt: [],
  onFail: { kind: 'auto' },
  ambiguous: 'forward',
  cache: { ttlMs: 1000, entries: 10, push: false },
  outage: { graceMs: 5000, unjudged: 'forward', readyz: false },
  pass: { user: 'Limpet-User', fields: [] },
};

function setup(format: SessionFormat, store: WatchableStore | null, homes: HomesWanted | null = 'user') {
  const clock = new HandClock();
  const bugs: unknown[] = [];
  const verifier = new SessionVerifier({
    options: OPTIONS,
    format,
    store,
    ...(homes === null ? {} : { homes }),
    timers: new HandTimers(clock),
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    onChecked: () => {},
    onBug: (_session, error) => bugs.push(error),
  });
  const check = async (cookies: string): Promise<Standing> => {
    let told: Standing | null = null;
    const waiter: VerdictWaiter = { waitsFor: null, onVerdict: (standing) => (told = standing) };
    const source = { cookies, authorization: null, userAgent: null, clientAddress: '192.0.2.1' };
    const now = verifier.check(source, waiter);
    while (now === null && told === null) await new Promise((resolve) => setImmediate(resolve));
    return now ?? told!;
  };
  return { clock, verifier, check, bugs };
}

/** A store of what the test says; `away`: it does not answer. */
class Store implements WatchableStore {
  readonly watch = null;
  readonly values = new Map<string, object>();
  away = false;

  async get({ key }: { readonly key: string }): Promise<StoredValue | null> {
    if (this.away) throw new StoreFault('down', 'away');
    const value = this.values.get(key);
    if (value === undefined) return null;
    return {
      bytes: Buffer.from(JSON.stringify(value)),
      cells: new Map(),
      endsAtS: null,
      flags: 0,
      mtimeS: null,
    };
  }
}

const signed = (id: string): string =>
  `s:${id}.${createHmac('sha256', SECRET).update(id).digest('base64').replace(/=+$/, '')}`;
const cookie = (id: string): string => `connect.sid=${encodeURIComponent(signed(id))}`;
// Because: of where its sessions are kept the format reads nothing but the family.
const redis = { family: 'redis', prefix: null } as SessionOptions['store'];
const express = (): SessionFormat => buildSession({ ...OPTIONS, store: redis });
const verdict = (standing: Standing): string => VERDICT_NAMES[standing.verdict]!;

t.test('sessions of one user share his key and no other; a visitor has his session’s alone', async (t) => {
  const store = new Store();
  const { check } = setup(express(), store);
  store.values.set('sess:phone', { userId: 42 });
  store.values.set('sess:desk', { userId: '42' });
  store.values.set('sess:other', { userId: 43 });
  store.values.set('sess:visitor', { cart: [] });
  const homes = [];
  for (const id of ['phone', 'desk', 'other', 'visitor']) homes.push((await check(cookie(id))).home!);
  const [phone, desk, other, visitor] = homes;
  const user = (home: typeof phone) => [home?.userHi, home?.userLo];
  t.same(user(phone), user(desk));
  t.strictNotSame(user(phone), user(other));
  t.same(user(visitor), [0, 0]);
  t.equal(new Set(homes.map(({ sessionLo }) => sessionLo)).size, 4);
  t.equal(new Set(homes.map(({ sessionHi }) => sessionHi)).size, 4);
  t.same(phone, (await check(cookie('phone'))).home, 'remembered with the verdict');
});

t.test('another worker and another spelling find the same key', async (t) => {
  const keys = [];
  for (const cookies of [cookie('one'), `connect.sid=${signed('one')}`]) {
    const store = new Store();
    store.values.set('sess:one', { userId: 1 });
    keys.push((await setup(express(), store).check(cookies)).home);
  }
  t.same(keys[0], keys[1]);
});

t.test('what an answer sets has the key that it will be asked with', async (t) => {
  const store = new Store();
  const { verifier, check, bugs } = setup(express(), store);
  const given = verifier.credentials.givenHome(`theme=dark; ${cookie('new')}; a=b`)!;
  store.values.set('sess:new', { userId: 1 });
  const asked = (await check(cookie('new'))).home!;
  t.same([given.sessionHi, given.sessionLo], [asked.sessionHi, asked.sessionLo]);
  for (const none of ['', 'theme=dark', 'connect.sid=', 'connect.sid=s%3Aforged.signature'])
    t.equal(verifier.credentials.givenHome(none), null, none);
  t.same(bugs, []);
});

t.test('the store goes away: first by user, as he is remembered; a stranger by his session', async (t) => {
  const store = new Store();
  const { clock, check } = setup(express(), store);
  store.values.set('sess:known', { userId: 1 });
  const before = (await check(cookie('known'))).home;
  store.away = true;
  clock.advance(1200);
  const stale = await check(cookie('known'));
  t.match(stale.lines, /;stale/);
  t.same(stale.home, before);
  clock.advance(60_000);
  const lost = await check(cookie('known'));
  t.equal(verdict(lost), 'unknown');
  t.same(lost.home, before, 'beyond its grace the verdict is gone, but not the home');
  const stranger = await check(cookie('stranger'));
  t.equal(verdict(stranger), 'unknown');
  t.same([stranger.home?.userHi, stranger.home?.userLo], [0, 0]);
  t.not(stranger.home?.sessionLo, before?.sessionLo);
});

t.test('a session that is over is known by its key, one that was forged by none', async (t) => {
  const { check } = setup(express(), new Store());
  const over = await check(cookie('logged-out'));
  t.equal(verdict(over), 'invalid');
  t.ok(over.home !== null);
  for (const none of ['', 'connect.sid=s%3Aforged.signature']) t.equal((await check(none)).home, null);
});

t.test('where no pool asks, nothing is kept', async (t) => {
  const store = new Store();
  store.values.set('sess:one', { userId: 1 });
  const { verifier, check } = setup(express(), store, null);
  for (const id of ['one', 'two']) t.equal((await check(cookie(id))).home, null);
  t.equal(verifier.credentials.givenHome(cookie('one')), null);
});

t.test('where pools ask for sessions alone, users are not looked at', async (t) => {
  const store = new Store();
  store.values.set('sess:one', { userId: 1 });
  const { home } = await setup(express(), store, 'session').check(cookie('one'));
  t.same([home?.userHi, home?.userLo], [0, 0]);
});

/** A session that is in its cookie whole, written anew with every answer: `ID.CONTENT`, whose id only the check sees. */
const inCookie = (seesId: boolean): SessionFormat => ({
  prepare: null,
  steps: [],
  read: ({ cookies }) => {
    const value = /connect\.sid=([^;]+)/.exec(cookies)?.[1];
    if (value === undefined) return invalid('credential.none');
    const found: Finding = genuine('u', { value });
    return {
      identity: value,
      check: () => (seesId ? { ...found, session: value.split('.')[0]! } : found),
    };
  },
});

t.test('a cookie that changes with what it holds has one home, where there is an id in it', async (t) => {
  const { verifier, check } = setup(inCookie(true), null);
  const first = (await check('connect.sid=id.one')).home;
  const second = (await check('connect.sid=id.two')).home;
  t.same(first, second);
  const given = verifier.credentials.givenHome('connect.sid=id.three');
  t.same([given?.sessionHi, given?.sessionLo], [first?.sessionHi, first?.sessionLo]);
  const bare = setup(inCookie(false), null);
  const changed = [await bare.check('connect.sid=id.one'), await bare.check('connect.sid=id.two')];
  t.strictNotSame(changed[0]!.home, changed[1]!.home, 'else each is learned from the answer that sets it');
});

t.test(
  'a format that fails on what an app sets is told as our own fault, and costs a home alone',
  async (t) => {
    const broken: SessionFormat = {
      prepare: null,
      steps: [],
      read: () => {
        throw new TypeError('a bug');
      },
    };
    const { verifier, bugs } = setup(broken, null);
    t.equal(verifier.credentials.givenHome('a=b'), null);
    t.match(bugs, [{ message: 'a bug' }]);
  },
);
