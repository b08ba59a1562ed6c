// Bounds hold: connections are refused politely beyond theirs, and large bodies pass in little memory however slow the other side is.
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { makePair } from '../kit/certificates.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { askPath, sayName, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 256 * MIB;
const app = await startNamedApp('app', t);
const limpet = await startLimpet({ upstreams: [app.url], limits: { connections: 1000 } });
const tight = await startLimpet({ upstreams: [app.url], limits: { connections: 8 } });

/** Resident memory of a process, bytes. */
function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

function says(socket: Socket, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\r\n\r\n')) resolve(text);
    });
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

t.test('beyond the bound of connections newcomers are told 503 while all are busy', async (t) => {
  const old: Socket[] = [];
  const waiting: (() => void)[] = [];
  app.answer = (incoming, response, name) => {
    if (incoming.url === '/hold') waiting.push(() => response.end(name));
    else response.end(name);
  };
  t.teardown(() => {
    app.answer = sayName;
  });
  const hold = 'GET /hold HTTP/1.1\r\nHost: x\r\n\r\n';
  for (let i = 0; i < 8; i++) old.push(await open(tight.port));
  const answers = old.map((socket) => says(socket, hold));
  await until('all are busy', () => waiting.length === 8);
  const late = await open(tight.port);
  const told = await says(late, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(told, /^HTTP\/1\.1 503 /);
  t.match(told, /The connection limit is reached/);
  t.match(told, /Connection: close/);
  for (const answer of waiting) answer();
  for (const answer of answers) t.match(await answer, /^HTTP\/1\.1 200 /, 'old ones go on');
  for (const socket of [...old, late]) socket.destroy();
  await until('there is room again', async () => (await askPath(tight.port, '/')).status === 200);
  await until(
    'it is counted',
    async () => (await metric(tight, 'limpet_connections_shed_total', 'reason="full"')) === 1,
  );
});

t.test('at the bound of connections the one that has idled longest gives way', async (t) => {
  await until('nobody is there', async () => (await metric(tight, 'limpet_connections')) <= 0);
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  const idle: Socket[] = [];
  for (let i = 0; i < 8; i++) {
    idle.push(await open(tight.port));
    t.match(await says(idle[i]!, get), /^HTTP\/1\.1 200 /);
  }
  const closed: number[] = [];
  idle.forEach((socket, i) => {
    socket.on('close', () => closed.push(i));
  });
  let late: Socket | null = null;
  await until('somebody gave way', async () => {
    late?.destroy();
    late = await open(tight.port);
    return (await says(late, get)).startsWith('HTTP/1.1 200 ');
  });
  await until('he is told', () => closed.length > 0);
  t.equal(closed[0], 0, 'the first of all');
  await until(
    'it is counted',
    async () => (await metric(tight, 'limpet_connections_shed_total', 'reason="room"')) >= 1,
  );
  for (const socket of [...idle, late!]) (socket as Socket).destroy();
});

t.test(
  'at the bound of connections handshakes that drag on give way, also to who comes without TLS',
  async (t) => {
    const { cert, key } = makePair({ names: ['localhost'] });
    const tlsPort = await freePort();
    const narrow = await startLimpet(
      {
        listeners: [
          { bind: '127.0.0.1:{port}' },
          {
            bind: `127.0.0.1:${tlsPort}`,
            tls: { certificates: [{ cert: 'site.pem', key: 'site.key' }], handshakeTimeout: '1m' },
          },
        ],
        upstreams: [app.url],
        limits: { connections: 8 },
      },
      { files: { 'site.pem': cert, 'site.key': key }, owner: t },
    );
    const dragging: Socket[] = [];
    for (let i = 0; i < 8; i++) {
      dragging.push(await open(tlsPort));
      // The first bytes of a ClientHello.
      dragging[i]!.on('error', () => {}).write('\x16\x03\x01');
    }
    t.teardown(() => {
      for (const socket of dragging) socket.destroy();
    });
    const get = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    await until('they take every place', async () => (await metric(narrow, 'limpet_connections')) >= 8);
    await until('somebody is let in, long before a handshake is late', async () =>
      (await says(await open(narrow.port), get)).startsWith('HTTP/1.1 200 '),
    );
    await until('it is counted', async () => {
      return (await metric(narrow, 'limpet_tls_handshakes_total', 'result="crowded"')) >= 1;
    });
  },
);

t.test('a large download to a reader that stops and goes passes whole, in little memory', async (t) => {
  const piece = Buffer.alloc(MIB, 97);
  app.answer = (_request, response) => {
    response.writeHead(200, { 'content-length': BODY_BYTES });
    let left = BODY_BYTES / MIB;
    const push = (): void => {
      while (left-- > 0) if (!response.write(piece)) return void response.once('drain', push);
      response.end();
    };
    push();
  };
  await askPath(limpet.port, '/small-first').catch(() => {});
  const before = resident(limpet.pid!);
  let peak = 0;
  const got = await new Promise<number>((resolve, reject) => {
    let bytes = 0;
    let stops = 0;
    request({ port: limpet.port, host: '127.0.0.1', path: '/', agent: false }, (response) => {
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > (stops + 1) * 32 * MIB) {
          stops++;
          peak = Math.max(peak, resident(limpet.pid!));
          response.pause();
          setTimeout(() => response.resume(), 50);
        }
      });
      response.on('end', () => resolve(bytes));
      response.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
  t.equal(got, BODY_BYTES);
  t.ok(peak - before < 64 * MIB, `${Math.round((peak - before) / MIB)} MiB more than before`);
});

t.test('a large upload to an app that reads slowly passes whole, in little memory', async (t) => {
  let read = 0;
  app.answer = (incoming, response) => {
    // Health's own probe brings a byte, which is nobody's upload.
    if (incoming.method !== 'POST') return void response.end();
    let stops = 0;
    incoming.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (read > (stops + 1) * 32 * MIB) {
        stops++;
        incoming.pause();
        setTimeout(() => incoming.resume(), 50);
      }
    });
    incoming.on('end', () => response.end('read'));
  };
  const before = resident(limpet.pid!);
  let peak = 0;
  const status = await new Promise<number>((resolve, reject) => {
    const outgoing = request(
      {
        port: limpet.port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/',
        agent: false,
        headers: { 'content-length': BODY_BYTES },
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    ).on('error', reject);
    const piece = Buffer.alloc(MIB, 98);
    let left = BODY_BYTES / MIB;
    const push = (): void => {
      while (left-- > 0) {
        if (left % 16 === 0) peak = Math.max(peak, resident(limpet.pid!));
        if (!outgoing.write(piece)) return void outgoing.once('drain', push);
      }
      outgoing.end();
    };
    push();
  });
  t.equal(status, 200);
  t.equal(read, BODY_BYTES);
  t.ok(peak - before < 64 * MIB, `${Math.round((peak - before) / MIB)} MiB more than before`);
});

t.test('a client that leaves frees the upstream', async (t) => {
  let left = false;
  app.answer = (incoming, response) => {
    incoming.socket.once('close', () => {
      left = true;
    });
    response.writeHead(200);
    response.write('the beginning');
  };
  const socket = await open(limpet.port);
  await says(socket, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const began = Date.now();
  socket.resetAndDestroy();
  await until('the app sees it', () => left);
  t.ok(Date.now() - began < 5000, 'soon');
});
