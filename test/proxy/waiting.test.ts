// What becomes of requests that find every upstream at its bound: they wait in their order, for so long and no longer.
import t from 'tap';
import { statusOf } from '../kit/http-message.ts';
import { get, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askOnce } from '../kit/raw-client.ts';
import { OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({
  pools: {
    default: {
      upstreams: [{ url: upstream.url, maxConnections: 1 }],
      health: unwatched,
      queue: { max: 3, timeout: '400ms' },
    },
  },
});

t.test('those in line are served in their order, as places become free', async (t) => {
  const order: string[] = [];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  upstream.script = async (exchange) => {
    await exchange.whole();
    order.push(exchange.target);
    if (exchange.target === '/0') await held;
    exchange.send(OK);
  };
  const answers = [askOnce(limpet.port, get('/0'))];
  while (order.length === 0) await new Promise(setImmediate);
  for (const path of ['/1', '/2', '/3']) {
    answers.push(askOnce(limpet.port, get(path)));
    // Each stands in line before the next comes: the proxy answers this one only after it has read what was sent before.
    await askOnce(limpet.port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n');
  }
  t.equal(statusOf(await askOnce(limpet.port, get('/too-many'))), 503, 'the line is full');
  release();
  t.same((await Promise.all(answers)).map(statusOf), [200, 200, 200, 200]);
  t.same(order, ['/0', '/1', '/2', '/3']);
});

t.test('nobody waits longer than the line allows', async (t) => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let taken = false;
  upstream.script = async (exchange) => {
    await exchange.whole();
    taken = true;
    await held;
    exchange.send(OK);
  };
  const first = askOnce(limpet.port, get('/held'));
  while (!taken) await new Promise(setImmediate);
  const began = performance.now();
  t.equal(statusOf(await askOnce(limpet.port, get('/waits'))), 503);
  const took = performance.now() - began;
  t.ok(took >= 350, `not before its time (${Math.round(took)} ms)`);
  t.ok(took < 2000, `nor much later (${Math.round(took)} ms)`);
  release();
  t.equal(statusOf(await first), 200);
});
