// What the line before the collector promises: bounded, one post at a time, every span sent or counted as lost, whatever the collector does.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import { SpanQueue } from '../../src/observe/span-queue.ts';

function setup() {
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  const world = {
    timers,
    posts: [] as number[][],
    answer: null as ((why: string | null) => void) | null,
    /** How posts are answered; null: not at all. */
    at: null as string | null | undefined,
    aborts: 0,
    sent: 0,
    dropped: { full: 0, unsent: 0 },
    states: [] as string[],
  };
  const queue = new SpanQueue<number>({
    timers,
    exporter: {
      export(spans, done) {
        if (world.answer !== null) throw new Error('two posts at a time');
        world.posts.push(spans);
        const answer = (why: string | null): void => {
          world.answer = null;
          done(why);
        };
        if (world.at === undefined) world.answer = answer;
        else done(world.at);
      },
      abort() {
        world.aborts++;
        world.answer?.('broken off');
      },
    },
    onSent: (spans) => {
      world.sent += spans;
    },
    onDropped: (why, spans) => {
      world.dropped[why] += spans;
    },
    onState: (up, why) => world.states.push(up ? 'up' : `down: ${why}`),
  });
  return { world, queue };
}
const some = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

t.test('few spans wait a second for company, many go at once', async (t) => {
  const { world, queue } = setup();
  queue.put(some(3));
  queue.put(some(4));
  t.same(world.posts, []);
  world.timers.advance(999);
  t.same(world.posts, []);
  world.timers.advance(1);
  t.same(
    world.posts.map((post) => post.length),
    [7],
  );
  queue.put(some(1100));
  t.same(
    world.posts.map((post) => post.length),
    [7, 512, 512],
    'in posts that have a bound',
  );
  world.timers.advance(1000);
  t.equal(world.sent, 1107);
  t.equal(queue.length, 0);
  t.equal(world.timers.count, 0, 'and nothing is left to happen');
});

t.test('a collector that hangs costs its bound and no more', async (t) => {
  const { world, queue } = setup();
  world.at = undefined;
  for (let i = 0; i < 100; i++) queue.put(some(100));
  t.equal(queue.length, 512 + 4096);
  t.equal(world.dropped.full, 10_000 - 512 - 4096);
  t.equal(world.posts.length, 1);
  world.timers.advance(9_999);
  t.equal(world.aborts, 0);
  world.timers.advance(1);
  t.equal(world.aborts, 1, 'a post that is overdue is broken off');
  t.equal(world.dropped.unsent, 512);
  t.same(world.states, ['down: broken off']);
  world.at = null;
  world.timers.advance(1000);
  t.same(world.states, ['down: broken off', 'up']);
  t.equal(world.sent, 4096, 'what waited goes when it is back');
  t.equal(world.sent + world.dropped.full + world.dropped.unsent, 10_000, 'and all is accounted for');
});

t.test('a collector that refuses is asked once a second, and its state is told once', async (t) => {
  const { world, queue } = setup();
  world.at = 'it answered 503';
  for (let i = 0; i < 8; i++) {
    queue.put(some(600));
    world.timers.advance(1000);
  }
  t.ok(world.posts.length <= 9, `${world.posts.length} posts`);
  t.same(world.states, ['down: it answered 503']);
  world.at = null;
  world.timers.advance(2000);
  t.same(world.states, ['down: it answered 503', 'up']);
  t.equal(queue.length, 0);
  t.equal(world.sent + world.dropped.full + world.dropped.unsent, 4800);
});

t.test('at the end what waits is sent', async (t) => {
  const { world, queue } = setup();
  queue.put(some(500));
  await queue.close(2000);
  t.equal(world.sent, 500);
  queue.put(some(5));
  t.equal(world.dropped.full, 5, 'what comes behind it is dropped');
  t.equal(world.timers.count, 0);
});

t.test('the end waits no longer than it may', async (t) => {
  const { world, queue } = setup();
  world.at = undefined;
  queue.put(some(700));
  const closing = queue.close(2000);
  world.timers.advance(2000);
  await closing;
  t.equal(world.sent, 0);
  t.equal(world.dropped.unsent, 700, 'and counts what it gave up');
  t.equal(world.timers.count, 0);
});

t.test('a collector that is away does not hold up the end', async (t) => {
  const { world, queue } = setup();
  world.at = 'ECONNREFUSED';
  queue.put(some(100));
  await queue.close(2000);
  t.equal(world.dropped.unsent, 100);
});
