// The load keeps its schedule whatever the proxy does, charges it from when a request was due, and counts what could not be sent.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import type { Incoming, Line, Outcome, Outgoing } from '../../src/drill/line.ts';
import { type Ended, type LoadPlan, OpenLoop } from '../../src/drill/open-loop.ts';
import { parseRequest, type RequestText } from '../../src/drill/request-text.ts';
import { User } from '../../src/drill/user.ts';

function request(text: string): RequestText {
  const reading = parseRequest(text);
  if ('wrong' in reading) throw new Error(reading.wrong);
  return reading.value;
}

const FINE: Incoming = { status: 200, field: () => null, setCookies: [], body: '' };

/** A proxy that takes `delayMs` for each answer, Infinity for none. */
class FakeLine implements Line {
  sent: { readonly atMs: number; readonly outgoing: Outgoing }[] = [];
  #done: ((outcome: Outcome) => void) | null = null;
  readonly #clock: HandClock;
  readonly #timers: HandTimers;
  readonly #delayMs: () => number;

  constructor(clock: HandClock, timers: HandTimers, delayMs: () => number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#delayMs = delayMs;
  }

  get busy(): boolean {
    return this.#done !== null;
  }

  send(outgoing: Outgoing, done: (outcome: Outcome) => void): void {
    this.sent.push({ atMs: this.#clock.nowMs(), outgoing });
    this.#done = done;
    const delayMs = this.#delayMs();
    if (delayMs < Infinity) this.#timers.after(delayMs, () => this.#end(done, { incoming: FINE }));
  }

  abort(why: string): void {
    if (this.#done !== null) this.#end(this.#done, { why });
  }

  close(): void {
    this.abort('closed');
  }

  #end(done: (outcome: Outcome) => void, outcome: Outcome): void {
    if (this.#done !== done) return;
    this.#done = null;
    done(outcome);
  }
}

interface World {
  readonly clock: HandClock;
  readonly timers: HandTimers;
  readonly lines: FakeLine[];
  readonly ended: Ended[];
  readonly loop: OpenLoop;
  over: boolean;
}

function start(plan: Partial<LoadPlan>, users: number, delayMs: (world: World) => number): World {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const ended: Ended[] = [];
  const lines: FakeLine[] = [];
  const userPlan = {
    target: new URL('http://127.0.0.1:1'),
    headers: [],
    login: null,
    loggedOut: [],
    instance: null,
    handled: null,
    ok: [{ from: 200, to: 399 }],
  };
  const all = Array.from({ length: users }, (_, i) => {
    const line = new FakeLine(clock, timers, () => delayMs(world));
    lines.push(line);
    return new User(`u${i}`, userPlan, line, clock);
  });
  const whole = {
    rate: 100,
    durationMs: 1000,
    timeoutMs: 500,
    requests: [request('GET /')],
    writeShare: 0.1,
    ...plan,
  };
  const loop = new OpenLoop(
    whole,
    all,
    { clock, timers },
    (i) => `id-${i}`,
    (one) => ended.push(one),
  );
  const world: World = { clock, timers, lines, ended, loop, over: false };
  void loop.run().then(() => {
    world.over = true;
  });
  return world;
}

t.test('every request is sent when it is due, by the users in turn', async (t) => {
  const world = start({}, 10, () => 3);
  world.timers.advance(1100);
  await null;
  t.ok(world.over);
  t.equal(world.ended.length, 100);
  t.ok(
    world.lines.every((line) => line.sent.length === 10),
    'each user has its share',
  );
  t.ok(
    world.ended.every(({ dueMs, sentMs }) => sentMs !== null && sentMs - dueMs <= 1),
    'none was late',
  );
  t.ok(world.ended.every(({ endedMs, dueMs }) => endedMs - dueMs <= 4));
});

t.test('a proxy that stalls does not slow the schedule, and is charged for all it held up', async (t) => {
  // Nothing is answered for 400 ms, then all of it: requests that were due meanwhile waited for their user.
  const stalledUntilMs = 600;
  const world = start({ timeoutMs: 1000 }, 5, ({ clock }) => Math.max(1, stalledUntilMs - clock.nowMs()));
  world.timers.advance(stalledUntilMs - 1);
  t.equal(world.loop.asked, 60, 'all that was due was counted, though five users alone could send');
  t.equal(world.lines.filter((line) => line.busy).length, 5);
  t.equal(
    world.lines.reduce((sum, line) => sum + line.sent.length, 0),
    5,
  );
  world.timers.advance(1000);
  await null;
  t.ok(world.over);
  t.equal(world.ended.length, 100);
  t.ok(world.ended.every(({ why }) => why === null));
  const waited = world.ended.filter(({ dueMs }) => dueMs < stalledUntilMs);
  for (const { dueMs, endedMs } of waited) {
    t.ok(endedMs - dueMs >= stalledUntilMs - dueMs - 1, 'latency counts from when it was due');
  }
});

t.test('what cannot be sent in time has failed, and so has what is not answered in time', async (t) => {
  const world = start({}, 2, () => Infinity);
  world.timers.advance(3000);
  await null;
  t.ok(world.over, 'and the drill ends all the same');
  t.equal(world.ended.length, 100);
  const sent = world.ended.filter(({ sentMs }) => sentMs !== null);
  const never = world.ended.filter(({ sentMs }) => sentMs === null);
  t.ok(sent.every(({ why }) => why === 'no answer in time'));
  t.ok(
    never.every(({ why, dueMs, endedMs }) => /not sent in time/.test(why ?? '') && endedMs - dueMs >= 500),
  );
  t.ok(sent.length >= 4 && sent.length <= 10, `${sent.length} could be sent`);
});

t.test('a load that stood still itself says so, and makes up for it', async (t) => {
  const world = start({}, 10, () => 1);
  world.timers.advance(200);
  t.ok(world.loop.stalledMs < 3);
  world.timers.advance(302, 300);
  t.ok(world.loop.stalledMs >= 250, `${world.loop.stalledMs}`);
  world.timers.advance(3000);
  await null;
  t.ok(world.over);
  t.equal(world.ended.length, 100);
});

t.test('stopping ends it at once, and every request that was due has ended', async (t) => {
  const world = start({}, 2, () => Infinity);
  world.timers.advance(300);
  const asked = world.loop.asked;
  world.loop.stop();
  await null;
  t.ok(world.over);
  t.equal(world.ended.length, asked);
  t.ok(world.ended.every(({ why }) => /stopped/.test(why ?? '')));
  world.timers.advance(5000);
  t.equal(world.ended.length, asked, 'nothing comes after');
  t.equal(world.timers.count, 0);
});

t.test('writes have their share, go round the users, and carry an id of their own', async (t) => {
  const requests = [request('GET /a'), request('GET /b'), request('POST /c {id} {user}')];
  const world = start({ rate: 1000, durationMs: 10_000, requests }, 20, () => 1);
  world.timers.advance(11_000);
  await null;
  const writes = world.ended.filter(({ request: { safe } }) => !safe);
  t.equal(world.ended.length, 10_000);
  t.ok(writes.length > 800 && writes.length < 1200, `${writes.length} of a tenth`);
  t.equal(new Set(writes.map(({ user }) => user)).size, 20, 'no user is spared');
  for (const { path } of requests) {
    t.ok(world.ended.filter((one) => one.request.path === path).length > 800, path);
  }
  const bodies = world.lines.flatMap(({ sent }) => sent).filter(({ outgoing }) => outgoing.method === 'POST');
  t.match(bodies[0]!.outgoing.body, /^id-\d+ u\d+$/);
  t.ok(bodies.every(({ outgoing }) => outgoing.body?.startsWith(`${outgoing.headers['Drill-Request']} `)));
  t.equal(new Set(bodies.map(({ outgoing }) => outgoing.headers['Drill-Request'])).size, writes.length);
});
