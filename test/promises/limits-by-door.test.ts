// Lists of addresses, rate limits and connections an address go by the client himself, whether he comes by TLS, behind a balancer that tells of him by the PROXY protocol, or both.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { makePair } from '../kit/certificates.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { calm, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';

const BALANCER = '127.0.0.1';
/** A place in the network of the clients: whose address ends so may not come at all. */
const DENIED = 66;
/** May come to /office. */
const CLERK = 7;
const CONNECTIONS = 3;

const { cert, key } = makePair({ names: ['door.example'] });
const app = await startNamedApp('app', t);
const [plain, secure, both] = [await freePort(), await freePort(), await freePort()];
const tls = { certificates: [{ cert: 'site.pem', key: 'site.key' }] };
const limpet = await startLimpet(
  {
    workers: 2,
    listeners: [
      { bind: `127.0.0.1:${plain}`, proxyProtocol: true },
      { bind: `127.0.0.1:${secure}`, tls },
      { bind: `127.0.0.1:${both}`, tls, proxyProtocol: true },
    ],
    trustedProxies: [BALANCER],
    pools: { app: { upstreams: [app.url], health: calm } },
    deny: [`192.0.2.${DENIED}`, `127.0.0.${DENIED}`],
    routes: [
      { path: '/', pool: 'app' },
      { path: '/office', pool: 'app', allow: [`192.0.2.${CLERK}`, `127.0.0.${CLERK}`] },
      { path: '/slow', pool: 'app', rateLimit: { rate: '2/d' } },
    ],
    limits: { connectionsPerAddress: CONNECTIONS },
  },
  { files: { 'site.pem': cert, 'site.key': key } },
);

const live = new Set<Socket>();
t.teardown(() => {
  for (const socket of live) socket.destroy();
});

async function dial(port: number, from: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  live.add(socket);
  // How it ended is told by the answer that is missing.
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
const proxied = (client: number): string => `PROXY TCP4 192.0.2.${client} 198.51.100.1 5000 443\r\n`;

/** Null: there was no handshake. */
async function shake(socket: Socket): Promise<RawClient | null> {
  const secured = connectTls({ socket, rejectUnauthorized: false, servername: 'door.example' });
  const done = new Promise<boolean>((resolve) => {
    secured.once('secureConnect', () => resolve(true));
    secured.once('error', () => resolve(false));
    secured.once('close', () => resolve(false));
  });
  return (await done) ? new RawClient(secured) : null;
}

/** The ways to come; `client`: the last number of his address. Null: he was closed in the handshake. */
const DOORS = {
  'PROXY protocol': async (client: number): Promise<RawClient | null> => {
    const socket = await dial(plain, BALANCER);
    socket.write(proxied(client));
    return new RawClient(socket);
  },
  TLS: async (client: number): Promise<RawClient | null> => shake(await dial(secure, `127.0.0.${client}`)),
  'TLS in the PROXY protocol': async (client: number): Promise<RawClient | null> => {
    const socket = await dial(both, BALANCER);
    socket.write(proxied(client));
    return shake(socket);
  },
} as const;

/** The status of an answer; 0: he was closed unheard. */
async function ask(client: RawClient | null, path = '/'): Promise<number> {
  if (client === null) return 0;
  client.send(`GET ${path} HTTP/1.1\r\nHost: door.example\r\n\r\n`);
  await client.until(
    () => client.ending !== 'open' || client.received.length > 0 || null,
    'an answer or an end',
  );
  return client.received.length === 0 ? 0 : Number((await client.answer()).start.split(' ')[1]);
}

for (const [at, [name, open]] of Object.entries(DOORS).entries()) {
  t.test(name, async (t) => {
    const once = async (client: number, path?: string): Promise<number> => {
      const opened = await open(client);
      const status = await ask(opened, path);
      opened?.destroy();
      return status;
    };
    t.equal(await once(CLERK), 200);
    t.equal(await once(DENIED), 0, 'who is denied at the top is closed unheard');
    t.equal(await once(CLERK, '/office'), 200);
    t.equal(await once(9, '/office'), 403);

    const eager = 100 + at;
    const told: number[] = [];
    for (let i = 0; i < 3; i++) told.push(await once(eager, '/slow'));
    t.same(told, [200, 200, 429]);
    t.equal(await once(eager + 10, '/slow'), 200, 'another client of the same balancer asks for himself');

    const crowd = 150 + at * 10;
    for (let client = crowd; client < crowd + 3; client++) {
      const his: (RawClient | null)[] = [];
      for (let i = 0; i < CONNECTIONS; i++) {
        his.push(await open(client));
        t.equal(await ask(his[i]!), 200, `connection ${i + 1} of client ${client}`);
      }
      t.not(await once(client), 200, 'one more is not let in');
      for (const one of his) t.equal(await ask(one), 200, 'who is in goes on');
      his[0]!.destroy();
      await until('there is a place again', async () => (await once(client)) === 200);
    }
  });
}

t.test('it is counted', async () => {
  const shed = (reason: string): Promise<number> =>
    metric(limpet, 'limpet_connections_shed_total', `reason="${reason}"`);
  await until('each denied', async () => (await shed('denied')) === Object.keys(DOORS).length);
  await until('each beyond', async () => (await shed('address')) >= 3 * Object.keys(DOORS).length);
});
