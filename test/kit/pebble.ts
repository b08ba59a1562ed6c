// An authority that speaks ACME, to order certificates from: Let's Encrypt's own Pebble, with a name service that knows one address.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makePair, type Pair } from './certificates.ts';
import { Child } from './child.ts';
import { freePort } from './ports.ts';

export interface PebbleOptions {
  /** Port of 127.0.0.1 at which every name is asked for its challenges. */
  readonly httpPort: number;
  /** How long certificates are good, s; default 90 days. */
  readonly lifetimeS?: number;
  /** Names that it gives no certificate for. */
  readonly blocked?: readonly string[];
  /** Keys, by name, of which each new account must show one. */
  readonly macKeys?: Readonly<Record<string, string>>;
}

export interface Pebble {
  readonly directory: string;
  /** Of the authority that its own HTTPS is checked against, PEM. */
  readonly ca: string;
  /** What the certificates that it gives out go back to, PEM; another one after each start. */
  root(): Promise<string>;
  /** What it printed. */
  log(): string;
  /** Whoever asks it waits. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  stop(): Promise<void>;
  /** Again at the same address, with nothing of what was. */
  start(): Promise<void>;
}

/** Starts it, and resolves when it answers. Ends with the test file. */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const authority = makePair({ subject: '/CN=Pebble test authority', authority: true });
  const server = makePair({ names: ['localhost'], issuer: authority });
  const dns = await freePort();
  const names = new Child('pebble-challtestsrv', [
    ...['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${await freePort()}`],
    ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
  ]);
  await names.wrote(/Starting management server/i, 30_000);
  const port = await freePort();
  const management = await freePort();
  const config = writeConfig(options, server, port, management);
  const start = (): Child => {
    const args = ['-config', config, '-dnsserver', `127.0.0.1:${dns}`];
    // Some nonces are refused, as in life, and no authorization is taken from an earlier order.
    const env = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20', PEBBLE_AUTHZREUSE: '0' };
    return new Child('pebble', args, { env });
  };
  let child = start();
  const ready = (): Promise<unknown> => child.wrote(/ACME directory available at/, 30_000);
  await ready();
  return {
    directory: `https://localhost:${port}/dir`,
    ca: authority.cert,
    root: () => read(`https://localhost:${management}/roots/0`, authority.cert),
    log: () => child.stdout() + child.stderr(),
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async stop() {
      await child.kill('SIGKILL');
      await child.exit();
    },
    async start() {
      child = start();
      await ready();
    },
  };
}

function writeConfig(options: PebbleOptions, { cert, key }: Pair, port: number, management: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-pebble-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('cert.pem'), cert);
  writeFileSync(at('key.pem'), key);
  const { httpPort, lifetimeS = 90 * 86_400, blocked = [], macKeys } = options;
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: at('cert.pem'),
    privateKey: at('key.pem'),
    httpPort,
    tlsPort: httpPort,
    ocspResponderURL: '',
    certificateValidityPeriod: lifetimeS,
    domainBlocklist: blocked,
    externalAccountBindingRequired: macKeys !== undefined,
    externalAccountMACKeys: macKeys ?? {},
  };
  writeFileSync(at('pebble.json'), JSON.stringify({ pebble }));
  return at('pebble.json');
}

function read(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.once('end', () => resolve(text));
    });
    asked.once('error', reject);
    asked.end();
  });
}
