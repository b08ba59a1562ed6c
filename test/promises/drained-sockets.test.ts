// Promise: an open WebSocket counts as in flight, and lives on while its upstream drains, so that a deploy can wait for it.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';

t.test('a tunnel through an upstream that drains', async (t) => {
  const app = await startNamedApp('app', t);
  app.server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const limpet = await startLimpet({ upstreams: [{ name: 'app', url: app.url }] }, { owner: t });
  const upstream = async (): Promise<{ wanted: string; inFlight: number }> => {
    const answer = await fetch(`${limpet.adminUrl}/api/v1/upstreams`);
    // The shape is the contract's, which test/admin holds.
    return ((await answer.json()) as [{ wanted: string; inFlight: number }])[0];
  };
  const tunnel = await RawClient.open(limpet.port, { owner: t });
  await tunnel.ask('GET /t HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  t.equal((await upstream()).inFlight, 1);
  await fetch(`${limpet.adminUrl}/api/v1/upstreams/default/app`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: '{"wanted":"drain"}',
  });
  t.match(await upstream(), { wanted: 'drain', inFlight: 1 });
  tunnel.send('still here');
  await until('it comes back', () => tunnel.text.endsWith('still here'));
  tunnel.destroy();
  await until('nothing is left', async () => (await upstream()).inFlight === 0);
});
