// Certificates by ACME, from a real authority: ordered, shown, kept, renewed, and missed by nobody while that fails.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Child, lives, type Owner } from '../kit/child.ts';
import { limpetMain, metric, pinnedNode, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { startNamedApp, until } from '../kit/named-app.ts';
import { type Pebble, startPebble } from '../kit/pebble.ts';
import { freePort } from '../kit/ports.ts';
import { openTls } from '../kit/tls-client.ts';

t.setTimeout(300_000);
const app = await startNamedApp('app', t);
/** Connections in a row after which both workers have been met, but for one time in eight thousand. */
const BOTH_WORKERS = 14;
const scratch = mkdtempSync(join(tmpdir(), 'limpet-acme-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

interface Site {
  readonly pebble: Pebble;
  readonly names: readonly string[];
  /** Where keys and certificates are kept. */
  readonly folder: string;
  readonly httpsPort: number;
  /** Null: no plain HTTP. */
  readonly httpPort: number | null;
  readonly more?: object;
  /** Default: 1. */
  readonly workers?: number;
}

function configOf({ pebble, names, folder, httpsPort, httpPort, more, workers = 1 }: Site): object {
  const { directory } = pebble;
  const acme = { names, agree: true, folder, directory, ca: 'authority.pem', ...more };
  const plain = { bind: `127.0.0.1:${httpPort}`, redirectToHttps: httpsPort };
  return {
    listeners: [
      { name: 'web', bind: `127.0.0.1:${httpsPort}`, tls: { acme } },
      ...(httpPort === null ? [] : [plain]),
    ],
    upstreams: [app.url],
    health: { suspicion: false },
    workers,
  };
}

function run(t: Owner, site: Site): Promise<RunningLimpet> {
  return startLimpet(configOf(site), { files: { 'authority.pem': site.pebble.ca }, owner: t });
}

/** Other words for the same process, taken up at once. */
function reload(limpet: RunningLimpet, site: Site): void {
  const text = readFileSync(limpet.configFile, 'utf8');
  writeFileSync(limpet.configFile, JSON.stringify({ ...JSON.parse(text), ...configOf(site) }));
  void limpet.kill('SIGHUP');
}

/** The certificate that a client is shown who asks for `name`; null: the handshake fails. `root`: what it must go back to. */
async function shown(port: number, name: string, root: string | null = null) {
  const trust = root === null ? {} : { ca: root, rejectUnauthorized: true };
  try {
    const client = await openTls(port, { servername: name, ...trust });
    const { fingerprint256, subjectaltname = '' } = client.socket.getPeerCertificate();
    client.destroy();
    return { fingerprint: fingerprint256, names: subjectaltname };
  } catch {
    return null;
  }
}

/** Waits until there is one for `name`, and in every worker. */
async function untilShown(port: number, name: string, unlike = '', workers = 1) {
  const tries = workers > 1 ? BOTH_WORKERS : 1;
  await until(`a certificate for ${name}`, async () => {
    for (let i = 0; i < tries; i++) {
      const one = await shown(port, name);
      if (one === null || !one.names.includes(name) || one.fingerprint === unlike) return false;
    }
    return true;
  });
  return (await shown(port, name))!;
}

/** Files below `folder` that end so, with their whole paths. */
function files(folder: string, end: string): string[] {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return all.filter((name) => name.endsWith(end)).map((name) => join(folder, name));
}

const httpPort = await freePort();
const pebble = await startPebble({ httpPort });

t.test(
  'a certificate is ordered, kept, shown again without its authority, and kept while that fails',
  async (t) => {
    const folder = join(scratch, 'one');
    const httpsPort = await freePort();
    const site = { pebble, names: ['shop.test'], folder, httpsPort, httpPort, workers: 2 };
    const limpet = await run(t, site);
    t.equal(await shown(httpsPort, 'shop.test'), null, 'no handshake before there is one');

    await until('challenges', () => files(folder, '.challenges.json').length === 1);
    // The order takes as long as this.
    await pebble.freeze();
    const [answer] = JSON.parse(readFileSync(files(folder, '.challenges.json')[0]!, 'utf8')).answers;
    const token = answer.split('.')[0];
    const path = `http://127.0.0.1:${httpPort}/.well-known/acme-challenge`;
    const ask = (end: string, method = 'GET') =>
      fetch(`${path}/${end}`, { method, redirect: 'manual', headers: { Connection: 'close' } });
    for (let i = 0; i < BOTH_WORKERS; i++) {
      const told = await ask(token);
      t.equal(told.status, 200);
      t.equal(await told.text(), answer, 'every worker answers');
    }
    t.equal((await ask(token, 'HEAD')).status, 200);
    for (const [end, method] of [
      ['', 'GET'],
      [`${token}x`, 'GET'],
      [token.slice(1), 'GET'],
      [`${token}/`, 'GET'],
      [`x/${token}`, 'GET'],
      [token, 'DELETE'],
    ])
      t.equal((await ask(end!, method)).status, 308, `${method} /${end} is anybody's`);

    await pebble.thaw();
    const first = await untilShown(httpsPort, 'shop.test', '', 2);
    t.same(await shown(httpsPort, 'shop.test', await pebble.root()), first, 'a client that checks takes it');
    await until('an end', () => files(folder, '.challenges.json').length === 0);
    t.equal((await ask(token)).status, 308, 'and the token is nobody’s any more');
    t.equal(await metric(limpet, 'limpet_acme_orders_total', 'result="issued"'), 1);
    t.ok((await metric(limpet, 'limpet_acme_certificate_expiry_timestamp_seconds')) > Date.now() / 1000);
    for (const file of [...files(folder, '.pem'), ...files(folder, '.key'), ...files(folder, '.json')])
      t.equal(statSync(file).mode & 0o777, 0o600, file);
    t.same(files(folder, '.lock'), []);
    t.equal(statSync(join(files(folder, '.pem')[0]!, '..')).mode & 0o777, 0o700);
    t.equal(await limpet.stop(), 0);

    await pebble.stop();
    const again = await run(t, site);
    t.same(await shown(httpsPort, 'shop.test'), first, 'kept over a restart, without its authority');

    const larger = { ...site, names: ['shop.test', 'www.shop.test'] };
    reload(again, larger);
    await until(
      'a failure',
      async () => (await metric(again, 'limpet_acme_orders_total', 'result="failed"')) > 0,
    );
    t.match(again.logs(), /"why":"the authority cannot be reached: [^"]*ECONNREFUSED/);
    t.same(await shown(httpsPort, 'shop.test'), first, 'the old one is shown meanwhile');
    const since = await metric(again, 'limpet_acme_failing_since_timestamp_seconds', 'shop.test');
    t.ok(Math.abs(since - Date.now() / 1000) < 120, 'since when is told');
    await until('a trouble', async () =>
      (await (await fetch(`${again.adminUrl}/api/v1/troubles`)).text()).includes(
        'cannot be had from its authority',
      ),
    );

    await pebble.start();
    reload(again, larger);
    const second = await untilShown(httpsPort, 'www.shop.test', '', 2);
    t.match(second.names, /DNS:shop\.test/, 'one for both names');
    t.equal(await metric(again, 'limpet_acme_failing_since_timestamp_seconds'), 0);
    reload(again, site);
    await until(
      'the first again',
      async () => (await shown(httpsPort, 'shop.test'))?.fingerprint === first.fingerprint,
    );
    t.equal(await again.stop(), 0);
  },
);

t.test('of two processes that share a folder one orders, both answer, and both show it', async (t) => {
  const folder = join(scratch, 'two');
  const front = { pebble, names: ['both.test'], folder, httpsPort: await freePort(), httpPort };
  const back = { ...front, httpsPort: await freePort(), httpPort: null };
  await pebble.stop();
  const one = await run(t, front);
  // It has failed, and waits, so that the other is the one who orders.
  await until(
    'a failure',
    async () => (await metric(one, 'limpet_acme_orders_total', 'result="failed"')) === 1,
  );
  await pebble.start();
  const two = await run(t, back);
  const certificate = await untilShown(back.httpsPort, 'both.test');
  t.same(await untilShown(front.httpsPort, 'both.test'), certificate);
  t.equal(await metric(two, 'limpet_acme_orders_total', 'result="issued"'), 1);
  t.equal(await metric(one, 'limpet_acme_orders_total', 'result="issued"'), 0);
  t.equal(await metric(one, 'limpet_acme_failing_since_timestamp_seconds'), 0, 'what failed is over');
  t.match(one.logs(), /taken up from the folder/);
  t.equal(await one.stop(), 0);
  t.equal(await two.stop(), 0);
});

t.test('it is renewed before its end, and a refusal is told in the authority’s words', async (t) => {
  const secret = Buffer.from('a key that the authority gave out').toString('base64url');
  const short = await startPebble({
    httpPort,
    lifetimeS: 9,
    blocked: ['blocked.test'],
    macKeys: { me: secret },
  });
  const folder = join(scratch, 'three');
  const eab = { keyId: 'me', secret };
  const site = { pebble: short, names: ['soon.test'], folder, httpsPort: await freePort(), httpPort };
  const limpet = await run(t, { ...site, more: { eab, email: 'ops@soon.test', key: 'rsa' } });
  const first = await untilShown(site.httpsPort, 'soon.test');
  const second = await untilShown(site.httpsPort, 'soon.test', first.fingerprint);
  t.not(second.fingerprint, first.fingerprint);
  await until('a line', () => /a certificate was renewed/.test(limpet.logs()));
  const [kept, ...others] = files(folder, '.pem.previous');
  t.equal(statSync(kept!).mode & 0o777, 0o600, 'the pair before is kept');
  t.same(others, []);
  t.notMatch(limpet.logs(), secret);
  const shownConfig = await (await fetch(`${limpet.adminUrl}/api/v1/config`)).text();
  t.match(shownConfig, 'keyId');
  t.notMatch(shownConfig, secret, 'nobody is shown the key');
  reload(limpet, { ...site, names: ['blocked.test'], more: { eab } });
  await until('a refusal', () => /could not be had/.test(limpet.logs()));
  t.match(limpet.logs(), /"why":"Order included [^\n]*blocked\.test[^\n]* \(rejectedIdentifier\)","left"/);
  t.equal(await limpet.stop(), 0);
  await short.stop();
});

t.test(
  'a successor goes on with what its predecessor had ordered, and nobody waits for either',
  async (t) => {
    const folder = join(scratch, 'five');
    const site = { pebble, names: ['over.test'], folder, httpsPort: await freePort(), httpPort };
    const control = join(scratch, 'control');
    const pidFile = join(scratch, 'pid');
    const args = ['--control', control, '--pid-file', pidFile];
    const options = { files: { 'authority.pem': pebble.ca }, owner: t, args, group: true };
    const limpet = await startLimpet(configOf(site), options);
    await until('an order', () => files(folder, '.challenges.json').length === 1);
    await pebble.freeze();
    const asked = (): Promise<number> =>
      fetch(`http://127.0.0.1:${httpPort}/`, { redirect: 'manual', headers: { Connection: 'close' } }).then(
        ({ status }) => status,
      );
    const command = new Child(
      pinnedNode,
      [limpetMain, 'run', '-c', limpet.configFile, ...args, '--replace'],
      { owner: t },
    );
    t.equal(await command.exit(), 0, command.stderr());
    t.equal(await asked(), 308, 'the port is served on');
    // Its outputs are the successor's too, so that they do not end with it.
    await until('the end of the old one, which waits for no authority', () => !lives(limpet.pid));
    await pebble.thaw();
    await untilShown(site.httpsPort, 'over.test');
    t.equal(
      await metric(limpet, 'limpet_acme_orders_total', 'result="issued"'),
      1,
      'by an order of the new one',
    );
    await until('an end', () => files(folder, '.challenges.json').length === 0);
    t.same([...files(folder, '.lock'), ...files(folder, '.new')], []);
    t.notMatch(limpet.logs(), /could not be had/, 'and none of both calls it a failure');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    process.kill(pid, 'SIGTERM');
    await until('its end', () => !lives(pid));
  },
);

t.test('a stop in the middle of an order is clean, and leaves nothing in the way of the next', async (t) => {
  const folder = join(scratch, 'four');
  const site = { pebble, names: ['stop.test'], folder, httpsPort: await freePort(), httpPort };
  const limpet = await run(t, site);
  await until('an order', () => files(folder, '.challenges.json').length === 1);
  await pebble.freeze();
  t.equal(await limpet.stop(), 0, 'it waits for nobody');
  await pebble.thaw();
  t.same([...files(folder, '.lock'), ...files(folder, '.challenges.json'), ...files(folder, '.new')], []);
  t.notMatch(limpet.logs(), /could not be had/, 'it is no failure');
  const next = await run(t, site);
  await untilShown(site.httpsPort, 'stop.test');
  t.equal(await next.stop(), 0);
});
