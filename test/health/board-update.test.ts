// The board over a reload: who was known keeps his standing and what was ordered of him, and who comes begins anew.
import t from 'tap';
import type { BoardPool } from '../../src/health/board-input.ts';
import type { HealthOptions } from '../../src/health/options.ts';
import type { BoardUpstream } from '../../src/health/upstream-health.ts';
import { boardWorld, HEALTH } from './board-world.ts';

function upstream(slot: number, more: Partial<BoardUpstream> = {}): BoardUpstream {
  return {
    slot,
    name: 'abcdefgh'[slot]!,
    weight: 1,
    wanted: 'ready',
    tls: null,
    authority: `app:${1000 + slot}`,
    address: () => ({ host: '127.0.0.1', port: 1000 + slot }),
    ...more,
  };
}

function shop(
  upstreams: readonly BoardUpstream[],
  health: Partial<HealthOptions> = {},
  slowStartMs = 0,
): BoardPool {
  return { id: 0, name: 'shop', health: { ...HEALTH, ...health }, slowStartMs, upstreams };
}

t.test('an ejected upstream stays ejected, and one that is gone is known no more', async (t) => {
  const world = boardWorld(3);
  world.fail(0, 'protocol', 3);
  t.equal(world.observed(0), 'ejected');
  const epoch = world.table.epoch[0]!;
  world.board.update([shop([upstream(0), upstream(2), upstream(3)])]);
  t.equal(world.observed(0), 'ejected');
  t.equal(world.observed(2), 'up');
  t.equal(world.board.describe(1), null);
  t.not(world.table.epoch[0], epoch, 'the workers see that the set has changed');
  world.fail(1, 'protocol', 9);
  t.equal(world.board.describe(1), null, 'what is told late of it is dropped');
});

t.test(
  'weight and wish that were ordered stay, unless the config says something else than before',
  async (t) => {
    const world = boardWorld(2);
    world.board.setWanted(0, 'drain');
    world.board.setWeight(0, 5);
    world.board.update([shop([upstream(0), upstream(1, { weight: 2 })])]);
    t.match(world.board.describe(0), { wanted: 'drain', weight: 5 });
    t.match(world.board.describe(1), { weight: 2 });
    world.board.update([
      shop([upstream(0, { weight: 3, wanted: 'maintenance' }), upstream(1, { weight: 2 })]),
    ]);
    t.match(world.board.describe(0), { wanted: 'maintenance', weight: 3 });
    t.equal(world.table.weight[0], 3 * 256);
  },
);

t.test('one that joins others warms up; with the first of a pool there is nobody to spare it', async (t) => {
  const world = boardWorld(1, {}, 10_000);
  t.equal(world.table.weight[0], 256, 'at the start everybody begins whole');
  world.board.update([shop([upstream(0), upstream(1)], {}, 10_000)]);
  t.ok(world.table.weight[1]! < 256, `${world.table.weight[1]}`);
  world.timers.advance(11_000);
  t.equal(world.table.weight[1], 256);
  world.board.update([
    shop([upstream(0), upstream(1)], {}, 10_000),
    { ...shop([upstream(2)], {}, 10_000), id: 1, name: 'new' },
  ]);
  t.equal(world.table.weight[2], 256);
});

t.test(
  'where a pool is checked otherwise, what stood against its upstreams does until the new checks have looked',
  async (t) => {
    const world = boardWorld(2);
    // Nobody listens: the second look of the board itself says so.
    world.prober.set(1000, 'refusing');
    world.fail(0, 'refused');
    world.timers.advance(200);
    t.equal(world.observed(0), 'ejected');
    world.board.update([shop([upstream(0), upstream(1)], { panic: 0.3 })]);
    t.equal(world.observed(0), 'ejected');
    t.equal(world.observed(1), 'up');
  },
);
