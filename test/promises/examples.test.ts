// Every example in config/ runs: on ports of this machine alone, with nobody behind it, answering as it should and ending cleanly.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const folder = fileURLToPath(new URL('../../config/', import.meta.url));

const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const env = {
  APP_HOST: '127.0.0.1',
  LIMPET_SECRET: 'an-example-secret-of-32-bytes-----',
  SESSION_SECRET: 'an-example-secret-of-an-app-----',
  LIMPET_ADMIN_TOKEN: 'an-example-token-of-an-operator',
  LIMPET_READ_TOKEN: 'an-example-token-of-a-dashboard',
};

/** The examples whose `/` is for users only. */
const ONLY_USERS = new Set(['session-django.yaml', 'session-express.yaml']);

/** The example as it is, but for its addresses: tests listen on 127.0.0.1 only, and name nobody out there. */
async function harmless(text: string): Promise<string> {
  const probes = await freePort();
  const admin = text.includes('\nadmin:') ? '' : '\nadmin: { bind: 127.0.0.1:{adminPort} }\n';
  return (
    text
      .replace(/^listen: .*$/m, 'listen: 127.0.0.1:{port}')
      .replace(/^( {2}bind:) .*$/m, '$1 127.0.0.1:{adminPort}')
      .replace(/^( {2}probes:) .*$/m, `$1 127.0.0.1:${probes}`)
      .replace(/pages\//g, `${folder}pages/`) + admin
  );
}
// Each has ports of its own, and some are slow to end.
t.jobs = 2;

for (const name of examples) {
  t.test(`${name} runs`, { buffered: true }, async (t) => {
    const text = await harmless(readFileSync(`${folder}${name}`, 'utf8'));
    const limpet = await startLimpet(text, { env: { ...process.env, ...env }, owner: t });
    t.match(
      limpet.stderr(),
      /limpet: listening on http:\/\/127\.0\.0\.1:\d+ \(\d+ workers?, \d+ upstreams?\)/,
    );
    const told = await askPath(limpet.port, '/', { host: 'shop.example.com' });
    const statuses = ONLY_USERS.has(name) ? [302, 401] : [404, 502, 503, 504];
    t.ok(statuses.includes(told.status), `${told.status}: nobody is behind it, and nobody is logged in`);
    t.equal((await fetch(`${limpet.adminUrl}/livez`)).status, 200);
    t.equal(await limpet.stop(), 0);
  });
}
