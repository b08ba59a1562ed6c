// Every code of the access log's `end` is told by a request that really ends so: who ended it, and in which stage.
import { connect } from 'node:net';
import t from 'tap';
import { END_CODES } from '../../src/proxy/end-code.ts';
import { Child } from '../kit/child.ts';
import { chunkedPost, get, request, unwatched } from '../kit/judge.ts';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';
import { type Exchange, OK, RawUpstream, type Script } from '../kit/raw-upstream.ts';

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf';
/** More than all buffers between an instance and a client that does not read. */
const FLOOD_BYTES = 32 * 1024 * 1024;

const answers = async (exchange: Exchange): Promise<void> => {
  await exchange.whole();
  exchange.send(OK);
};
const stalls = async (): Promise<void> => {};
const half = (exchange: Exchange): void => exchange.send(HALF);
const switches = (exchange: Exchange): void => exchange.send(SWITCH);

/** What the instance does with a request, by the last part of its path; else it answers. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  CH: stalls,
  lH: stalls,
  sH: stalls,
  LH: stalls,
  hold: stalls,
  CB: stalls,
  cB: stalls,
  lB: stalls,
  sB: stalls,
  CD: half,
  sD: half,
  lD: half,
  LD: half,
  CU: switches,
  lU: switches,
  LU: switches,
  closed: switches,
  SU: switches,
  SB: (exchange) => exchange.connection.destroy(),
  SH: (exchange) => exchange.connection.destroy(),
  nonsense: (exchange) => exchange.send('no answer at all\r\n\r\n'),
  SD: (exchange) => {
    exchange.send(HALF);
    exchange.connection.halfClose();
  },
  cD: (exchange) => {
    exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: ${FLOOD_BYTES}\r\n\r\n`);
    exchange.send(Buffer.alloc(FLOOD_BYTES));
  },
};

const upstream = await RawUpstream.listen();
upstream.script = (exchange) => (SCRIPTS[exchange.target.split('/').at(-1)!] ?? answers)(exchange);
/** Says of tickets whether they are good; of some, never. */
const service = await RawUpstream.listen();
service.script = stalls;

/** A listening socket that nobody accepts from: once its backlog is full, the kernel drops every further SYN. */
const deafPort = await freePort();
const listener = `import socket,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1',${deafPort})); s.listen(0); print('deaf', flush=True); time.sleep(3600)`;
await new Child('python3', ['-c', listener]).wrote(/deaf/);
const filling = connect(deafPort, '127.0.0.1');
t.teardown(() => filling.destroy());
await new Promise((resolve) => filling.once('connect', resolve));

const common = { health: unwatched, retries: { attempts: 0 } };
const limpet = await startLimpet({
  log: { access: true },
  timeouts: { head: '400ms' },
  pools: {
    // Each on a connection of its own: one that was kept may be found closed, which is another fault.
    app: { ...common, upstreams: [upstream.url], keepAlive: { idle: 0 } },
    narrow: {
      ...common,
      upstreams: [{ url: upstream.url, maxConnections: 1 }],
      queue: { max: 2, timeout: '4s' },
    },
    deaf: { ...common, upstreams: [`http://127.0.0.1:${deafPort}`], timeouts: { connect: '10m' } },
    gone: { ...common, upstreams: [`http://127.0.0.1:${await freePort()}`] },
    away: { ...common, upstreams: [{ url: upstream.url, wanted: 'maintenance' }] },
  },
  sessions: {
    tickets: { verify: 'http', cookie: 'ticket', store: { url: service.url, deadline: '10s' }, cache: false },
  },
  routes: [
    { path: '/app', pool: 'app' },
    { path: '/small', pool: 'app', limits: { body: '10B' } },
    { path: '/silent', pool: 'app', timeouts: { bodyIdle: '300ms', response: '300ms', stream: '10m' } },
    { path: '/still', pool: 'app', timeouts: { bodyIdle: '10m', stream: '300ms', tunnel: '300ms' } },
    { path: '/stalled', pool: 'app', timeouts: { stream: '2s' } },
    { path: '/total', pool: 'app', timeouts: { total: '1s' } },
    { path: '/narrow', pool: 'narrow' },
    { path: '/narrow/total', pool: 'narrow', timeouts: { total: '300ms' } },
    { path: '/deaf', pool: 'deaf' },
    { path: '/deaf/short', pool: 'deaf', timeouts: { connect: '300ms' } },
    { path: '/deaf/total', pool: 'deaf', timeouts: { total: '300ms' } },
    { path: '/gone', pool: 'gone' },
    { path: '/away', pool: 'away' },
    { path: '/members', pool: 'app', session: 'tickets' },
    { path: '/members/total', pool: 'app', session: 'tickets', timeouts: { total: '300ms' } },
  ],
});

interface Line {
  readonly path: string;
  readonly status: number;
  readonly end: string;
  readonly fault?: string;
  readonly endedBy?: string;
}

const linesOf = (of: RunningLimpet): Line[] =>
  of
    .logs()
    .split('\n')
    .filter((line) => line.includes('"end"'))
    .map((line) => JSON.parse(line) as Line);

/** The line of the request for `path`, once it is there. */
async function lineOf(path: string, of: RunningLimpet = limpet): Promise<Line> {
  let found: Line | undefined;
  await until(`the line of ${path}`, () => {
    found = linesOf(of).find((line) => line.path === path);
    return found !== undefined;
  });
  return found!;
}

const told = new Set<string>();

/** A row of the table: a request for `path`, what its client does, and the code and the fault that its line must have. */
type Act = (client: RawClient, path: string) => unknown;
type Row = readonly [path: string, code: string, fault: string | undefined, act: Act];

const send = (bytes: (path: string) => string, then?: (client: RawClient, path: string) => unknown): Act => {
  return async (client, path) => {
    client.send(bytes(path));
    await then?.(client, path);
  };
};
const asks = (then?: (client: RawClient, path: string) => unknown): Act => send((path) => get(path), then);
const uploads = (then?: (client: RawClient, path: string) => unknown): Act =>
  send((path) => `${request('POST', path, 'Content-Length: 9')}half`, then);
const opens = (then?: (client: RawClient, path: string) => unknown): Act =>
  send((path) => get(path, 'Connection: Upgrade', 'Upgrade: echo'), then);
/** Once the instance has the request. */
const leaves = async (client: RawClient, path: string): Promise<void> => {
  await upstream.request(path, 20_000);
  client.reset();
};
const once =
  (text: string, then: (client: RawClient, path: string) => unknown) =>
  async (client: RawClient, path: string): Promise<void> => {
    await client.untilText(text, 20_000);
    await then(client, path);
  };
/** The proxy reads connections one after the other: what was sent before has been looked at when this is answered. */
const looked = async (): Promise<void> => {
  const other = await RawClient.open(limpet.port);
  await other.ask('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 'OPTIONS', 20_000);
  other.destroy();
};
const ticket = (path: string): string => get(path, 'Cookie: ticket=one');

const ROWS: readonly Row[] = [
  ['/app/ok', '--', undefined, asks()],
  ['/app/closed', '--', undefined, opens(once('101', (client) => client.halfClose()))],
  ['/app/CB', 'CB', 'client.gone', uploads(leaves)],
  ['/app/CH', 'CH', 'client.gone', asks(leaves)],
  ['/app/CD', 'CD', 'client.gone', asks(once('half', (client) => client.reset()))],
  ['/app/CU', 'CU', undefined, opens(once('101', (client) => client.reset()))],
  [
    '/deaf/CC',
    'CC',
    'client.gone',
    asks(async (client) => {
      await looked();
      client.reset();
    }),
  ],
  [
    '/members/CS',
    'CS',
    'client.gone',
    send(ticket, async (client) => {
      await looked();
      client.reset();
    }),
  ],
  ['/silent/cB', 'cB', 'request.timeout.body', uploads()],
  [
    '/stalled/cD',
    'cD',
    'client.stalled',
    asks((client) => {
      client.socket.pause();
    }),
  ],
  ['/gone/SC', 'SC', 'upstream.connect.refused', asks()],
  ['/app/SB', 'SB', 'upstream.closed.unanswered', uploads()],
  ['/app/SH', 'SH', 'upstream.closed.unanswered', asks()],
  ['/app/nonsense', 'SH', 'response.line.malformed', asks()],
  ['/app/SD', 'SD', 'upstream.closed.body', asks()],
  [
    '/app/SU',
    'SU',
    undefined,
    opens(
      once('101', async (_client, path) => {
        (await upstream.request(path)).connection.reset();
      }),
    ),
  ],
  ['/deaf/short/sC', 'sC', 'upstream.connect.timeout', asks()],
  ['/still/sB', 'sB', 'upstream.timeout.response', uploads()],
  ['/silent/sH', 'sH', 'upstream.timeout.response', asks()],
  ['/still/sD', 'sD', 'upstream.timeout.stream', asks()],
  ['/nowhere', 'LR', 'route.none', asks()],
  ['/members/LS', 'LS', 'session.none', asks()],
  ['/away/LC', 'LC', 'pool.maintenance', asks()],
  ['/small/LB', 'LB', 'request.body.too-large', send((path) => request('POST', path, 'Content-Length: 11'))],
  ['/app/chunks', 'LB', 'request.chunk.size', send((path) => chunkedPost(path, 'no size\r\n'))],
  ['/members/total/lS', 'lS', 'request.timeout.total', send(ticket)],
  ['/deaf/total/lC', 'lC', 'request.timeout.total', asks()],
  ['/total/lB', 'lB', 'request.timeout.total', uploads()],
  ['/total/lH', 'lH', 'request.timeout.total', asks()],
  ['/total/lD', 'lD', 'request.timeout.total', asks()],
  ['/still/lU', 'lU', undefined, opens()],
];

t.test('each way to end has its code', async (t) => {
  await Promise.all(
    ROWS.map(async ([path, code, fault, act]) => {
      const client = await RawClient.open(limpet.port, { owner: t });
      await act(client, path);
      const line = await lineOf(path);
      t.equal(line.end, code, path);
      t.equal(line.fault, fault, `${path}: fault`);
      told.add(line.end);
    }),
  );
});

t.test('the line: full, left, or waited in for too long', async (t) => {
  const open = async (path: string): Promise<RawClient> => {
    const client = await RawClient.open(limpet.port, { owner: t });
    client.send(get(path));
    await looked();
    return client;
  };
  const holder = await open('/narrow/hold');
  await upstream.request('/narrow/hold', 20_000);
  await open('/narrow/lQ');
  const leaving = await open('/narrow/CQ');
  await open('/narrow/LQ');
  leaving.reset();
  await lineOf('/narrow/CQ');
  await open('/narrow/total/lQ');
  for (const path of ['/narrow/lQ', '/narrow/total/lQ', '/narrow/CQ', '/narrow/LQ']) {
    const { end } = await lineOf(path);
    t.equal(end, path.split('/').at(-1), path);
    told.add(end);
  }
  holder.destroy();
});

t.test('a head that does not come, and one that is none', async (t) => {
  const silent = await RawClient.open(limpet.port, { owner: t });
  silent.send('GET /late HTTP/1.1\r\n');
  const wrong = await RawClient.open(limpet.port, { owner: t });
  wrong.send('GET /wrong HTTP/1.1\r\nHost : a\r\n\r\n');
  await until('both are told', () => {
    const faults = linesOf(limpet).map(({ fault }) => fault);
    return faults.includes('request.timeout.head') && faults.includes('request.field.name');
  });
  const endOf = (fault: string): string | undefined =>
    linesOf(limpet).find((line) => line.fault === fault)?.end;
  t.equal(endOf('request.timeout.head'), 'cR');
  t.equal(endOf('request.field.name'), 'LR');
  told.add('cR');
});

t.test('what the end of Limpet cuts off is not said to be the doing of the client', async (t) => {
  const stopped = await startLimpet(
    {
      log: { access: true },
      upstreams: [upstream.url],
      health: unwatched,
      shutdown: { deadline: '300ms' },
    },
    { owner: t },
  );
  const open = async (path: string, bytes = get(path)): Promise<RawClient> => {
    const client = await RawClient.open(stopped.port, { owner: t });
    client.send(bytes);
    await upstream.request(path, 20_000);
    return client;
  };
  await open('/stop/LH');
  await (await open('/stop/LD')).untilText('half', 20_000);
  const tunnel = await open('/stop/LU', get('/stop/LU', 'Connection: Upgrade', 'Upgrade: echo'));
  await tunnel.untilText('101', 20_000);
  await stopped.stop();
  for (const code of ['LH', 'LD', 'LU']) {
    const line = await lineOf(`/stop/${code}`, stopped);
    t.equal(line.end, code);
    t.equal(line.fault, 'limpet.shutdown');
    t.equal(line.endedBy, 'limpet');
    told.add(line.end);
  }
});

t.test('there is no code that no request has', async (t) => {
  t.same(
    END_CODES.map(({ code }) => code).filter((code) => !told.has(code)),
    [],
  );
});
