// What a verifier makes of revocations: whom it refuses, and which sessions that an app gives out it notes as logins.
import { hash } from 'node:crypto';
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import type { CredentialSource, Pending, SessionFormat } from '../../src/session/format.ts';
import { SessionGuard } from '../../src/session/guard.ts';
import type { SessionOptions } from '../../src/session/options.ts';
import type { RevocationSubject, Revocations } from '../../src/session/revocations.ts';
import type { Standing, VerdictWaiter } from '../../src/session/standing.ts';
import { NO_STORE } from '../../src/session/store.ts';
import { type Finding, genuine, invalid, unknown } from '../../src/session/verdict.ts';
import { SessionVerifier } from '../../src/session/verifier.ts';

const OPTIONS: SessionOptions = {
  name: 'members',
  verify: 'express-session',
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
  outage: { graceMs: 0, unjudged: 'forward', readyz: false },
  pass: { user: 'Limpet-User', fields: [] },
};

/** The user is what stands before the dash of the cookie; a cookie `remember` makes another identity of it. */
class FakeFormat implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['it is looked at'];
  readonly alsoReads = ['remember'];
  readonly #cookie: string;
  find: (value: string) => Finding | Promise<Finding> = (value) => {
    const user = value.split('-')[0]!;
    return user === 'nobody' ? genuine(null, {}) : user === 'gone' ? invalid('expired') : genuine(user, {});
  };

  constructor(cookie: string) {
    this.#cookie = cookie;
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const pairs = cookies.split('; ').map((pair) => pair.split('='));
    const value = pairs.find(([name]) => name === this.#cookie)?.[1];
    const remembered = pairs.some(([name]) => name === 'remember');
    if (value === undefined) return remembered ? unknown('user.remembered') : invalid('credential.none');
    const [identity, alias] = remembered ? [`r${value}`, `-${value}`] : [`-${value}`, `r${value}`];
    return { identity, alias, check: () => this.find(value) };
  }
}

/** Users who are revoked, and the logins that were noted. */
class FakeRevocations implements Revocations {
  sequence = 0;
  notesLogins = false;
  readonly users = new Set<string>();
  readonly named = new Set<string>();
  readonly noted: string[] = [];

  isAt(sequence: number): boolean {
    return sequence === this.sequence;
  }

  revoke(user: string): void {
    this.users.add(user);
    this.sequence++;
    this.notesLogins = true;
  }

  revokesCredential(key: string): boolean {
    return this.named.has(key);
  }

  revokes({ user, key }: RevocationSubject): boolean {
    return user !== null && this.users.has(user) && !this.noted.includes(key);
  }

  noteLogin(key: string): void {
    this.noted.push(key);
  }
}

function setup(options: Partial<SessionOptions> = {}, revocations = new FakeRevocations(), stored = false) {
  const clock = new HandClock();
  const format = new FakeFormat(options.cookie ?? 'sid');
  const verifier = new SessionVerifier({
    options: { ...OPTIONS, ...options },
    format,
    store: stored ? NO_STORE : null,
    revocations,
    timers: new HandTimers(clock),
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    onChecked: () => {},
    onBug: (_session, error) => {
      throw error;
    },
  });
  return { clock, format, revocations, verifier };
}

const source = (cookies: string): CredentialSource => ({
  cookies,
  authorization: null,
  userAgent: null,
  clientAddress: '',
});
class Waiter implements VerdictWaiter {
  waitsFor: object | null = null;
  readonly told: Standing[] = [];
  onVerdict(standing: Standing): void {
    this.told.push(standing);
  }
}
const nobody = new Waiter();
t.test('what is named as it is shown in one way is refused in its other way too', async (t) => {
  const { verifier, revocations } = setup();
  revocations.named.add(hash('sha256', '-ann-1', 'latin1'));
  revocations.sequence++;
  for (const cookies of ['sid=ann-1', 'sid=ann-1; remember=1'])
    t.equal(verifier.check(source(cookies), nobody)!.reason, 'revoked', cookies);
  t.equal(verifier.check(source('sid=ann-2; remember=1'), nobody)!.reason, 'user.known');
});
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test(
  'a session that is given to whom none was shown is a login, remembered beside it or not',
  async (t) => {
    for (const shown of ['', 'nobody-1', 'gone-1']) {
      const { verifier, revocations } = setup();
      revocations.revoke('ann');
      const standing = verifier.check(source(shown === '' ? '' : `sid=${shown}`), nobody)!;
      const old = verifier.check(source('sid=ann-1'), nobody)!;
      t.equal(old.reason, 'revoked');
      t.equal(
        verifier.noteGiven(source('sid=ann-2'), source(shown === '' ? '' : `sid=${shown}`), standing),
        true,
      );
      t.equal(verifier.check(source('sid=ann-2'), nobody)!.reason, 'user.known', `after ${shown}`);
      t.equal(verifier.check(source('sid=ann-2; remember=x'), nobody)!.reason, 'user.known');
      t.equal(verifier.check(source('sid=ann-1'), nobody)!.reason, 'revoked', 'the old one stays out');
    }
  },
);

t.test('after a revoked session was withheld, what is given is a login', async (t) => {
  const { verifier, revocations } = setup();
  revocations.revoke('ann');
  const standing = verifier.check(source('sid=ann-1'), nobody)!;
  t.equal(verifier.noteGiven(source('sid=ann-2'), source(''), standing), true);
  t.equal(verifier.check(source('sid=ann-2'), nobody)!.reason, 'user.known');
});

t.test('the session that was shown, given again, is none', async (t) => {
  const { verifier, revocations } = setup();
  revocations.revoke('ann');
  const standing = verifier.check(source('sid=bob-1'), nobody)!;
  verifier.noteGiven(source('sid=bob-1'), source('sid=bob-1'), standing);
  verifier.noteGiven(source('sid=bob-1'), source('sid=bob-1; remember=x'), standing);
  t.same(revocations.noted, []);
  verifier.noteGiven(source(''), source('sid=bob-1'), standing);
  verifier.noteGiven(source('other=1'), source('sid=bob-1'), standing);
  t.same(revocations.noted, [], 'nor is an answer without one');
});

t.test('what is given for a session that was revoked meanwhile ends with it', async (t) => {
  const { verifier, revocations } = setup();
  const standing = verifier.check(source('sid=ann-1'), nobody)!;
  t.equal(standing.reason, 'user.known');
  revocations.revoke('ann');
  t.equal(verifier.noteGiven(source('sid=ann-2'), source('sid=ann-1'), standing), false);
  t.equal(verifier.noteGiven(source('sid=ann-1'), source('sid=ann-1'), standing), false);
  t.same(revocations.noted, []);
});

t.test('the successor of one that stands, stands', async (t) => {
  const { verifier, revocations } = setup();
  revocations.revoke('ann');
  verifier.noteGiven(source('sid=ann-2'), source(''), verifier.check(source(''), nobody)!);
  const standing = verifier.check(source('sid=ann-2'), nobody)!;
  t.equal(verifier.noteGiven(source('sid=ann-3'), source('sid=ann-2'), standing), true);
  t.equal(verifier.check(source('sid=ann-3'), nobody)!.reason, 'user.known');
});

t.test('what nobody could judge, and what a remember-me cookie brought, is no login', async (t) => {
  const { verifier, revocations, format } = setup({}, undefined, true);
  revocations.revoke('ann');
  const remembered = verifier.check(source('remember=x'), nobody)!;
  t.equal(remembered.reason, 'user.remembered');
  verifier.noteGiven(source('sid=ann-2'), source('remember=x'), remembered);
  format.find = () => unknown('store.down');
  const away = verifier.check(source('sid=ann-1'), nobody)!;
  t.equal(away.reason, 'store.down');
  verifier.noteGiven(source('sid=ann-2'), source('sid=ann-1'), away);
  const ambiguous = setup({}, revocations);
  ambiguous.format.find = () => genuine('bob', {});
  const odd = ambiguous.verifier.check(source('sid=bob-1; sid=bob-1'), nobody)!;
  t.equal(odd.reason, 'credential.ambiguous');
  ambiguous.verifier.noteGiven(source('sid=ann-2'), source('sid=bob-1; sid=bob-1'), odd);
  t.same(revocations.noted, []);
});

t.test('where the cookie holds all, only those are noted whom a revocation would end', async (t) => {
  const { verifier, revocations, format } = setup();
  revocations.revoke('ann');
  const nobodyYet = verifier.check(source(''), nobody)!;
  for (const given of ['nobody-1', 'gone-1', 'bob-1'])
    t.equal(verifier.noteGiven(source(`sid=${given}`), source(''), nobodyYet), true);
  t.same(revocations.noted, []);
  verifier.noteGiven(source('sid=ann-1'), source(''), nobodyYet);
  t.equal(revocations.noted.length, 2);
  format.find = async () => genuine('bob', {});
  verifier.noteGiven(source('sid=bob-2'), source(''), nobodyYet);
  t.equal(revocations.noted.length, 4, 'but for those that take time to be judged');
  await settled();
});

t.test('beside another block, a session that nobody knows of is none that could be followed', async (t) => {
  const { verifier, revocations } = setup({}, undefined, true);
  const other = setup({ name: 'api', cookie: 'key' }, revocations);
  revocations.revoke('ann');
  const standing = other.verifier.check(source('key=bob-1'), nobody)!;
  verifier.noteGiven(source('sid=ann-2'), source('sid=ann-1; key=bob-1'), standing);
  t.same(revocations.noted, []);
  verifier.check(source('sid=carl-1'), nobody);
  t.equal(verifier.noteGiven(source('sid=carl-2'), source('sid=carl-1; key=bob-1'), standing), true);
  t.equal(revocations.noted.length, 2, 'one that it remembers as good is');
  verifier.noteGiven(source('sid=ann-3'), source('key=bob-1'), standing);
  t.equal(revocations.noted.length, 4, 'and so is a login beside the other');
});

t.test('an odd spelling does not save who was revoked, and nobody else loses by it', async (t) => {
  for (const stored of [false, true]) {
    const { verifier, revocations, format } = setup({}, undefined, stored);
    const find = format.find;
    if (stored) format.find = async (value) => find(value);
    const judged = async (cookies: string): Promise<Standing> => {
      const waiter = new Waiter();
      const now = verifier.check(source(cookies), waiter);
      if (now !== null) return now;
      t.not(waiter.waitsFor, null);
      await settled();
      t.equal(waiter.waitsFor, null);
      t.equal(waiter.told.length, 1);
      return waiter.told[0]!;
    };
    const odd = 'sid=ann-1; sid=ann-1';
    t.equal((await judged(odd)).reason, 'credential.ambiguous');
    revocations.revoke('ann');
    t.equal((await judged(odd)).reason, 'revoked');
    t.equal((await judged('sid=bob-1; sid=bob-1')).reason, 'credential.ambiguous');
    const gone = new Waiter();
    if (stored) {
      t.equal(verifier.check(source('sid=carl-1; sid=carl-1'), gone), null);
      gone.waitsFor = null;
      await settled();
      t.same(gone.told, [], 'who waits no more is told nothing');
    }
  }
});

t.test('of several blocks a revoked session counts, whatever else is shown', async (t) => {
  const { verifier, revocations } = setup();
  const api = setup({ name: 'api', cookie: 'key' }, revocations);
  for (const verifiers of [
    [verifier, api.verifier],
    [api.verifier, verifier],
  ]) {
    const guard = new SessionGuard(verifiers);
    revocations.users.clear();
    const check = (cookies: string): string => guard.check(source(cookies), nobody)!.reason;
    revocations.revoke('ann');
    t.equal(check('sid=ann-1; key=bob-1'), 'revoked');
    t.equal(check('sid=carl-1; key=ann-1'), 'revoked');
    t.equal(check('sid=ann-1'), 'revoked');
    t.equal(check('sid=carl-1; key=bob-1'), 'user.known');
    t.equal(check('key=bob-1'), 'user.known');
    t.equal(guard.cookies.without('a=1; sid=x; key=y; remember=z'), 'a=1');
    t.equal(guard.notesLogins, true);
  }
});
