// What a TCP probe makes of real listeners.
import t from 'tap';
import { HandClock, systemClock } from '../../src/base/clock.ts';
import { HandTimers, systemTimers } from '../../src/base/timers.ts';
import type { ProbeResult, ProbeTarget } from '../../src/health/probe.ts';
import { startTcpProbe } from '../../src/health/tcp-probe.ts';
import { freePort } from '../kit/ports.ts';
import { startApp, targetOf } from './real-app.ts';

const time = { clock: systemClock, timers: systemTimers };

function probe(target: ProbeTarget, port: number | null = null): Promise<ProbeResult> {
  return new Promise((resolve) => {
    startTcpProbe(time, target, port, 2000, resolve);
  });
}

t.test('somebody who listens is there, even one who never speaks', async (t) => {
  const app = await startApp(t, 'mute');
  t.match(await probe(app.target), { ok: true, why: 'connected', statusCode: 0 });
  t.match(await probe(targetOf(await freePort()), app.port), { ok: true }, 'also on a port of its own');
  await app.child.kill('SIGSTOP');
  t.match(await probe(app.target), { ok: true }, 'even a stopped one: that is what suspicion is for');
});

t.test('a killed one refuses', async (t) => {
  const app = await startApp(t);
  await app.child.kill('SIGKILL');
  t.match(await probe(app.target), { ok: false, why: 'connect refused', refused: true, inconclusive: false });
});

t.test('what cannot be dialled at all is a result, not an exception', async (t) => {
  t.match(await probe(targetOf(99_999)), { ok: false });
  t.match(await probe({ ...targetOf(1), address: { path: '/tmp/limpet-no-such.sock' } }), {
    ok: false,
    why: 'socket file missing',
  });
});

t.test('no connect within its time is told, and the late one is not', async (t) => {
  const app = await startApp(t);
  const timers = new HandTimers(new HandClock());
  const told: string[] = [];
  startTcpProbe({ clock: systemClock, timers }, app.target, null, 1500, (result) => told.push(result.why));
  timers.advance(1500);
  t.same(told, ['no connect within 1.5s']);
  await probe(app.target);
  t.equal(told.length, 1);
});

t.test('a process that stands still for longer than that does not call who listens dead', async (t) => {
  const app = await startApp(t);
  for (let i = 0; i < 5; i++) {
    const told = new Promise<ProbeResult>((resolve) => {
      startTcpProbe(time, app.target, null, 60, resolve);
    });
    // Node's own dialling begins in this turn; from here on nothing is heard.
    await new Promise((resolve) => setImmediate(resolve));
    const endMs = performance.now() + 150;
    while (performance.now() < endMs);
    t.match(await told, { ok: true, why: 'connected' });
  }
});

t.test('cancelled, it tells nothing', async (t) => {
  const app = await startApp(t);
  let told = 0;
  startTcpProbe(time, app.target, null, 1000, () => told++).cancel();
  await probe(app.target);
  t.equal(told, 0);
});
