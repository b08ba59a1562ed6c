// The board over real processes that are killed, stopped, revived and slow. Times are bounded from above, generously.
import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { systemTimers } from '../../src/base/timers.ts';
import { HealthBoard } from '../../src/health/health-board.ts';
import type { HealthOptions } from '../../src/health/options.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { socketProber } from '../../src/health/prober.ts';
import { type Observed, UpstreamTable } from '../../src/upstream/upstream-table.ts';
import type { Owner } from '../kit/child.ts';
import { ACTIVE, HEALTH } from './board-world.ts';
import { type Behaviour, type RealApp, startApp, until } from './real-app.ts';

interface RealWorld {
  readonly apps: RealApp[];
  readonly board: HealthBoard;
  readonly table: UpstreamTable;
  readonly told: string[];
  /** Results of the looks for life. */
  readonly lives: ProbeResult[];
  observed(slot: number): Observed;
  fail(slot: number): void;
}

async function realWorld(
  owner: Owner,
  behaviours: readonly Behaviour[],
  options: Partial<HealthOptions> = {},
): Promise<RealWorld> {
  const apps = await Promise.all(behaviours.map((behaviour) => startApp(owner, behaviour)));
  const table = new UpstreamTable(UpstreamTable.allocate(8, 1));
  const told: string[] = [];
  const lives: ProbeResult[] = [];
  const prober = socketProber({ clock: systemClock, timers: systemTimers });
  const board = new HealthBoard({
    table,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom(),
    prober: {
      ...prober,
      life: (target, active, timeoutMs, done) =>
        prober.life(target, active, timeoutMs, (result) => {
          lives.push(result);
          done(result);
        }),
    },
    pools: [
      {
        id: 0,
        name: 'shop',
        health: { ...HEALTH, ...options },
        slowStartMs: 0,
        upstreams: apps.map(({ target }, slot) => ({
          slot,
          name: 'abc'[slot]!,
          weight: 1,
          wanted: 'ready' as const,
          tls: null,
          authority: target.authority,
          address: () => target.address,
        })),
      },
    ],
    onChange: (change) => told.push(`${change.name} ${change.from}>${change.to}`),
    log: { warn: () => undefined },
  });
  owner.teardown(() => board.stop());
  board.start();
  return {
    apps,
    board,
    table,
    told,
    lives,
    observed: (slot) => board.describe(slot)!.observed,
    fail(slot) {
      Atomics.add(table.failures, slot, 1);
      board.reportFailure(slot, 'refused');
    },
  };
}

t.test('one refused request is enough to find a killed app, and it is back when it is', async (t) => {
  const w = await realWorld(t, ['well', 'well', 'well']);
  await w.apps[0]!.child.kill('SIGKILL');
  w.fail(0);
  const outMs = await until('ejected', () => w.observed(0) === 'ejected');
  t.comment(`out after ${outMs.toFixed(1)} ms`);
  t.ok(outMs < 500, `out after ${outMs.toFixed(1)} ms`);
  await startApp(t, 'well', w.apps[0]!.port);
  const backMs = await until('up again', () => w.observed(0) === 'up');
  t.comment(`back after ${backMs.toFixed(1)} ms`);
  t.same(w.told, ['a up>ejected', 'a ejected>up']);
});

t.test('a killed app is found by its active check without any request', async (t) => {
  const w = await realWorld(t, ['well', 'well'], { active: { ...ACTIVE, path: '/', intervalMs: 200 } });
  await until('checked', () => w.observed(0) === 'up' && w.observed(1) === 'up');
  await w.apps[1]!.child.kill('SIGKILL');
  const outMs = await until('out', () => w.observed(1) === 'ejected' || w.observed(1) === 'down');
  t.comment(`out after ${outMs.toFixed(1)} ms`);
  await until('the checks agree', () => w.observed(1) === 'down');
  t.equal(w.board.describe(1)!.why, 'health check: connect refused');
  await startApp(t, 'well', w.apps[1]!.port);
  await until('up again', () => w.observed(1) === 'up');
});

t.test('a stopped app is out by one probe, and back the moment that it runs on', async (t) => {
  const w = await realWorld(t, ['well', 'well']);
  await w.apps[0]!.child.kill('SIGSTOP');
  w.board.reportSuspect(0);
  t.equal(w.observed(0), 'suspected');
  const outMs = await until('ejected', () => w.observed(0) === 'ejected');
  t.ok(outMs >= 90, 'not before the probe had its time');
  t.comment(`out after ${outMs.toFixed(1)} ms`);
  await w.apps[0]!.child.kill('SIGCONT');
  const backMs = await until('up again', () => w.observed(0) === 'up');
  t.comment(`back after ${backMs.toFixed(1)} ms`);
  t.ok(backMs < 1000, `back after ${backMs.toFixed(1)} ms`);
});

t.test('an app that takes two seconds for an answer is never put out', async (t) => {
  const w = await realWorld(t, ['slow', 'well'], {
    suspicion: { afterMs: null, probeTimeoutMs: 1000 },
  });
  await until('it was looked at five times, and answered', () => {
    w.board.reportSuspect(0);
    return w.lives.length >= 5;
  });
  t.ok(w.lives.every((result) => result.ok));
  t.notOk(
    w.told.some((change) => change.endsWith('ejected')),
    w.told.join(', '),
  );
});

t.test('a stopped app that is killed at last is gone, and not hung any more', async (t) => {
  const w = await realWorld(t, ['well', 'well']);
  await w.apps[0]!.child.kill('SIGSTOP');
  w.board.reportSuspect(0);
  await until('ejected', () => w.observed(0) === 'ejected');
  t.match(w.board.describe(0)!.why, /^hung/);
  await w.apps[0]!.child.kill('SIGKILL');
  await until('gone', () => w.board.describe(0)!.why === 'connect refused');
  await startApp(t, 'well', w.apps[0]!.port);
  await until('up again', () => w.observed(0) === 'up');
});
