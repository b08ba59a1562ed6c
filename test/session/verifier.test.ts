// What the verifier promises: verdicts remembered no longer than they hold, one check a session, and no way to crash it.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import type { CredentialSource, Pending, SessionFormat } from '../../src/session/format.ts';
import { SessionGuard } from '../../src/session/guard.ts';
import type { SessionOptions } from '../../src/session/options.ts';
import type { Standing, VerdictWaiter } from '../../src/session/standing.ts';
import { NO_STORE, StoreFault } from '../../src/session/store.ts';
import { type Finding, genuine, invalid, unknown, VERDICT_NAMES } from '../../src/session/verdict.ts';
import { SessionVerifier, SOURCE_NAMES } from '../../src/session/verifier.ts';

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
  cache: { ttlMs: 1000, entries: 3, push: false },
  outage: { graceMs: 0, unjudged: 'forward', readyz: false },
  pass: { user: 'Limpet-User', fields: [] },
};

/** A format whose credential is the value of `sid`, and whose check is the test's. */
class FakeFormat implements SessionFormat {
  readonly prepare = null;
  readonly steps = ['it is looked at'];
  checks = 0;
  find: (identity: string) => Finding | Promise<Finding> = (identity) => genuine(identity, { id: identity });

  read({ cookies }: CredentialSource): Pending | Finding {
    const identity = /^sid=(.*)$/.exec(cookies)?.[1];
    if (identity === undefined) return invalid('credential.none');
    if (identity === 'throws') throw new TypeError('a bug');
    return {
      identity,
      check: () => {
        this.checks++;
        return this.find(identity);
      },
    };
  }
}

function setup(options: Partial<SessionOptions> = {}, stored = false) {
  const clock = new HandClock();
  const format = new FakeFormat();
  const counted: string[] = [];
  const bugs: unknown[] = [];
  const verifier = new SessionVerifier({
    options: { ...OPTIONS, ...options },
    format,
    store: stored ? NO_STORE : null,
    timers: new HandTimers(clock),
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    onChecked: (verdict, source) => counted.push(`${VERDICT_NAMES[verdict]} ${SOURCE_NAMES[source]}`),
    onBug: (_session, error) => bugs.push(error),
  });
  return { clock, format, counted, bugs, verifier };
}

const source = (id: string): CredentialSource => ({
  cookies: id === '' ? '' : `sid=${id}`,
  authorization: null,
  userAgent: null,
  clientAddress: '192.0.2.1',
});

class Waiter implements VerdictWaiter {
  waitsFor: object | null = null;
  readonly told: Standing[] = [];
  onVerdict(standing: Standing): void {
    this.told.push(standing);
  }
}
const nobody = new Waiter();
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const verdict = (standing: Standing | null): string => VERDICT_NAMES[standing!.verdict]!;

t.test('a valid verdict is remembered for its time, and not beyond the end of the session', async (t) => {
  const { clock, format, verifier, counted } = setup();
  t.equal(verdict(verifier.check(source('a'), nobody)), 'valid');
  clock.advance(999);
  verifier.check(source('a'), nobody);
  t.equal(format.checks, 1);
  clock.advance(1);
  verifier.check(source('a'), nobody);
  t.equal(format.checks, 2);
  t.same(counted, ['valid token', 'valid cache', 'valid token']);
  format.find = (id) => genuine(id, { id }, clock.wallMs() / 1000 + 0.3);
  verifier.check(source('b'), nobody);
  clock.advance(299);
  verifier.check(source('b'), nobody);
  t.equal(format.checks, 3);
  clock.advance(1);
  verifier.check(source('b'), nobody);
  t.equal(format.checks, 4);
});

t.test('what a store says of visitors and strangers is asked again each time', async (t) => {
  for (const finding of [genuine(null, { cart: [] }), invalid('store.none'), unknown('store.malformed')]) {
    const { format, verifier } = setup({}, true);
    format.find = async () => finding;
    for (let i = 0; i < 3; i++) {
      const waiter = new Waiter();
      t.equal(verifier.check(source('a'), waiter), null);
      await settled();
      t.equal(verdict(waiter.told[0]!), finding.verdict);
      t.equal(waiter.told[0]!.untilMs, 0);
    }
    t.equal(format.checks, 3);
    t.equal(verifier.remembered, 0);
  }
});

t.test('no more is remembered than the bound, and what is invalid pushes nobody out', async (t) => {
  const { format, verifier } = setup();
  for (const id of ['a', 'b', 'c']) verifier.check(source(id), nobody);
  format.find = () => invalid('signature.bad');
  for (let i = 0; i < 100; i++) verifier.check(source(`forged${i}`), nobody);
  t.equal(verifier.remembered, 3);
  format.checks = 0;
  for (const id of ['a', 'b', 'c']) verifier.check(source(id), nobody);
  t.equal(format.checks, 0);
});

t.test('all who show the same session at once wait for one check', async (t) => {
  const { format, verifier, counted } = setup({}, true);
  let land: (finding: Finding) => void = () => {};
  format.find = () => new Promise((resolve) => (land = resolve));
  const waiters = Array.from({ length: 5 }, () => new Waiter());
  for (const waiter of waiters) t.equal(verifier.check(source('a'), waiter), null);
  t.equal(format.checks, 1);
  // One leaves; another leaves and at once waits for somebody else.
  waiters[0]!.waitsFor = null;
  verifier.check(source('b'), waiters[1]!);
  const second = land;
  format.checks = 0;
  verifier.check(source('a'), waiters[0]!);
  t.equal(format.checks, 0, 'and whoever comes back waits for the same');
  second(genuine('b', {}));
  await settled();
  t.same(
    waiters.map(({ told }) => told.length),
    [0, 1, 0, 0, 0],
  );
  t.equal(counted.length, 1);
});

t.test('a store that fails gives unknown, and so does a fault of ours, which is told', async (t) => {
  const { format, verifier, bugs } = setup({}, true);
  for (const [error, reason] of [
    [new StoreFault('down', 'x'), 'store.down'],
    [new StoreFault('late', 'x'), 'store.late'],
    [new StoreFault('busy', 'x'), 'store.busy'],
    [new RangeError('x'), 'check.failed'],
  ] as const) {
    format.find = () => Promise.reject(error);
    const waiter = new Waiter();
    verifier.check(source('a'), waiter);
    await settled();
    t.equal(waiter.told[0]!.reason, reason);
    t.equal(verdict(waiter.told[0]!), 'unknown');
  }
  t.equal(bugs.length, 1);
  t.equal(verifier.check(source('throws'), nobody)!.reason, 'check.failed');
  format.find = () => {
    throw new TypeError('another');
  };
  t.equal(verifier.check(source('x'), nobody)!.reason, 'check.failed');
  t.equal(bugs.length, 3);
});

t.test('a cookie that is there twice is unknown before anybody is asked', async (t) => {
  const { format, verifier } = setup();
  const standing = verifier.check({ ...source(''), cookies: 'sid=a; sid=b' }, nobody)!;
  t.equal(standing.reason, 'credential.ambiguous');
  t.equal(format.checks, 0);
});

t.test('of several blocks the best verdict counts, of equals the first', async (t) => {
  const one = setup({ name: 'one' }, true);
  const two = setup({ name: 'two' });
  const guard = new SessionGuard([one.verifier, two.verifier]);
  const ask = async (first: Finding, second: Finding): Promise<string> => {
    one.format.find = async () => first;
    two.format.find = () => second;
    const waiter = new Waiter();
    const standing = guard.check(source(`s${Math.random()}`), waiter);
    t.equal(standing, null, 'the first one is waited for');
    await settled();
    return `${waiter.told[0]!.verifier.name} ${verdict(waiter.told[0]!)}`;
  };
  const nobodyIn = genuine(null, {});
  t.equal(await ask(genuine('u', {}), invalid('expired')), 'one valid');
  t.equal(await ask(invalid('expired'), genuine('u', {})), 'two valid');
  t.equal(await ask(nobodyIn, unknown('store.down')), 'two unknown');
  t.equal(await ask(invalid('expired'), nobodyIn), 'two anonymous');
  t.equal(await ask(invalid('expired'), invalid('credential.none')), 'one invalid');
  // Who leaves while the first is asked is told nothing.
  one.format.find = async () => invalid('expired');
  const leaver = new Waiter();
  guard.check(source('z'), leaver);
  leaver.waitsFor = null;
  await settled();
  t.equal(leaver.told.length, 0);
});

t.test(
  'where a store that is away is answered 503, a block that lets pass counts more, and a login page less',
  async (t) => {
    const strict = { ...OPTIONS.outage, unjudged: '503' } as const;
    const ask = async (first: Partial<SessionOptions>, found: Finding): Promise<string> => {
      const one = setup({ name: 'one', ...first });
      const two = setup({ name: 'two', outage: strict }, true);
      one.format.find = () => found;
      two.format.find = () => Promise.reject(new StoreFault('down', 'x'));
      const waiter = new Waiter();
      new SessionGuard([one.verifier, two.verifier]).check(source('s'), waiter);
      await settled();
      return waiter.told[0]!.verifier.name;
    };
    t.equal(await ask({ require: 'session' }, genuine(null, {})), 'one', 'a visitor who may pass does');
    t.equal(await ask({}, genuine(null, {})), 'two', 'who may not is not sent to log in');
    t.equal(await ask({}, invalid('expired')), 'two');
  },
);
