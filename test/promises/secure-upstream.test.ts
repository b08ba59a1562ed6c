// Upstreams by https (verified, own CA, client certificate, SNI) and by unix socket.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath } from '../kit/named-app.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
};
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
openssl('req', '-x509', ...key, '-subj', '/CN=test ca', '-keyout', 'ca.key', '-out', 'ca.pem');
for (const [name, san] of [
  ['server', 'DNS:app.internal'],
  ['client', 'DNS:limpet'],
] as const) {
  openssl(
    'req',
    ...key,
    '-subj',
    `/CN=${name}`,
    '-addext',
    `subjectAltName=${san}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-copy_extensions',
    'copy',
    '-days',
    '2',
    '-out',
    `${name}.pem`,
  );
}
const server = createServer(
  {
    key: readFileSync(at('server.key')),
    cert: readFileSync(at('server.pem')),
    ca: readFileSync(at('ca.pem')),
    requestCert: true,
    rejectUnauthorized: false,
  },
  (request, response) => {
    const socket = request.socket as TLSSocket & { servername?: string }; // an https server's sockets are
    let body = 0;
    request.on('data', (chunk: Buffer) => {
      body += chunk.length;
    });
    request.on('end', () =>
      response.end(JSON.stringify({ sni: socket.servername, client: socket.authorized, body })),
    );
  },
);
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
t.teardown(() => server.close());
const { port: securePort } = server.address() as AddressInfo; // it listens on TCP
const plain = createPlain((_request, response) => response.end('by socket file'));
await new Promise<void>((resolve) => plain.listen(at('app.sock'), resolve));
t.teardown(() => plain.close());

const url = `https://127.0.0.1:${securePort}`;
const limpet = await startLimpet({
  routes: [
    { path: '/', pool: 'trusted' },
    { path: '/unknown', pool: 'unknown' },
    { path: '/wrong', pool: 'wrong' },
    { path: '/lax', pool: 'lax' },
    { path: '/client', pool: 'client' },
    { path: '/unix', pool: 'unix' },
  ],
  pools: {
    trusted: { upstreams: [{ url, tls: { ca: at('ca.pem'), serverName: 'app.internal' } }] },
    unknown: { upstreams: [url] },
    wrong: { upstreams: [{ url, tls: { ca: at('ca.pem'), serverName: 'other.internal' } }] },
    lax: { upstreams: [{ url, tls: { verify: false } }] },
    client: {
      upstreams: [
        {
          url,
          tls: {
            ca: at('ca.pem'),
            serverName: 'app.internal',
            cert: at('client.pem'),
            key: at('client.key'),
          },
        },
      ],
    },
    unix: { upstreams: [`unix:${at('app.sock')}`] },
  },
});

t.test('an upstream with a certificate of the named CA is trusted, and asked for by its name', async (t) => {
  const told = await askPath(limpet.port, '/');
  t.equal(told.status, 200);
  t.same(JSON.parse(told.body), { sni: 'app.internal', client: false, body: 0 });
});

t.test('connections over TLS are kept and bodies go through', async (t) => {
  for (let i = 0; i < 5; i++) {
    const response = await fetch(`${limpet.url}/`, { method: 'POST', body: Buffer.alloc(300_000, 97) });
    t.match(await response.json(), { body: 300_000 });
  }
});

t.test('a certificate of nobody known, or of another name, is refused by default', async (t) => {
  for (const path of ['/unknown', '/wrong']) {
    const told = await askPath(limpet.port, path, { accept: 'application/json' });
    t.equal(told.status, 502, path);
    t.match(JSON.parse(told.body), { error: { code: 'upstream.connect.tls' } });
  }
  t.equal((await askPath(limpet.port, '/lax')).status, 200, 'unless verification is switched off');
});

t.test('our own certificate is shown to an upstream that asks for one', async (t) => {
  t.match(JSON.parse((await askPath(limpet.port, '/client')).body), { client: true });
});

t.test('an upstream may be a unix socket', async (t) => {
  t.equal((await askPath(limpet.port, '/unix')).body, 'by socket file');
});
