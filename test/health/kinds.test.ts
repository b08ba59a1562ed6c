// Every kind of check says of a good app that it is good, and of a killed one that it is gone.
import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { systemTimers } from '../../src/base/timers.ts';
import { CHECK_KINDS, type CheckKind, checkKindOf } from '../../src/health/kinds.ts';
import type { ProbeResult, ProbeTarget } from '../../src/health/probe.ts';
import { socketProber } from '../../src/health/prober.ts';
import { ACTIVE } from './board-world.ts';
import { startApp } from './real-app.ts';

const time = { clock: systemClock, timers: systemTimers };

function check(kind: CheckKind, target: ProbeTarget): Promise<ProbeResult> {
  return new Promise((resolve) => kind.start(time, target, { ...ACTIVE, path: '/' }, resolve));
}

for (const [name, kind] of Object.entries(CHECK_KINDS)) {
  t.test(`${name}: a good app passes, a killed one is refused`, async (t) => {
    const app = await startApp(t);
    t.match(await check(kind, app.target), { ok: true, refused: false, inconclusive: false });
    await app.child.kill('SIGKILL');
    t.match(await check(kind, app.target), { ok: false, refused: true, why: 'connect refused' });
  });

  t.test(`${name}: the result comes after the start has returned`, async (t) => {
    const app = await startApp(t);
    for (const port of [app.port, 99_999]) {
      const order: string[] = [];
      await new Promise<void>((resolve) => {
        kind.start(time, { ...app.target, address: { host: '127.0.0.1', port } }, ACTIVE, () => {
          order.push('result');
          resolve();
        });
        order.push('returned');
      });
      t.same(order, ['returned', 'result']);
    }
  });
}

t.test('the options choose the kind', async (t) => {
  t.equal(checkKindOf(ACTIVE), CHECK_KINDS.http);
  t.equal(checkKindOf({ ...ACTIVE, tcp: true }), CHECK_KINDS.tcp);
});

t.test('a look for life asks what the HTTP check asks, else OPTIONS *', async (t) => {
  const app = await startApp(t, 'slow');
  const prober = socketProber(time);
  const life = (active: typeof ACTIVE | null): Promise<ProbeResult> =>
    new Promise((resolve) => prober.life(app.target, active, 300, resolve));
  // The slow app says 100 to whoever asks for it, and nothing to a GET within the time.
  t.match(await life(null), { ok: true, statusCode: 100 });
  t.match(await life({ ...ACTIVE, tcp: true }), { ok: true, statusCode: 100 });
  t.match(await life(ACTIVE), { ok: false, why: 'no answer within 300ms' });
});
