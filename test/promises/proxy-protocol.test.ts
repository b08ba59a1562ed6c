// The PROXY protocol on both sides: the client that a trusted proxy names is the client everywhere, and upstreams are told of him.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import t from 'tap';
import { HEADER, layProxyHeader, ProxyHeader } from '../../src/wire/proxy-header.ts';
import { metric, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { calm, startNamedApp } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n';

const results = (limpet: RunningLimpet, result: string): Promise<number> =>
  metric(limpet, 'limpet_proxy_protocol_total', `result="${result}"`);

/** Waits for a count: what /metrics says may be a second old. */
async function counted(limpet: RunningLimpet, result: string, n: number): Promise<void> {
  let last = -1;
  await waitFor(async () => {
    last = await results(limpet, result);
    return last >= n;
  });
  t.equal(last, n, `${result} connections`);
}

t.test('a listener believes the headers of trusted proxies alone', async (t) => {
  const app = await startNamedApp('a', t);
  app.answer = (request, response) => response.end(JSON.stringify(request.headers));
  const port = await freePort();
  const limpet = await startLimpet(
    {
      listeners: [{ bind: `127.0.0.1:${port}`, proxyProtocol: true }],
      trustedProxies: ['127.0.0.1', '203.0.113.0/24'],
      upstreams: [app.url],
      health: calm,
      timeouts: { head: '1s' },
      log: { access: true },
    },
    { owner: t },
  );
  const told = async (client: RawClient, bytes: string | Uint8Array): Promise<Record<string, string>> => {
    const answer = await client.ask(bytes, 'GET');
    return JSON.parse(answer.body.toString()) as Record<string, string>;
  };

  await t.test('the client is whom the header names, for all his requests', async (t) => {
    const client = await RawClient.open(port);
    const fields = await told(client, V1 + GET);
    t.equal(fields['x-forwarded-for'], '192.0.2.7');
    t.equal(fields['x-real-ip'], '192.0.2.7');
    t.equal(fields['x-forwarded-port'], '443');
    const again = await told(client, 'GET /b HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n');
    t.equal(again['x-forwarded-for'], '192.0.2.7', 'and his own word on others is not taken');
    client.destroy();
  });

  await t.test('a header may come in pieces, and in the second version', async (t) => {
    const slow = await RawClient.open(port);
    await slow.sendByByte(V1);
    t.equal((await told(slow, GET))['x-forwarded-for'], '192.0.2.7');
    const source = { address: '2001:db8::7', port: 9 };
    const header = layProxyHeader('v2', source, { address: '2001:db8::1', port: 8443 });
    const six = await RawClient.open(port);
    const fields = await told(six, Buffer.concat([header, Buffer.from(GET)]));
    t.equal(fields['x-forwarded-for'], '2001:db8::7');
    t.equal(fields['x-forwarded-port'], '8443');
    for (const client of [slow, six]) client.destroy();
  });

  await t.test('behind a proxy that speaks for itself stands its own address', async (t) => {
    const client = await RawClient.open(port);
    const fields = await told(client, `PROXY UNKNOWN\r\n${GET}`);
    t.equal(fields['x-forwarded-for'], '127.0.0.1');
    client.destroy();
  });

  await t.test('a named client that is a trusted proxy itself may name another', async (t) => {
    const client = await RawClient.open(port);
    const named = 'PROXY TCP4 203.0.113.9 198.51.100.1 5000 443\r\n';
    const fields = await told(
      client,
      `${named}GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.99\r\n\r\n`,
    );
    t.equal(fields['x-forwarded-for'], '192.0.2.99, 203.0.113.9');
    client.destroy();
  });

  await t.test(
    'whoever sends none, a bad one or half of one is closed without a word, and counted',
    async (t) => {
      const seen = app.seen.length;
      for (const [i, bytes] of [
        GET,
        'PROXY TCP4 1 2 3 4\r\n',
        `PROXY UNKNOWN ${'x'.repeat(100)}`,
      ].entries()) {
        const client = await RawClient.open(port);
        client.send(bytes);
        await closed(client);
        t.equal(client.text, '');
        await counted(limpet, 'malformed', i + 1);
        client.destroy();
      }
      const half = await RawClient.open(port);
      half.send(V1.slice(0, 20));
      await closed(half);
      t.equal(half.text, '');
      await counted(limpet, 'late', 1);
      const leaving = await RawClient.open(port);
      leaving.destroy();
      await counted(limpet, 'closed', 1);
      t.equal(app.seen.length, seen, 'and the app heard of none');
    },
  );

  await t.test('nobody else may name a client', async (t) => {
    const client = await RawClient.open(port, { from: '127.0.0.2' });
    client.send(V1 + GET);
    await closed(client);
    t.equal(client.text, '');
    await counted(limpet, 'untrusted', 1);
  });

  await t.test('the log and the count know him too', async (t) => {
    await waitFor(async () => limpet.logs().includes('"/b"'));
    t.match(limpet.logs(), /192\.0\.2\.7/);
    await counted(limpet, 'proxied', 4);
    await counted(limpet, 'local', 1);
    await waitFor(async () => (await metric(limpet, 'limpet_connections')) === 0);
  });
});

t.test('a unix socket believes whoever may open it', async (t) => {
  const app = await startNamedApp('a', t);
  app.answer = (request, response) => response.end(String(request.headers['x-forwarded-for']));
  const folder = mkdtempSync(join(tmpdir(), 'limpet-px-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 's');
  const limpet = await startLimpet(
    {
      listeners: [{ bind: `unix:${path}`, proxyProtocol: true }],
      upstreams: [app.url],
      health: calm,
    },
    { owner: t },
  );
  const curl = ['-s', '-m', '20', '--unix-socket', path, '--haproxy-protocol', 'http://x/'];
  const { stdout } = await promisify(execFile)('curl', curl);
  t.not(stdout, '', 'curl says TCP4 or UNKNOWN over a unix socket, and is served either way');
  await waitFor(async () => (await results(limpet, 'proxied')) + (await results(limpet, 'local')) === 1);
});

/** One connection to an upstream that wants headers: what it began with, and the requests that followed. */
interface Dialled {
  readonly header: string;
  readonly paths: string[];
  open: boolean;
}

async function startHeraldedApp(
  owner: { teardown(run: () => unknown): void },
  secure: { readonly key: Buffer; readonly cert: Buffer } | null = null,
): Promise<{ readonly port: number; readonly dialled: Dialled[] }> {
  const dialled: Dialled[] = [];
  const of = new WeakMap<object, Dialled>();
  const http = createHttp((request: IncomingMessage, response) => {
    const found = of.get(request.socket)!;
    found.paths.push(request.url ?? '');
    response.end(found.header);
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const header = new ProxyHeader();
    let held = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      const state = header.read(held, 0, held.length);
      if (state === HEADER.more) return;
      socket.off('data', onData);
      socket.pause();
      const { source, destination } = header;
      const text =
        state === HEADER.refused
          ? 'none'
          : source === null
            ? 'nobody'
            : `${source.address}:${source.port}>${destination?.address}:${destination?.port}`;
      const one: Dialled = { header: text, paths: [], open: true };
      dialled.push(one);
      socket.on('close', () => {
        one.open = false;
      });
      socket.unshift(held.subarray(state === HEADER.refused ? 0 : header.end));
      const served = secure === null ? socket : new TLSSocket(socket, { isServer: true, ...secure });
      served.on('error', () => {});
      of.set(served, one);
      http.emit('connection', served);
      socket.resume();
    };
    socket.on('data', onData);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, dialled }; // it listens on TCP
}

for (const version of ['v1', 'v2'] as const) {
  t.test(`each connection to an upstream names the client (${version})`, async (t) => {
    const app = await startHeraldedApp(t);
    const limpet = await startLimpet(
      {
        pools: {
          default: {
            upstreams: [`http://127.0.0.1:${app.port}`],
            proxyProtocol: version,
            health: { ...calm, active: { path: '/health', interval: '100ms' } },
          },
        },
      },
      { owner: t },
    );
    const clients: RawClient[] = [];
    for (const name of ['one', 'two']) {
      const client = await RawClient.open(limpet.port);
      clients.push(client);
      for (const n of [1, 2, 3]) {
        const answer = await client.ask(`GET /${name}${n} HTTP/1.1\r\nHost: x\r\n\r\n`);
        const { localPort } = client.socket;
        t.equal(answer.body.toString(), `127.0.0.1:${localPort}>127.0.0.1:${limpet.port}`);
      }
    }
    const users = (): Dialled[] => app.dialled.filter(({ header }) => header.startsWith('127'));
    t.same(
      users().map(({ paths }) => paths),
      [
        ['/one1', '/one2', '/one3'],
        ['/two1', '/two2', '/two3'],
      ],
      'one connection a client, for all his requests and nobody else',
    );
    for (const client of clients) client.destroy();
    await waitFor(async () => users().every(({ open }) => !open));
    t.pass('which ends with him');
    await waitFor(async () => app.dialled.some(({ paths }) => paths.includes('/health')));
    const checks = app.dialled.filter(({ paths }) => paths.includes('/health'));
    t.ok(
      checks.every(({ header }) => header === 'nobody'),
      'checks name nobody',
    );
    t.equal(
      app.dialled.filter(({ header }) => header === 'none').length,
      0,
      'and no connection began otherwise',
    );
  });
}

t.test('the header goes before TLS, and an upstream may differ from its pool', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-px-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=app.internal'.split(
    ' ',
  );
  const san = ['-addext', 'subjectAltName=DNS:app.internal'];
  execFileSync('openssl', ['req', '-x509', ...key, ...san, '-keyout', 'key.pem', '-out', 'cert.pem'], {
    cwd: folder,
    stdio: 'ignore',
  });
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const app = await startHeraldedApp(t, { key: read('key.pem'), cert: read('cert.pem') });
  const plain = await startNamedApp('plain', t);
  const limpet = await startLimpet(
    {
      listeners: [{ bind: `127.0.0.1:${await freePort()}`, proxyProtocol: true }],
      trustedProxies: ['127.0.0.1'],
      pools: {
        default: {
          upstreams: [
            {
              url: `https://127.0.0.1:${app.port}`,
              tls: { ca: join(folder, 'cert.pem'), serverName: 'app.internal' },
            },
            { url: plain.url, proxyProtocol: false },
          ],
          proxyProtocol: 'v2',
          health: { ...calm, active: { path: '/health', interval: '100ms' } },
        },
      },
    },
    { owner: t },
  );
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(limpet.stderr())![1]);
  const client = await RawClient.open(port);
  client.send(V1);
  // Until its first check an instance gets nobody.
  await waitFor(async () => (await client.ask(GET)).body.toString() !== 'plain');
  const bodies: string[] = [];
  for (let i = 0; i < 4; i++) bodies.push((await client.ask(GET)).body.toString());
  t.same(bodies.sort(), [...Array(2).fill('192.0.2.7:5000>198.51.100.1:443'), 'plain', 'plain']);
  await waitFor(async () => app.dialled.some(({ header, paths }) => header === 'nobody' && paths.length > 0));
  t.pass('checks get through too');
});

function closed(client: RawClient): Promise<boolean> {
  return client.until(() => client.ending !== 'open' || null, 'close', 20_000);
}

/** Waits until `holds`; fails loudly after a while. */
async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not within 20 s: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
