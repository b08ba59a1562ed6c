// What the admin side calls a failure: an answer of 500 or more, and not that a client left.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';

interface Counted {
  readonly requests: number;
  readonly failures: number;
}

t.test('a failure is an answer of 500 or more; who left before his answer is none', async (t) => {
  const waiting: ServerResponse[] = [];
  const app = await startNamedApp('app', t);
  app.answer = (request, response) => {
    if (request.url === '/wait') {
      waiting.push(response);
      return;
    }
    response.statusCode = Number(request.url?.slice(1));
    response.end();
  };
  const limpet = await startLimpet({ upstreams: [app.url], health: calm }, { owner: t });
  for (const status of [200, 404, 502, 500])
    t.equal((await askPath(limpet.port, `/${status}`)).status, status);
  const client = await RawClient.open(limpet.port, { owner: t });
  client.send('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('it waits', () => waiting.length === 1);
  client.reset();

  const told = async (path: string) => (await fetch(`${limpet.adminUrl}/api/v1/${path}`)).json();
  const ofUpstream = async () => ((await told('upstreams')) as Counted[])[0]!;
  await until('all are counted', async () => (await ofUpstream()).requests === 5);
  t.equal((await ofUpstream()).failures, 2);
  const { totals } = (await told('status')) as { totals: Counted };
  t.match(totals, { requests: 5, failures: 2 });
  const [route] = (await told('routes')) as { pools: Counted[] }[];
  t.match(route?.pools, [{ requests: 5, failures: 2 }]);
  // Readers of /metrics may be told what was a second ago.
  await until(
    'who left has the code 0',
    async () => (await metric(limpet, 'limpet_requests_total', 'code="0"')) === 1,
  );
});
