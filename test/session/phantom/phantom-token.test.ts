// Tokens in place of sessions: signed once, anew in good time, never passed on when they are about to end, never said of nobody.
import t from 'tap';
import { HandClock } from '../../../src/base/clock.ts';
import { HandTimers } from '../../../src/base/timers.ts';
import type { Data } from '../../../src/session/data.ts';
import type { CredentialSource, Pending, SessionFormat } from '../../../src/session/format.ts';
import type { SessionOptions } from '../../../src/session/options.ts';
import type { TokenOptions } from '../../../src/session/phantom/token-options.ts';
import type { Standing, VerdictWaiter } from '../../../src/session/standing.ts';
import { NO_STORE, StoreFault } from '../../../src/session/store.ts';
import { type Finding, genuine, VERDICT_NAMES } from '../../../src/session/verdict.ts';
import { SessionVerifier } from '../../../src/session/verifier.ts';

const TOKEN: TokenOptions = {
  field: 'Limpet-Token',
  issuer: 'limpet',
  audience: ['shop'],
  ttlS: 60,
  claims: [],
  withhold: false,
};
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
  cache: { ttlMs: 600_000, entries: 100, push: false },
  outage: { graceMs: 600_000, unjudged: 'forward', readyz: false },
  pass: { user: 'Limpet-User', fields: [], token: TOKEN },
};

class FakeFormat implements SessionFormat {
  readonly prepare = null;
  readonly steps = [];
  find: (identity: string) => Finding | Promise<Finding> = (identity) => genuine(identity, { id: identity });

  read({ cookies }: CredentialSource): Pending {
    const identity = cookies.slice('sid='.length);
    return { identity, check: () => this.find(identity) };
  }
}

/** Signs when it is let: a token is its claims, behind the number of the signature. */
class FakeSigner {
  readonly claims: Record<string, unknown>[] = [];
  fails = false;
  #held: (() => void)[] | null = null;

  async sign(claims: string): Promise<string> {
    this.claims.push(JSON.parse(claims) as Record<string, unknown>);
    const text = `t${this.claims.length}`;
    const { fails } = this;
    if (this.#held !== null) await new Promise<void>((resolve) => this.#held!.push(resolve));
    if (fails) throw new Error('no key');
    return text;
  }

  hold(): void {
    this.#held = [];
  }

  async let(): Promise<void> {
    for (const resolve of this.#held ?? []) resolve();
    this.#held = null;
    await settled();
  }
}

class Waiter implements VerdictWaiter {
  waitsFor: object | null = null;
  readonly told: Standing[] = [];
  onVerdict(standing: Standing): void {
    this.told.push(standing);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setup(options: Partial<SessionOptions> = {}, token: Partial<TokenOptions> = {}, stored = false) {
  const clock = new HandClock();
  const format = new FakeFormat();
  const signer = new FakeSigner();
  const bugs: unknown[] = [];
  let signed = 0;
  const verifier = new SessionVerifier({
    options: { ...OPTIONS, pass: { ...OPTIONS.pass, token: { ...TOKEN, ...token } }, ...options },
    format,
    store: stored ? NO_STORE : null,
    signer,
    timers: new HandTimers(clock),
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    onChecked: () => {},
    onSigned: () => signed++,
    onBug: (_session, error) => bugs.push(error),
  });
  const check = (id: string, waiter: VerdictWaiter = new Waiter()): Standing | null =>
    verifier.check(
      { cookies: `sid=${id}`, authorization: null, userAgent: null, clientAddress: '192.0.2.1' },
      waiter,
    );
  /** The standing, whether it comes now or later. */
  const ask = async (id: string): Promise<Standing> => {
    const waiter = new Waiter();
    const now = check(id, waiter);
    await settled();
    return now ?? waiter.told[0]!;
  };
  return { clock, format, signer, bugs, verifier, check, ask, signed: () => signed };
}

/** What the app would be sent now; empty: nothing. */
function passed({ token }: Standing, clock: HandClock): string {
  return token !== null && token.untilMs > clock.nowMs() ? Buffer.from(token.line).toString() : '';
}

t.test(
  'the first request of a session waits for its token, and all who come meanwhile with it',
  async (t) => {
    const { signer, check, clock, signed } = setup();
    signer.hold();
    const waiters = [new Waiter(), new Waiter(), new Waiter()];
    for (const waiter of waiters) t.equal(check('a', waiter), null);
    await settled();
    t.same(
      waiters.map(({ told }) => told.length),
      [0, 0, 0],
    );
    await signer.let();
    for (const { told } of waiters) t.equal(passed(told[0]!, clock), 'Limpet-Token: t1\r\n');
    t.ok(check('a'), 'later ones have it at once');
    t.equal(signed(), 1);
  },
);

t.test('a thousand requests are signed for once, and the claims say whose they are', async (t) => {
  const { ask, clock, format, signer, signed } = setup({}, { audience: ['a', 'b'], field: 'Authorization' });
  format.find = () => genuine('u"1', {});
  for (let i = 0; i < 1000; i++) await ask('a');
  t.equal(signed(), 1);
  t.equal(passed(await ask('a'), clock), 'Authorization: Bearer t1\r\n');
  const [claims] = signer.claims;
  const nowS = Math.floor(clock.wallMs() / 1000);
  t.match(claims, { iss: 'limpet', aud: ['a', 'b'], sub: 'u"1', iat: nowS, exp: nowS + 60 });
  t.same(Object.keys(claims!), ['iss', 'aud', 'sub', 'sid', 'iat', 'exp']);
  await ask('b');
  t.not(signer.claims[1]!.sid, claims!.sid, 'two sessions are told apart');
});

t.test('past half its life its next use has it signed anew, while the old one stands', async (t) => {
  const { ask, check, clock, signer, signed } = setup();
  await ask('a');
  clock.advance(29_000);
  check('a');
  t.equal(signed(), 1);
  clock.advance(1000);
  signer.hold();
  const standing = check('a');
  t.ok(standing, 'nobody waits');
  check('a');
  t.equal(passed(standing!, clock), 'Limpet-Token: t1\r\n');
  await signer.let();
  t.equal(passed(standing!, clock), 'Limpet-Token: t2\r\n', 'also for who held it before');
  t.equal(signed(), 2);
});

t.test('a verdict that a connection remembers is renewed as well', async (t) => {
  const { ask, clock, verifier, signed } = setup();
  const standing = await ask('a');
  clock.advance(31_000);
  t.ok(standing.stands(clock.nowMs()));
  verifier.countAgain(standing);
  await settled();
  t.equal(signed(), 2);
  t.equal(passed(standing, clock), 'Limpet-Token: t2\r\n');
});

t.test('a token that is about to end is passed on by nobody', async (t) => {
  const { ask, check, clock, signer } = setup();
  const standing = await ask('a');
  clock.advance(44_999);
  t.ok(standing.stands(clock.nowMs()));
  clock.advance(1);
  t.notOk(standing.stands(clock.nowMs()), 'with 15 s left no connection goes by it any more');
  t.equal(passed(standing, clock), '');
  const waiter = new Waiter();
  signer.hold();
  t.equal(check('a', waiter), null, 'and who comes waits');
  await signer.let();
  t.equal(waiter.told[0], standing, 'for the same verdict, which was not asked for again');
  t.equal(passed(standing, clock), 'Limpet-Token: t2\r\n');
});

t.test('no token goes beyond the end of its session', async (t) => {
  const { ask, clock, format, signer, signed } = setup();
  const endsS = clock.wallMs() / 1000 + 20;
  format.find = () => genuine('u', {}, endsS);
  const standing = await ask('a');
  t.equal(signer.claims[0]!.exp, endsS);
  clock.advance(19_900);
  await ask('a');
  t.equal(passed(standing, clock), 'Limpet-Token: t1\r\n', 'it can be used to the end');
  t.equal(signed(), 1, 'and is not signed for the same end again');
  clock.advance(100);
  t.equal(passed(standing, clock), '');
});

t.test('a session whose end comes nearer gets another token', async (t) => {
  const { ask, clock, signer } = setup();
  const standing = await ask('a');
  standing.endsS = Math.floor(clock.wallMs() / 1000) + 10;
  await ask('a');
  t.equal(signer.claims[1]!.exp, standing.endsS);
});

t.test('only a valid session has a token', async (t) => {
  const { ask, format, signed } = setup({ require: 'nothing' });
  for (const finding of [genuine(null, { cart: [] }), { ...genuine('u', {}), verdict: 'invalid' as const }]) {
    format.find = () => finding;
    t.equal((await ask(finding.verdict)).token, null);
  }
  t.equal(signed(), 0);
});

t.test('a verdict that is asked for again keeps its token, as long as that says the same', async (t) => {
  const { ask, clock, format, signed } = setup(
    { cache: { ttlMs: 1000, entries: 10, push: false } },
    {
      claims: [{ name: 'role', path: ['role'], type: 'any' }],
    },
  );
  format.find = () => genuine('u', { role: 'editor' });
  for (let i = 0; i < 20; i++) {
    await ask('a');
    clock.advance(1000);
  }
  t.equal(signed(), 1);
  format.find = () => genuine('u', { role: 'admin' });
  await ask('a');
  t.equal(signed(), 2);
});

t.test('claims have the types that they have in the session, and bounds', async (t) => {
  const claims = (['text', 'number', 'flag', 'list', 'map', 'none', 'big', 'long', 'bytes'] as const).map(
    (name) => ({ name, path: [name], type: 'any' as const }),
  );
  const { ask, format, signer } = setup(
    {},
    {
      claims: [
        ...claims,
        { name: 'strict', path: ['number'], type: 'text' },
        { name: 'a"b', path: ['text'], type: 'text' },
      ],
    },
  );
  const data: Data = {
    text: 'größe "x"',
    number: 4.5,
    flag: false,
    list: [1, 'two'],
    map: new Map<Data, Data>([['k', 1]]),
    big: 2n ** 64n,
    long: 'x'.repeat(1100),
    bytes: new Uint8Array(3),
  };
  format.find = () => genuine(7, data);
  await ask('a');
  const { iss, aud, sid, iat, exp, ...rest } = signer.claims[0]!;
  t.same(rest, {
    sub: '7',
    text: 'größe "x"',
    number: 4.5,
    flag: false,
    list: [1, 'two'],
    map: { k: 1 },
    big: '18446744073709551616',
    'a"b': 'größe "x"',
  });
  const many = Array.from({ length: 20 }, (_, i) => ({
    name: `c${i}`,
    path: ['text'],
    type: 'any' as const,
  }));
  const full = setup({}, { claims: many });
  full.format.find = () => genuine('u', { text: 'x'.repeat(1000) });
  await full.ask('a');
  t.ok(JSON.stringify(full.signer.claims[0]).length < 4600, 'all together have a bound too');
  t.match(full.signer.claims[0], { c3: /^x+$/, c4: undefined });
});

t.test('where a token cannot be signed the request goes on without one', async (t) => {
  const { ask, clock, signer, bugs, signed } = setup();
  signer.fails = true;
  const standing = await ask('a');
  t.equal(VERDICT_NAMES[standing.verdict], 'valid');
  t.equal(passed(standing, clock), '');
  t.equal(bugs.length, 1);
  signer.fails = false;
  t.equal(passed(await ask('a'), clock), 'Limpet-Token: t2\r\n', 'and the next asks again');
  t.equal(signed(), 1);
});

t.test(
  'an old verdict in an outage has its token, which is signed for all of its requests together',
  async (t) => {
    const { ask, clock, format, signed } = setup(
      { cache: { ttlMs: 1000, entries: 10, push: false } },
      {},
      true,
    );
    format.find = async () => genuine('u', {});
    await ask('a');
    format.find = () => Promise.reject(new StoreFault('down', 'away'));
    for (let i = 0; i < 100; i++) {
      clock.advance(1000);
      const standing = await ask('a');
      t.match(standing.lines, 'valid;stale');
      t.match(passed(standing, clock), /^Limpet-Token: t\d\r\n$/);
    }
    t.ok(signed() <= 5, `${signed()} signatures in 100 s`);
  },
);

t.test('where nothing is remembered each request has a token of its own', async (t) => {
  const { ask, clock, format, signed } = setup({ cache: null });
  const endsS = clock.wallMs() / 1000 + 30;
  format.find = () => genuine('u', {}, endsS);
  t.equal(passed(await ask('a'), clock), 'Limpet-Token: t1\r\n');
  t.equal(passed(await ask('a'), clock), 'Limpet-Token: t2\r\n');
  t.equal(signed(), 2);
});

t.test('who waited too long for an instance has the token signed anew first', async (t) => {
  const { ask, clock, verifier, signed } = setup();
  const standing = await ask('a');
  const waiter = new Waiter();
  t.notOk(verifier.awaitToken(standing, waiter), 'it is good');
  clock.advance(50_000);
  t.ok(verifier.awaitToken(standing, waiter));
  t.not(waiter.waitsFor, null);
  await settled();
  t.equal(waiter.told[0], standing);
  t.equal(signed(), 2);
  const gone = new Waiter();
  clock.advance(50_000);
  t.ok(verifier.awaitToken(standing, gone));
  gone.waitsFor = null;
  await settled();
  t.equal(gone.told.length, 0, 'who left is not told');
});

t.test('a service that says no more than the user tells each request its own', async (t) => {
  const { ask, format } = setup({ cache: null });
  format.find = (user) => genuine(user, null);
  t.match((await ask('ada')).lines, 'Limpet-User: ada');
  t.match((await ask('bob')).lines, 'Limpet-User: bob');
});
