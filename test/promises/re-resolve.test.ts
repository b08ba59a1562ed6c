// Upstreams by name: a recreated container is followed at once, and a name that is not there yet is waited for.
import { createServer, type Server } from 'node:http';
import t from 'tap';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { nameService } from '../kit/name-service.ts';
import { askPath, calm, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

/** The loopback net has many addresses: each stands for one container, all at the same port. */
const [OLD, NEW, OTHER] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
/** Longer than the test: only a failed connect can be why a name is looked up again. */
const NEVER = '1h';

interface View {
  readonly name: string;
  readonly observed: string;
  readonly why: string;
}

async function view(limpet: RunningLimpet, name: string): Promise<View> {
  const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as View[];
  return all.find((upstream) => upstream.name === name)!;
}

const servers = new Set<Server>();
t.teardown(() => {
  for (const server of servers) stop(server);
});

/** An app that says at which address it lives. */
function listen(host: string, port: number): Promise<Server> {
  const server = createServer((_request, response) => void response.end(host));
  servers.add(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** Ends an app with its connections, as a removed container does. */
function stop(server: Server): void {
  servers.delete(server);
  server.close();
  server.closeAllConnections();
}

t.test('a recreated container is followed at once, and no request fails meanwhile', async (t) => {
  const port = await freePort();
  const names = nameService(t);
  names.set('app.test', [OLD]);
  const old = await listen(OLD, port);
  await listen(OTHER, port);
  const limpet = await startLimpet(
    {
      workers: 2,
      pools: {
        default: {
          upstreams: [
            { name: 'app', url: `http://app.test:${port}` },
            { name: 'other', url: `http://${OTHER}:${port}` },
          ],
          resolve: NEVER,
          health: calm,
          affinity: { cookie: { secrets: ['a secret of this test only'] } },
        },
      },
      log: { format: 'json' },
    },
    { owner: t, env: names.env },
  );
  await until('the app answers', async () => (await askPath(limpet.port, '/')).body === OLD);
  stop(old);
  names.set('app.test', [NEW]);
  await listen(NEW, port);
  const movedMs = Date.now();
  await until('the new address answers', async () => {
    const told = await askPath(limpet.port, '/');
    t.equal(told.status, 200, 'served meanwhile');
    return told.body === NEW;
  });
  // A look-up waits until the last one is a second old; the rest is the machine's.
  t.ok(Date.now() - movedMs < 4000, `followed in ${Date.now() - movedMs} ms`);
  t.match(limpet.logs(), `app.test is ${NEW}`);
  for (let i = 0; i < 10; i++) t.not((await askPath(limpet.port, '/')).body, OLD);
  t.equal((await view(limpet, 'app')).observed, 'up');
});

t.test('an upstream all alone is followed as well, with health switched off too', async (t) => {
  const follow = async (health: boolean, first: string): Promise<void> => {
    const port = await freePort();
    const names = nameService(t);
    names.set('app.test', [first]);
    const limpet = await startLimpet(
      {
        pools: {
          default: {
            upstreams: [{ name: 'app', url: `http://app.test:${port}` }],
            resolve: NEVER,
            health: health ? calm : { passive: false },
          },
        },
      },
      { owner: t, env: names.env },
    );
    t.ok([502, 503].includes((await askPath(limpet.port, '/')).status), 'nobody is there');
    names.set('app.test', [NEW]);
    const app = await listen(NEW, port);
    await until(`followed, health ${health}, from ${first}`, async () => {
      return (await askPath(limpet.port, '/')).body === NEW;
    });
    stop(app);
    await limpet.stop();
  };
  await Promise.all([
    follow(true, OLD),
    follow(false, OLD),
    // Not refused: the way there is gone with the container. This address has none on any machine.
    follow(false, '255.255.255.255'),
  ]);
});
// Each of these has a Limpet and names of its own, and nothing in them is timed.
t.jobs = 3;

t.test(
  'of a name with several addresses the next is taken when one is not to be connected to',
  { buffered: true },
  async (t) => {
    const port = await freePort();
    const names = nameService(t);
    names.set('app.test', [OLD, NEW]);
    const old = await listen(OLD, port);
    await listen(NEW, port);
    const limpet = await startLimpet(
      {
        pools: {
          default: {
            upstreams: [{ name: 'app', url: `http://app.test:${port}` }],
            resolve: NEVER,
            health: calm,
          },
        },
      },
      { owner: t, env: names.env },
    );
    await until('the first answers', async () => (await askPath(limpet.port, '/')).body === OLD);
    stop(old);
    await until('the second answers', async () => (await askPath(limpet.port, '/')).body === NEW);
  },
);

t.test(
  'a name is looked up again as often as `resolve` says, though nothing fails',
  { buffered: true },
  async (t) => {
    const port = await freePort();
    const names = nameService(t);
    names.set('app.test', [OLD]);
    await listen(OLD, port);
    await listen(NEW, port);
    const limpet = await startLimpet(
      {
        pools: {
          default: {
            upstreams: [{ name: 'app', url: `http://app.test:${port}` }],
            resolve: '1s',
            health: calm,
          },
        },
      },
      { owner: t, env: names.env },
    );
    await until('the first answers', async () => (await askPath(limpet.port, '/')).body === OLD);
    names.set('app.test', [NEW]);
    await until('the second answers', async () => (await askPath(limpet.port, '/')).body === NEW);
  },
);

t.test(
  'a name that does not resolve at the start is down, says why, and comes up when it does',
  { buffered: true },
  async (t) => {
    const port = await freePort();
    const names = nameService(t);
    names.set('late.test', 'ENOTFOUND');
    await listen(OTHER, port);
    const limpet = await startLimpet(
      {
        pools: {
          default: {
            upstreams: [
              { name: 'late', url: `http://late.test:${port}` },
              { name: 'other', url: `http://${OTHER}:${port}` },
            ],
            resolve: NEVER,
            health: calm,
          },
        },
        log: { format: 'json' },
      },
      { owner: t, env: names.env },
    );
    await until('it is down', async () => (await view(limpet, 'late')).observed === 'down');
    t.match((await view(limpet, 'late')).why, 'late.test does not resolve: no such name');
    t.match(limpet.logs(), 'late.test does not resolve: no such name');
    for (let i = 0; i < 6; i++) t.equal((await askPath(limpet.port, '/')).body, OTHER, 'the other serves');
    names.set('late.test', [NEW]);
    await listen(NEW, port);
    await until('it is up', async () => (await view(limpet, 'late')).observed === 'up');
    await until('it serves', async () => (await askPath(limpet.port, '/')).body === NEW);
    t.match(limpet.logs(), `late.test is ${NEW}`);
  },
);
