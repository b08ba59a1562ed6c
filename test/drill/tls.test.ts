// A proxy behind https is drilled like any other, and one whose certificate nobody vouches for is not.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { DrillResult } from '../../src/drill/result.ts';
import { spawnDrill } from '../kit/drill-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-drill-tls-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
const name = ['-subj', '/CN=drill', '-addext', 'subjectAltName=IP:127.0.0.1'];
execFileSync('openssl', ['req', ...kind, ...name, '-keyout', key, '-out', cert], { stdio: 'ignore' });

let users = 0;
const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
  const user = /user=(\d+)/.exec(request.headers.cookie ?? '')?.[1] ?? String(users++);
  response.setHeader('set-cookie', `user=${user}; Secure; Path=/`);
  response.setHeader('x-instance', `web-${user}`);
  response.end('well\n');
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
t.teardown(() => {
  server.closeAllConnections();
  server.close();
});
const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
const LOAD = ['--rate', '50', '--users', '5', '--duration', '1s', '--json', '--max-moved', '0'];

t.test('a certificate that is vouched for: users keep their secure cookies', async (t) => {
  const child = spawnDrill(t, [...LOAD, url], { NODE_EXTRA_CA_CERTS: cert });
  t.equal(await child.exit(), 0, child.stderr());
  const result = JSON.parse(child.stdout()) as DrillResult; // what `--json` prints
  t.match(result, { passed: true, failures: { count: 0 }, moved: { count: 0 } });
  t.equal(result.instances?.length, 5, 'each is known again');
});

t.test('a certificate that nobody vouches for is told before any load', async (t) => {
  const child = spawnDrill(t, [...LOAD, url], { NODE_EXTRA_CA_CERTS: '' });
  t.equal(await child.exit(), 1);
  t.match(child.stderr(), /does not answer: DEPTH_ZERO_SELF_SIGNED_CERT/);
});
