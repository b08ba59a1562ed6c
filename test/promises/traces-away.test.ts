// A collector that hangs, refuses or is gone: no request waits for it, what is lost is counted, and it is found when it is back.
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { startCollector } from '../kit/otlp-collector.ts';

const app = await startNamedApp('a', t);
// Each has a collector and a Limpet of its own, and mostly waits.
t.jobs = 3;

t.test('a collector that hangs, then is gone, then is back', { buffered: true }, async (t) => {
  const collector = await startCollector(t);
  collector.mode = 'hang';
  const limpet = await startLimpet({
    upstreams: [app.url],
    health: calm,
    workers: 2,
    tracing: { endpoint: collector.url, sample: '100%' },
  });
  const count = (why: string) => metric(limpet, 'limpet_spans_dropped_total', `why="${why}"`);
  const sent = () => metric(limpet, 'limpet_spans_sent_total');
  let asked = 0;
  const ask = async (): Promise<void> => {
    asked++;
    t.equal((await askPath(limpet.port, '/')).status, 200);
  };
  await ask();
  await until('it hangs', () => collector.hanging === 1);
  await ask();
  t.equal(collector.hanging, 1, 'one post at a time, and requests go on');
  await collector.stop();
  await ask();
  await until('what it was posted is given up', async () => (await count('unsent')) >= 4);
  await until('which is told', () => limpet.logs().includes('the collector of traces is away'));
  collector.mode = 'take';
  await collector.start();
  await until('it is found', async () => {
    await ask();
    return (await sent()) > 0;
  });
  await until('which is told, too', () => limpet.logs().includes('takes spans again'));
  await until('every span is accounted for', async () => {
    const all = (await sent()) + (await count('unsent')) + (await count('full')) + (await count('busy'));
    return all === asked * 4;
  });
  const told = limpet.logs().match(/the collector of traces is away/g) ?? [];
  t.ok(told.length <= 3, 'once for each time that it went');
  t.equal(await limpet.stop(), 0);
});

t.test(
  'a collector that refuses is told of by its answer, and the end does not wait for it',
  { buffered: true },
  async (t) => {
    const collector = await startCollector(t);
    collector.mode = 'refuse';
    const limpet = await startLimpet({
      upstreams: [app.url],
      health: calm,
      tracing: { endpoint: collector.url, sample: '100%', headers: { 'X-Key': 'opensesame' } },
    });
    await askPath(limpet.port, '/');
    await until('it is told', () => limpet.logs().includes('it answered 400'));
    t.notMatch(limpet.logs(), 'opensesame');
    collector.mode = 'hang';
    await askPath(limpet.port, '/');
    t.equal(await limpet.stop(), 0);
  },
);

t.test('what waits is sent at the end', { buffered: true }, async (t) => {
  const collector = await startCollector(t);
  const limpet = await startLimpet({
    upstreams: [app.url],
    health: calm,
    tracing: { endpoint: collector.url, sample: '100%' },
  });
  await askPath(limpet.port, '/last');
  t.equal(await limpet.stop(), 0);
  t.ok(
    collector.spans.some(({ attributes }) => attributes['url.path'] === '/last'),
    'also of the very last request',
  );
});
