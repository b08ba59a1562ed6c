// The simulation's own ground: events come in order, distributions have their moments, and queues obey the oldest formula.
import t from 'tap';
import { Draws, paretoMoment, Zipf } from './draws.ts';
import { Servers } from './servers.ts';
import { mean, percentile, tail } from './statistics.ts';
import { startTraffic } from './traffic.ts';
import { World } from './world.ts';

t.test('events come when they are due, those of one time in the order of asking', async (t) => {
  const world = new World();
  const { random } = new Draws(1);
  const asked: { atMs: number; order: number }[] = [];
  const seen: { atMs: number; order: number }[] = [];
  for (let order = 0; order < 5000; order++) {
    const event = { atMs: random.below(300), order };
    asked.push(event);
    world.at(event.atMs, () => {
      if (world.nowMs() !== event.atMs) t.fail(`${event.atMs} came at ${world.nowMs()}`);
      seen.push(event);
    });
  }
  world.run();
  t.same(
    seen,
    asked.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order),
  );
});

t.test(
  'events may ask for others; time stops where it is told to, and cancelled ones never come',
  async (t) => {
    const world = new World();
    const seen: string[] = [];
    world.at(10, () => {
      seen.push('ten');
      world.at(10, () => seen.push('ten again'));
      world.at(30, () => seen.push('thirty'));
    });
    world.after(20, () => seen.push('cancelled')).cancel();
    world.run(25);
    t.same(seen, ['ten', 'ten again']);
    world.run();
    t.same(seen, ['ten', 'ten again', 'thirty']);
    t.equal(world.nowMs(), 30);
  },
);

t.test('draws have the means that their formulas say', async (t) => {
  const draws = new Draws(5);
  const of = (draw: () => number): number => mean(Array.from({ length: 200_000 }, draw));
  t.ok(Math.abs(of(() => draws.exponential(7)) / 7 - 1) < 0.02);
  const pareto = paretoMoment(1, 1.5, 1, 300);
  t.ok(Math.abs(of(() => draws.pareto(1.5, 1, 300)) / pareto - 1) < 0.03);
  const zipf = new Zipf(3, 1);
  const first = of(() => (zipf.draw(draws) === 0 ? 1 : 0));
  t.ok(Math.abs(first - 6 / 11) < 0.01, `${first}`);
});

t.test('one queue of Poisson arrivals and exponential work keeps M/M/1’s mean time', async (t) => {
  const world = new World();
  const draws = new Draws(8);
  const servers = new Servers(1);
  let sumMs = 0;
  let answers = 0;
  startTraffic(
    {
      world,
      replicas: [],
      servers,
      draws,
      arrivalsPerMs: 0.5,
      work: () => draws.exponential(1),
      place: () => 0,
      onAnswer: (ms) => {
        sumMs += ms;
        answers++;
      },
    },
    400_000,
  );
  world.run();
  t.ok(Math.abs(sumMs / answers / 2 - 1) < 0.03, `${sumMs / answers} of 2`);
  t.equal(servers.queue[0], 0, 'and all have left');
});

t.test('percentiles and tails are those of the values', async (t) => {
  const values = Array.from({ length: 1000 }, (_, i) => 1000 - i);
  t.equal(percentile(values, 0.99), 990);
  t.equal(percentile(values, 0), 1);
  const points = tail(values, 4);
  t.same(points[0], [1, 1]);
  t.same(points.at(-1), [1000, 0.001]);
});
