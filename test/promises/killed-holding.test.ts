// Promise: an instance that dies with more requests in hand than any budget holds loses none that may be repeated.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';

const EACH = 40;

t.test(
  'what a dying instance holds goes to others, beyond the budget; what comes later is paid for',
  async (t) => {
    const apps = await Promise.all(['a', 'b', 'c'].map((name) => startNamedApp(name, t)));
    const [dying] = apps as [(typeof apps)[0]];
    const limpet = await startLimpet(
      {
        workers: 1,
        upstreams: apps.map(({ url }) => url),
        balance: 'round-robin',
        health: { ...calm, passive: false },
        retries: { attempts: 2, budget: '0%' },
      },
      { owner: t },
    );
    // Each is known to live.
    for (let i = 0; i < apps.length; i++) t.equal((await askPath(limpet.port, '/')).status, 200);
    const held: ServerResponse[] = [];
    for (const app of apps) app.answer = (_request, response) => held.push(response);
    const answers = Array.from({ length: EACH * apps.length }, () => askPath(limpet.port, '/slow'));
    await until('all are held', () => held.length === EACH * apps.length);
    const before = held.length;

    await dying.stop();
    await until('its own are held by others', () => held.length === before + EACH);
    for (const response of held) response.end('late');
    t.same(new Set((await Promise.all(answers)).map(({ status }) => status)), new Set([200]), 'none failed');

    // It comes back, and hangs up on everybody: not a death, since it has answered nothing.
    dying.answer = (_request, response) => response.destroy();
    for (const app of apps.slice(1)) app.answer = (_request, response, name) => response.end(name);
    await dying.start();
    const rude = await Promise.all(Array.from({ length: 6 * EACH }, () => askPath(limpet.port, '/')));
    const failed = rude.filter(({ status }) => status !== 200).length;
    t.ok(failed > EACH, `${failed} of about ${2 * EACH} are beyond the budget`);
  },
);
