// The switch by hand-cranked time: who is ended by which order, until when, and what a login after it lifts.
import t from 'tap';
import { HandClock } from '../../../src/base/clock.ts';
import { HandTimers } from '../../../src/base/timers.ts';
import { digestOf } from '../../../src/session/revocation/digest-words.ts';
import { LocalKeeper } from '../../../src/session/revocation/local-keeper.ts';
import { type Order, OrderReader } from '../../../src/session/revocation/order.ts';
import { RevocationRegistry } from '../../../src/session/revocation/registry.ts';
import { SharedRevocations } from '../../../src/session/revocation/shared-revocations.ts';
import type { RevocationSubject } from '../../../src/session/revocations.ts';

function make(entries = 100) {
  const clock = new HandClock(0, 1_700_000_000_500);
  const timers = new HandTimers(clock);
  const memory = RevocationRegistry.allocate(entries);
  const dropped: string[] = [];
  const logins: string[] = [];
  const registry = new RevocationRegistry({
    memory,
    ttlMs: 60_000,
    keeper: new LocalKeeper(),
    reader: new OrderReader([]),
    clock,
    timers,
    onDropped: (why) => dropped.push(why),
  });
  const seen = new SharedRevocations(
    memory,
    () => clock.wallMs(),
    (key) => logins.push(key),
  );
  const revoke = (order: Order, ttlMs: number | null = null) =>
    registry.revoke({ order, ttlMs, reason: '', by: 'test' });
  return { clock, timers, registry, seen, revoke, dropped, logins };
}
const subject = (over: Partial<RevocationSubject> = {}): RevocationSubject => ({
  key: digestOf('the identity'),
  session: null,
  user: 'ada',
  tokenId: null,
  issuedAtS: null,
  ...over,
});
const user = (name: string, block = false): Order => ({ kind: 'user', user: name, block });

t.test('a name ends what bears it as identity, session id or token id', async (t) => {
  const { seen, revoke } = make();
  t.notOk(seen.revokes(subject()));
  await revoke({ kind: 'session', session: 'größe' });
  t.ok(seen.revokes(subject({ session: 'größe' })), 'as a framework decoded it');
  t.ok(seen.revokesCredential(digestOf(Buffer.from('größe').toString('latin1')), null), 'as its bytes came');
  t.ok(seen.revokesCredential('x'.repeat(32), 'größe'));
  t.notOk(seen.revokes(subject({ user: 'größe' })), 'a user is no session');
  await revoke({ kind: 'token', token: 'jti-1' });
  t.ok(seen.revokes(subject({ tokenId: 'jti-1' })));
  t.notOk(seen.revokes(subject({ tokenId: 'jti-2', session: 'jti' })));
  t.notOk(seen.notesLogins, 'no login lifts that');
});

t.test('a user is ended by what was issued before, to the millisecond where that is known', async (t) => {
  const { seen, revoke } = make();
  await revoke(user('ada'));
  const at = (issuedAtS: number | null): boolean => seen.revokes(subject({ issuedAtS }));
  t.ok(at(1_699_999_999));
  t.ok(at(1_700_000_000), 'the same second');
  t.notOk(at(1_700_000_001));
  t.ok(at(1_700_000_000.4));
  t.notOk(at(1_700_000_000.6));
  t.ok(at(null));
  t.notOk(at(1_700_000_060), 'a clock may be a minute ahead');
  for (const none of [1_700_000_061, 1_700_000_000_000, Number.NaN, Number.POSITIVE_INFINITY])
    t.ok(at(none), `${none} is no time that it can have been issued at`);
  t.notOk(seen.revokes(subject({ user: 'bob' })));
  t.notOk(seen.revokes(subject({ user: null })));
});

t.test(
  'a login after it lifts it for that session alone, and the next revocation ends that too',
  async (t) => {
    const { clock, seen, revoke, logins } = make();
    await revoke(user('ada'));
    t.ok(seen.notesLogins);
    const fresh = subject({ key: digestOf('fresh') });
    t.ok(seen.revokes(fresh));
    seen.noteLogin(fresh.key);
    t.same(logins, [fresh.key], 'others are told');
    t.notOk(seen.revokes(fresh));
    t.notOk(
      seen.revokes(subject({ key: digestOf('fresh'), issuedAtS: 1_700_000_000 })),
      'in the same second',
    );
    t.ok(
      seen.revokes(subject({ key: digestOf('fresh'), issuedAtS: 1_699_999_990 })),
      'what is old stays old',
    );
    t.ok(seen.revokes(subject()), 'the others stay ended');
    await revoke(user('ada'));
    t.ok(seen.revokes(fresh), 'in the same millisecond');
    clock.advance(1000);
    seen.noteLogin(fresh.key);
    t.notOk(seen.revokes(fresh));
    await revoke(user('ada', true));
    t.ok(seen.revokes(fresh), 'a block is lifted by no login');
  },
);

t.test('a flood of sessions for visitors does not log out who has logged in again', async (t) => {
  const { clock, seen, revoke } = make(16);
  await revoke(user('ada'));
  const fresh = subject({ key: digestOf('fresh') });
  seen.noteLogin(fresh.key);
  t.notOk(seen.revokes(fresh));
  for (let i = 0; i < 1000; i++) {
    clock.advance(1);
    seen.noteLogin(digestOf(`visitor ${i}`));
  }
  t.notOk(seen.revokes(fresh));
});

t.test('a time ends what was issued before it, of one user or of all', async (t) => {
  const { seen, revoke, registry } = make();
  const { record } = await revoke({ kind: 'before', beforeMs: 1_600_000_000_000, user: 'ada' });
  t.ok(seen.revokes(subject({ issuedAtS: 1_599_999_999 })));
  t.notOk(seen.revokes(subject({ issuedAtS: 1_600_000_000 })), 'the whole second itself is not before it');
  t.ok(seen.revokes(subject()), 'no time and no login seen');
  t.notOk(seen.revokes(subject({ user: 'bob', issuedAtS: 1 })));
  await revoke({ kind: 'before', beforeMs: 1_600_000_000_000, user: null });
  t.ok(seen.revokes(subject({ user: null, issuedAtS: 1 })));
  t.notOk(seen.revokes(subject({ user: 'bob', issuedAtS: 1_600_000_001 })));
  t.ok(await registry.lift(record.id));
  t.ok(seen.revokes(subject({ issuedAtS: 1_599_999_999 })), 'the other one still ends it');
  t.match(
    await revoke({ kind: 'before', beforeMs: 1_700_000_100_000, user: null }).catch(
      (error: unknown) => error,
    ),
    { kind: 'future' },
  );
});

t.test('it runs out by itself, and everybody is told', async (t) => {
  const { timers, registry, seen, revoke } = make();
  await registry.start();
  await revoke(user('ada'), 5_000);
  await revoke({ kind: 'session', session: 's' });
  const before = seen.sequence;
  timers.advance(4_000);
  t.ok(seen.revokes(subject()));
  timers.advance(2_000);
  t.notOk(seen.revokes(subject()));
  timers.advance(2_000);
  await Promise.resolve();
  t.not(seen.sequence, before);
  t.equal(registry.count, 1);
  t.notOk(seen.notesLogins);
  for (let minute = 0; minute < 2; minute++) {
    timers.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(registry.count, 0);
  t.same((await registry.page(10, null)).records, [], 'and none is kept');
  await registry.close();
  t.equal(timers.count, 0);
});

t.test('a full table says so, loses nothing, and still renews', async (t) => {
  const { registry, seen, revoke, dropped } = make(3);
  for (const name of ['a', 'b', 'c']) await revoke(user(name));
  t.match(await revoke(user('d')).catch((error: unknown) => error), { kind: 'full' });
  t.same(dropped, ['full']);
  t.equal((await revoke(user('a'), 120_000)).renewed, true);
  for (const name of ['a', 'b', 'c']) t.ok(seen.revokes(subject({ user: name })), name);
  t.notOk(seen.revokes(subject({ user: 'd' })));
  const page = await registry.page(10, null);
  t.same(
    page.records.map((record) => record.user),
    ['a', ...page.records.slice(1).map((record) => record.user)],
  );
  t.equal(page.records.length, 3);
  await registry.lift(page.records[0]!.id);
  await revoke(user('d'));
  t.ok(seen.revokes(subject({ user: 'd' })));
});

t.test('pages give each once, whatever comes and goes', async (t) => {
  const { registry, revoke } = make(500);
  for (let i = 0; i < 200; i++) await revoke(user(`user ${i}`), 60_000 + (i % 7) * 1000);
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const page = await registry.page(7, after);
    t.ok(page.records.length <= 7);
    seen.push(...page.records.map((record) => record.user));
    after = page.next;
  } while (after !== null);
  t.equal(seen.length, 200);
  t.equal(new Set(seen).size, 200);
});

t.test('what two revocations end stays ended while one of them is there', async (t) => {
  const { registry, timers, seen, revoke } = make();
  await registry.start();
  const hex = 'ab'.repeat(32);
  const byDigest = Buffer.from(hex, 'hex').toString('latin1');
  const ends = (): boolean[] => [
    seen.revokesCredential(byDigest, null),
    seen.revokesCredential(digestOf(hex), null),
  ];
  for (const first of ['token', 'session'] as const) {
    // A token that looks like a digest is meant as one and as an id; the id alone may be a session's.
    const ids = {
      token: (await revoke({ kind: 'token', token: hex })).record.id,
      session: (await revoke({ kind: 'session', session: hex })).record.id,
    };
    await revoke({ kind: 'session', session: hex }, 120_000);
    t.not(ids.token, ids.session);
    t.same(ends(), [true, true]);
    await registry.lift(ids[first]);
    timers.advance(100);
    t.same(ends(), [first === 'session', true], `${first} was lifted first`);
    await registry.lift(ids[first === 'token' ? 'session' : 'token']);
    timers.advance(100);
    t.same(ends(), [false, false]);
    t.equal(registry.count, 0);
  }
  await registry.close();
});
