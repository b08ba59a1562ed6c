// Open doors looked at again: when, by whose verdict they close, and that a storm of them meets its bounds.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { MetricBook } from '../../src/observe/metric-book.ts';
import { Door, type DoorOwner, OPEN } from '../../src/proxy/door.ts';
import { DoorKeeper } from '../../src/proxy/door-keeper.ts';
import { SessionPolicy } from '../../src/session/policy.ts';
import { ENDED_MS, Standing, type StandingOwner, type VerdictWaiter } from '../../src/session/standing.ts';
import { type Reason, VERDICT_NAMES, type Verdict } from '../../src/session/verdict.ts';

const TTL_MS = 1000;
const TICK_MS = 20;

class World {
  readonly clock = new HandClock(10_000);
  sequence = 1;
  readonly closed: string[] = [];
  readonly keeper: DoorKeeper;
  readonly verifier: StandingOwner;
  /** What a check comes to now; null: it comes later, by `tell`. */
  verdict: (owner: Owner) => Standing | null;
  readonly waiters: { readonly waiter: VerdictWaiter; readonly owner: Owner }[] = [];
  checks = 0;
  /** Verdicts are no more than compared with what was revoked. */
  confirms = false;
  confirmed = 0;
  /** What a revocation alone makes of a verdict; null: nothing. */
  ended: Standing | null = null;
  /** What it takes to close one, ms. */
  closingMs = 0;
  /** What a round that is under way goes on with. */
  readonly soon: (() => void)[] = [];
  later = (run: () => void): void => {
    this.soon.push(run);
  };

  constructor(require: 'login' | 'session' | 'nothing' = 'login') {
    const book = new MetricBook(
      { buffer: new SharedArrayBuffer(8000), capacity: 1000, edition: 1 },
      () => {},
    );
    const world = this;
    this.keeper = new DoorKeeper({
      // Because: of the revocations a keeper reads the number alone.
      revocations: {
        get sequence() {
          return world.sequence;
        },
      } as never,
      book,
      random: new SeededRandom(3),
      nowMs: () => this.clock.nowMs(),
      soon: (run) => this.later(run),
    });
    const closed = this.keeper.closed.bind(this.keeper);
    this.keeper.closed = (session, reason) => {
      this.closed.push(`${session} ${reason}`);
      closed(session, reason);
    };
    this.verifier = {
      name: 'members',
      policy: new SessionPolicy({
        require,
        exempt: [],
        onFail: { kind: 'auto' },
        ambiguous: 'forward',
        outage: { graceMs: 0, unjudged: '503', readyz: false },
      }),
      cookie: 'sid',
      bearer: false,
      againMs: TTL_MS,
      get sequence() {
        return world.sequence;
      },
      isAt: (sequence) => sequence === world.sequence,
      countAgain: () => {},
      awaitToken: () => false,
    };
    this.verdict = () => this.valid();
  }

  standing(verdict: Verdict, reason: Reason, untilMs: number, user: string | null = null): Standing {
    const lines = `Limpet-Session: ${verdict}\r\n${user === null ? '' : `Limpet-User: ${user}\r\n`}`;
    const standing = new Standing(
      { verifier: this.verifier, verdict: VERDICT_NAMES.indexOf(verdict), reason },
      untilMs,
      lines,
    );
    standing.seen = this.sequence;
    return standing;
  }

  valid(user = 'ann', ms = TTL_MS): Standing {
    return this.standing('valid', 'user.known', this.clock.nowMs() + ms, user);
  }

  let(standing = this.valid(), open: number = OPEN.tunnel): Owner {
    const owner = new Owner(this, standing);
    owner.open = open;
    owner.door.open();
    return owner;
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.clock.advance(TICK_MS);
      this.keeper.tick();
      while (this.turn());
    }
  }

  /** The next turn of the loop; false: nothing waits for one. */
  turn(): boolean {
    const run = this.soon.shift();
    run?.();
    return run !== undefined;
  }
}

class Owner implements DoorOwner {
  readonly door: Door;
  readonly session: { standing: Standing | null; seen: number; exempt: boolean };
  open: number = OPEN.shut;
  over = 0;
  /** What is left to do behind its closing; null: nothing. */
  leaves: (() => void) | null = null;
  looks = 0;
  readonly world: World;

  constructor(world: World, standing: Standing) {
    this.world = world;
    this.session = { standing, seen: world.sequence, exempt: false };
    this.door = new Door(world.keeper, this);
  }

  openAs(): number {
    this.looks++;
    return this.open;
  }

  checkAgain(waiter: VerdictWaiter): Standing | null {
    this.world.checks++;
    const standing = this.world.verdict(this);
    if (standing !== null) return standing;
    waiter.waitsFor = this;
    this.world.waiters.push({ waiter, owner: this });
    return null;
  }

  compared(standing: Standing): Standing | null {
    if (this.world.ended !== null) return this.world.ended;
    if (!this.world.confirms) return null;
    this.world.confirmed++;
    standing.seen = this.world.sequence;
    return standing;
  }

  onSessionOver(): void {
    this.over++;
    this.world.clock.advance(this.world.closingMs);
    if (this.leaves !== null) this.world.keeper.later.add({ doLater: this.leaves });
  }
}

/** Tells those who wait, as a flight that lands does. */
function tell(world: World, standing: (owner: Owner) => Standing): void {
  for (const { waiter, owner } of world.waiters.splice(0)) {
    if (waiter.waitsFor !== owner) continue;
    waiter.waitsFor = null;
    waiter.onVerdict(standing(owner));
  }
}

t.test('a verdict that stands is not asked for again', async (t) => {
  const world = new World();
  world.let(world.valid('ann', 60_000));
  world.pass(59_000);
  t.equal(world.checks, 0);
  world.pass(1500);
  t.equal(world.checks, 1, 'and once when its time is over');
});

t.test('a verdict that is ended is asked for at once, and closes what it opened', async (t) => {
  const world = new World();
  const [mine, other] = [world.valid('ann', 60_000), world.valid('bob', 60_000)];
  const [door, bystander] = [world.let(mine), world.let(other)];
  mine.untilMs = ENDED_MS;
  world.verdict = () => world.standing('invalid', 'store.none', 0);
  world.pass(60);
  t.equal(door.over, 1);
  t.equal(bystander.over, 0);
  t.same(world.closed, ['members ended']);
  world.pass(5000);
  t.equal(door.over, 1, 'once');
});

t.test('a revocation is seen with the next tick, by remembered verdicts and by others', async (t) => {
  for (const untilMs of [60_000, -10_000]) {
    const world = new World();
    const standing =
      untilMs > 0 ? world.valid('ann', untilMs) : world.standing('valid', 'user.known', 0, 'ann');
    const door = world.let(standing);
    world.verdict = () => standing;
    world.pass(60);
    const before = world.checks;
    world.sequence++;
    world.verdict = () => world.standing('invalid', 'revoked', Number.MAX_SAFE_INTEGER, 'ann');
    world.pass(20);
    t.equal(world.checks, before + 1);
    t.equal(door.over, 1);
    t.same(world.closed, ['members revoked']);
  }
});

t.test('of a revocation that ends somebody else no verdict is asked for', async (t) => {
  const world = new World();
  world.let(world.valid('ann', 500));
  world.confirms = true;
  world.sequence++;
  world.pass(20);
  t.equal(world.confirmed, 1);
  t.equal(world.checks, 0);
  world.pass(400);
  t.equal(world.confirmed, 1, 'once');
  world.pass(400);
  t.equal(world.checks, 1, 'but when its time is over');
});

t.test(
  'of one session’s doors the revocation alone decides, though the first has ended its verdict',
  async (t) => {
    const world = new World();
    const standing = world.valid('ann', 60_000);
    const owners = [world.let(standing), world.let(standing), world.let(standing)];
    world.pass(60);
    world.sequence++;
    world.ended = world.standing('invalid', 'revoked', Number.MAX_SAFE_INTEGER, 'ann');
    // As what holds verdicts against revocations does.
    standing.untilMs = ENDED_MS;
    world.pass(20);
    t.same(
      owners.map(({ over }) => over),
      [1, 1, 1],
    );
    t.equal(world.checks, 0);
    // What ended it otherwise is asked for.
    const other = new World();
    const logged = other.valid('ann', 60_000);
    const owner = other.let(logged);
    other.confirms = true;
    logged.untilMs = ENDED_MS;
    other.verdict = () => other.standing('invalid', 'store.none', 0);
    other.pass(60);
    t.equal(owner.over, 1);
    t.same(other.closed, ['members ended']);
  },
);

t.test('what was revoked between the check of a request and its first look is found', async (t) => {
  const world = new World();
  const door = world.let(world.standing('valid', 'user.known', 0, 'ann'));
  door.session.seen = world.sequence - 1;
  world.verdict = () => world.standing('invalid', 'revoked', 0);
  world.pass(60);
  t.equal(door.over, 1);
});

t.test('an outage closes nothing, whatever requests are answered meanwhile', async (t) => {
  const world = new World();
  const door = world.let();
  world.verdict = () => world.standing('unknown', 'store.down', 0);
  world.pass(20_000);
  t.ok(world.checks >= 10, 'though it is asked again and again');
  t.equal(door.over, 0);
  world.verdict = () => world.standing('invalid', 'expired', 0);
  world.pass(3000);
  t.equal(door.over, 1, 'and what ended meanwhile is closed when it is known');
  t.same(world.closed, ['members expired']);
});

t.test('another user, or nobody, does not inherit what somebody opened', async (t) => {
  const cases: [Verdict, Reason, string | null, string[]][] = [
    ['valid', 'user.known', 'ann', []],
    ['valid', 'user.known', 'bob', ['members user']],
    ['anonymous', 'user.none', null, ['members user']],
    ['unknown', 'store.down', null, []],
  ];
  for (const [verdict, reason, user, closed] of cases) {
    const world = new World('session');
    world.let(world.valid('ann', 100));
    world.verdict = () => world.standing(verdict, reason, 0, user);
    world.pass(2000);
    t.same(world.closed, closed, `${verdict} ${user}`);
  }
  const world = new World('session');
  const door = world.let(world.standing('anonymous', 'user.none', 0));
  world.verdict = () => world.valid('ann', 100);
  world.pass(3000);
  t.equal(door.over, 0, 'a visitor who logs in stays');
  world.verdict = () => world.valid('bob', 100);
  world.pass(3000);
  t.same(world.closed, ['members user'], 'and is from then on who he is');
});

t.test('where a new request would pass nothing is closed', async (t) => {
  const open = new World('nothing');
  open.let();
  open.verdict = () => open.standing('invalid', 'store.none', 0);
  open.pass(5000);
  t.same(open.closed, []);
  const world = new World();
  world.let().session.exempt = true;
  world.verdict = () => world.standing('invalid', 'store.none', 0);
  world.pass(5000);
  t.ok(world.checks > 0);
  t.same(world.closed, []);
});

t.test('an answer has a moment to end by itself, such as that of the logout', async (t) => {
  const world = new World();
  const [brief, long] = [
    world.let(world.valid('ann', 100), OPEN.answer),
    world.let(world.valid('ann', 100), OPEN.answer),
  ];
  world.verdict = () => world.standing('invalid', 'store.none', 0);
  for (let i = 0; i < 1000 && world.checks < 2; i++) world.pass(20);
  world.pass(140);
  t.equal(brief.over + long.over, 0);
  brief.door.leave();
  world.pass(200);
  t.equal(brief.over, 0, 'it was complete');
  t.equal(long.over, 1);
});

t.test('an answer that has gone on for long, as an event stream has, is given none', async (t) => {
  const world = new World();
  const stream = world.let(world.valid('ann', 60_000), OPEN.stream);
  const answer = world.let(world.valid('ann', 60_000), OPEN.answer);
  const poll = world.let(world.valid('ann', 60_000), OPEN.poll);
  world.sequence++;
  world.ended = world.standing('invalid', 'revoked', Number.MAX_SAFE_INTEGER, 'ann');
  world.pass(20);
  t.same([stream.over, answer.over, poll.over], [1, 0, 0]);
  world.pass(280);
  t.same([stream.over, answer.over, poll.over], [1, 1, 1]);
  t.equal(world.checks, 0, 'the revocation alone decides it');
});

t.test('thousands are closed a few at a time, and the round goes on where it stopped', async (t) => {
  const world = new World();
  const owners = Array.from({ length: 1000 }, (_, i) => world.let(world.valid(`user ${i}`, 60_000)));
  world.pass(60);
  const lookedBefore = owners.map(({ looks }) => looks);
  world.sequence++;
  world.ended = world.standing('invalid', 'revoked', Number.MAX_SAFE_INTEGER);
  world.closingMs = 0.5;
  world.clock.advance(20);
  world.keeper.tick();
  let turns = 0;
  for (let before = 0; world.soon.length > 0; turns++) {
    const now = world.closed.length;
    t.ok(now > before && now - before <= 10, `${now - before} in one go`);
    before = now;
    // The tick comes by while the round is under way.
    world.keeper.tick();
    t.equal(world.soon.length, 1);
    // Somebody new comes in the middle of it, with a verdict that knows of the revocation.
    if (turns === 10) world.let(world.valid('new', 60_000));
    world.turn();
  }
  t.ok(turns >= 99, `${turns} turns of the loop for others`);
  t.ok(owners.every(({ over }) => over === 1));
  t.ok(
    owners.every(({ looks }, i) => looks <= lookedBefore[i]! + 2),
    'each was looked at once, and again as it was closed',
  );
});

t.test('what can wait is done when all clients have been told', async (t) => {
  const world = new World();
  const owners = Array.from({ length: 100 }, (_, i) => world.let(world.valid(`user ${i}`, 60_000)));
  world.pass(60);
  /** Of how many had been told as each job was done. */
  const told: number[] = [];
  for (const owner of owners) owner.leaves = () => told.push(world.closed.length);
  world.sequence++;
  world.ended = world.standing('invalid', 'revoked', Number.MAX_SAFE_INTEGER);
  world.closingMs = 0.5;
  world.pass(20);
  t.same(
    told,
    owners.map(() => owners.length),
  );
});

t.test('sockets are served between the closings', async (t) => {
  const world = new World();
  world.later = (run) => setImmediate(run);
  const owners = Array.from({ length: 1000 }, (_, i) => world.let(world.valid(`user ${i}`, 60_000)));
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  t.teardown(() => echo.close());
  await once(echo, 'listening');
  // Because: one that listens on a port has an address.
  const client = connect((echo.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => client.destroy());
  await once(client, 'connect');
  /** How many were closed as each answer came. */
  const answered: number[] = [];
  client.on('data', () => {
    answered.push(world.closed.length);
    client.write('again');
  });
  client.write('first');
  world.sequence++;
  world.ended = world.standing('invalid', 'revoked', Number.MAX_SAFE_INTEGER);
  world.closingMs = 0.5;
  world.clock.advance(20);
  world.keeper.tick();
  while (owners.some(({ over }) => over === 0)) await new Promise((resolve) => setImmediate(resolve));
  const between = answered.filter((closed) => closed > 0 && closed < owners.length);
  // The hundred turns that it takes are ten times those that so many answers do.
  t.ok(between.length >= 4, `${between.length} answers`);
});

t.test('what a revocation alone ends waits for nobody whose store is slow', async (t) => {
  const world = new World();
  world.verdict = () => null;
  const revoked = world.let(world.valid('bob', 60_000));
  const slow = Array.from({ length: 300 }, (_, i) => world.let(world.valid(`user ${i}`, 100)));
  world.pass(600);
  t.equal(world.waiters.length, 256, 'as many wait as may');
  world.sequence++;
  world.ended = world.standing('invalid', 'revoked', Number.MAX_SAFE_INTEGER);
  world.pass(20);
  t.equal(revoked.over, 1);
  tell(world, () => world.valid('ann', 60_000));
  world.pass(20);
  tell(world, () => world.valid('ann', 60_000));
  t.ok(slow.every(({ door }) => door.waitsFor === null));
  t.equal(world.checks, 300, 'and those who found no place are asked for when there is one');
});

t.test('a request that is neither answered nor polls is left to its end', async (t) => {
  const world = new World();
  const post = world.let(world.valid('ann', 100), OPEN.shut);
  world.verdict = () => world.standing('invalid', 'store.none', 0);
  world.pass(5000);
  t.equal(world.checks, 0);
  post.open = OPEN.answer;
  world.pass(1000);
  t.equal(post.over, 1, 'when its answer goes on, it counts');
});

t.test('a request that is over while its verdict is waited for is not told', async (t) => {
  const world = new World();
  world.verdict = () => null;
  const owner = world.let(world.valid('ann', 100));
  world.pass(1000);
  t.equal(world.waiters.length, 1);
  owner.door.leave();
  // Its exchange serves another meanwhile.
  owner.session.standing = world.valid('bob', 60_000);
  owner.door.open();
  tell(world, () => world.standing('invalid', 'store.none', 0));
  world.pass(1000);
  t.equal(owner.over, 0);
});

t.test('a few verdicts are waited for at one time, and everybody gets his', async (t) => {
  const world = new World();
  world.verdict = () => null;
  const owners = Array.from({ length: 2000 }, (_, i) => world.let(world.valid(`user ${i}`, 100)));
  let rounds = 0;
  while (owners.some(({ over }) => over === 0) && rounds++ < 200) {
    world.pass(20);
    t.ok(world.waiters.length <= 256);
    tell(world, () => world.standing('invalid', 'store.none', 0));
  }
  t.ok(owners.every(({ over }) => over === 1));
  t.equal(world.checks, 2000, 'each was asked for once');
});

t.test('joining and leaving in any order keeps the list whole', async (t) => {
  const world = new World();
  const random = new SeededRandom(5);
  const all = Array.from({ length: 50 }, () => new Owner(world, world.valid('ann', 0)));
  const inside = new Set<Owner>();
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 10; i++) {
      const owner = all[random.below(all.length)]!;
      owner.open = OPEN.tunnel;
      if (inside.delete(owner)) owner.door.leave();
      else {
        inside.add(owner);
        owner.door.open();
      }
    }
    const asked = new Set<Owner>();
    world.verdict = (owner) => {
      asked.add(owner);
      return world.valid('ann', 0);
    };
    world.sequence++;
    world.pass(20);
    if (asked.size !== inside.size || [...asked].some((owner) => !inside.has(owner)))
      t.fail(`round ${round}`);
  }
});
