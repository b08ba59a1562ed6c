// Promise: a request reaches an upstream with its client's address, or not at all, also when the client is gone before it is read.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { value } from '../kit/http-message.ts';
import { startLimpet } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';

const CLIENTS = 20;

/** Whether every thread of the process is stopped: the signal gets to them one by one. */
const standsStill = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((task) =>
    /^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')),
  );

t.test('a reset that overtakes its request leaves nobody to be told of to an upstream', async (t) => {
  const upstream = await RawUpstream.listen({ owner: t });
  const limpet = await startLimpet({ upstreams: [upstream.url], health: false }, { owner: t });
  const admitted = async (): Promise<string> => (await fetch(`${limpet.adminUrl}/metrics`)).text();
  // While it stands still, the kernel accepts for it; what it finds afterwards are connections without a peer.
  await limpet.kill('SIGSTOP');
  await until('it stands still', () => standsStill(limpet.pid));
  for (let i = 0; i < CLIENTS; i++) {
    const client = await RawClient.open(limpet.port, { owner: t });
    await new Promise((resolve) => {
      client.socket.write(`GET /gone/${i} HTTP/1.1\r\nHost: a\r\n\r\n`, resolve);
    });
    client.reset();
  }
  await limpet.kill('SIGCONT');
  t.match((await askOnce(limpet.port, 'GET /there HTTP/1.1\r\nHost: a\r\n\r\n')).start, /^HTTP\/1\.1 200 /);
  await until('all connections are over', async () => /^limpet_connections\{.*\} 0$/m.test(await admitted()));
  const forwarded = upstream.exchanges.map(
    ({ target, head }) => `${target} ${value(head, 'x-forwarded-for')}`,
  );
  t.same(forwarded, ['/there 127.0.0.1']);
});
