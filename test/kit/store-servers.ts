// Real stores for tests: each on a free port of 127.0.0.1 with a folder of its own, gone when its test ends.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, type Owner } from './child.ts';
import { freeClusterPort, freePort } from './ports.ts';

export interface StoreServer {
  readonly port: number;
  readonly folder: string;
  readonly child: Child;
}

/** A folder that goes when the test ends; `user`: whose it is, where this process may give it away. */
export function tempFolder(owner: Owner, user?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-store-'));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  if (user !== undefined && process.getuid?.() === 0) {
    const id = (of: '-u' | '-g'): number => Number(execFileSync('id', [of, user], { encoding: 'utf8' }));
    chownSync(folder, id('-u'), id('-g'));
  }
  return folder;
}

/** Servers that refuse to run as root are started as `user`. The words of the command, to be spawned as they are. */
function asUser(user: string, words: readonly string[]): [string, string[]] {
  const all =
    process.getuid?.() === 0
      ? ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', ...words]
      : words;
  return [all[0]!, all.slice(1)];
}

/** A master waits five seconds for more replicas before it copies, and a replica that was sent nothing for ten is not listed. */
const COPY_AT_ONCE = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];

export async function startRedis(
  owner: Owner,
  options: readonly string[] = [],
  port?: number,
): Promise<StoreServer> {
  // Without a port of its own its bus has one that goes by the node's.
  const isNode = options.includes('--cluster-enabled') && !options.includes('--cluster-port');
  const at = port ?? (await (isNode ? freeClusterPort() : freePort()));
  const folder = tempFolder(owner);
  const own = ['--port', String(at), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const child = new Child('redis-server', [...own, ...COPY_AT_ONCE, ...options], { owner });
  await child.wrote(/Ready to accept connections|Configuration loaded.*sentinel|\+monitor/s);
  return { port: at, folder, child };
}

/** The words with which Redis speaks TLS alone on this port, with clients, replicas and the nodes of its cluster. */
export function redisTls(files: Certificates, port: number): string[] {
  const own = ['--tls-cert-file', files.certificate, '--tls-key-file', files.key];
  const others = ['--tls-ca-cert-file', files.ca, '--tls-auth-clients', 'no'];
  const alone = ['--port', '0', '--tls-port', `${port}`];
  return [...own, ...others, ...alone, '--tls-replication', 'yes', '--tls-cluster', 'yes'];
}

/** `files`: it speaks TLS alone, with clients and with the master. `settings`: more lines of its config, about the master `shop`. */
export async function startSentinel(
  owner: Owner,
  master: number,
  files: Certificates | null = null,
  settings: readonly string[] = [],
): Promise<StoreServer> {
  const port = await freePort();
  const folder = tempFolder(owner);
  const config = join(folder, 'sentinel.conf');
  const tls =
    files === null
      ? ''
      : `tls-port ${port}\ntls-replication yes\ntls-auth-clients no\ntls-ca-cert-file ${files.ca}\n` +
        `tls-cert-file ${files.certificate}\ntls-key-file ${files.key}\n`;
  writeFileSync(
    config,
    `port ${files === null ? port : 0}\n${tls}bind 127.0.0.1\ndir ${folder}\nsentinel monitor shop 127.0.0.1 ${master} 1\n${settings.map((line) => `${line}\n`).join('')}`,
  );
  const child = new Child('redis-server', [config, '--sentinel'], { owner });
  await child.wrote(/\+monitor/);
  return { port, folder, child };
}

export async function startMemcached(
  owner: Owner,
  options: readonly string[] = [],
  port?: number,
  env: Readonly<Record<string, string>> = {},
): Promise<StoreServer> {
  const at = port ?? (await freePort());
  const folder = tempFolder(owner);
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const words = ['-p', String(at), '-U', '0', '-l', '127.0.0.1', ...user, ...options];
  const child = new Child('memcached', words, { owner, env });
  await listens(at, child);
  return { port: at, folder, child };
}

/** One that knows this user alone, by SASL PLAIN; its name has a realm (`edge@realm`). */
export function startSaslMemcached(
  owner: Owner,
  name: string,
  password: string,
  options: readonly string[] = [],
): Promise<StoreServer> {
  const folder = tempFolder(owner);
  const users = join(folder, 'users');
  const [user = '', realm = ''] = name.split('@');
  const words = ['-p', '-c', '-a', 'memcached', '-f', users, '-u', realm, user];
  execFileSync(existsSync('/usr/sbin/saslpasswd2') ? '/usr/sbin/saslpasswd2' : 'saslpasswd2', words, {
    input: password,
    stdio: 'pipe',
  });
  const settings = `mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${users}\n`;
  writeFileSync(join(folder, 'memcached.conf'), settings);
  // The server is another user.
  chmodSync(folder, 0o755);
  chmodSync(users, 0o644);
  return startMemcached(owner, ['-S', ...options], undefined, { SASL_CONF_PATH: folder });
}

/** Superuser `postgres` with password `secret`, database `postgres`. */
export async function startPostgres(owner: Owner, options: readonly string[] = []): Promise<StoreServer> {
  const port = await freePort();
  const folder = tempFolder(owner, 'postgres');
  const programs = postgresPrograms();
  const data = join(folder, 'data');
  const password = join(folder, 'password');
  writeFileSync(password, 'secret\n', { mode: 0o644 });
  const init = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${password}`, '--no-sync'];
  const [command, words] = asUser('postgres', [join(programs, 'initdb'), ...init]);
  execFileSync(command, words, { stdio: 'pipe', cwd: folder });
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`];
  const run = [...settings, 'fsync=off', ...options].flatMap((setting) => ['-c', setting]);
  const [server, args] = asUser('postgres', [join(programs, 'postgres'), '-D', data, ...run]);
  const child = new Child(server, args, { owner, cwd: folder });
  await child.wrote(/ready to accept connections/);
  return { port, folder, child };
}

/** Debian keeps them by version, off the PATH. */
function postgresPrograms(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions[0] === undefined ? '' : join(root, versions[0], 'bin');
}

/** User `root` without password. */
export async function startMariadb(owner: Owner, options: readonly string[] = []): Promise<StoreServer> {
  const port = await freePort();
  const folder = tempFolder(owner, 'mysql');
  const data = join(folder, 'data');
  const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
  execFileSync(
    'mariadb-install-db',
    [
      '--no-defaults',
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      ...user,
    ],
    { stdio: 'pipe', cwd: folder },
  );
  const words = [
    '--no-defaults',
    `--datadir=${data}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(folder, 's')}`,
    `--pid-file=${join(folder, 'pid')}`,
    '--innodb-flush-log-at-trx-commit=0',
    ...user,
    ...options,
  ];
  const child = new Child('mariadbd', words, { owner, cwd: folder });
  await child.wrote(/ready for connections/, 30_000);
  return { port, folder, child };
}

export interface Certificates {
  /** Paths of PEM files. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A certificate for 127.0.0.1 and `store.test` of an authority of its own. */
export function makeCertificates(folder: string): Certificates {
  const path = (name: string): string => join(folder, name);
  const openssl = (...words: string[]): unknown => execFileSync('openssl', words, { stdio: 'pipe' });
  const fresh = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  openssl(...fresh, '-x509', '-subj', '/CN=authority', '-keyout', path('ca.key'), '-out', path('ca.pem'));
  openssl(...fresh, '-subj', '/CN=store.test', '-keyout', path('server.key'), '-out', path('server.csr'));
  writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1,DNS:store.test\n');
  const sign = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2'];
  const out = ['-extfile', path('names'), '-out', path('server.pem')];
  openssl('x509', '-req', '-in', path('server.csr'), ...sign, ...out);
  // Servers that are not root read it too; it guards nothing.
  chmodSync(path('server.key'), 0o644);
  return { ca: path('ca.pem'), certificate: path('server.pem'), key: path('server.key') };
}

/** Waits until somebody accepts connections at a port. */
async function listens(port: number, child: Child): Promise<void> {
  for (let tries = 0; tries < 200 && !child.gone; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${child.name} does not listen: ${child.stderr()}`);
}
