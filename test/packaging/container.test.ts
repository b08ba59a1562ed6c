// The image: the Dockerfile's steps are followed one by one, and what they made runs as it would in a container.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { licences, listed } from '../../build/licences.ts';
import { askPath, startNamedApp } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { Builder, dockerignore, parseDockerfile, untouched } from './dockerfile.ts';
import { Isolated, whyNotIsolated } from './isolated.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'limpet-image-'));
chmodSync(scratch, 0o755);
// Not by a teardown: a step that fails ends the file before there is a test.
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

const instructions = parseDockerfile(read('Dockerfile'));
const builder = new Builder();
const build = (args: Record<string, string> = {}) =>
  builder.build(instructions, { context: ROOT, scratch, args });
const image = build();
const whyNot = whyNotIsolated();
const hasIp = spawnSync('ip', ['-V']).status === 0;

/** A config file of its own, readable to everybody. */
function configFile(name: string, text: string): string {
  const folder = join(scratch, 'configs');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

t.test('the base is pinned, and what the image says of itself is so', async (t) => {
  const { version, description, license } = JSON.parse(read('package.json'));
  const node = JSON.parse(read('package-lock.json')).packages['node_modules/node'].version;
  t.same(new Set(image.bases), new Set([`node:${node}-bookworm-slim`]), 'the Node that all tests ran with');
  t.same(image.labels, {
    'org.opencontainers.image.title': 'limpet',
    'org.opencontainers.image.description': description,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': license,
    'org.opencontainers.image.base.name': `docker.io/library/${image.bases[0]}`,
  });
  t.equal(image.user, '1000:1000', 'not root, and by number');
  t.equal(image.stop, 'SIGTERM');
  t.same(image.health, [...image.entry, 'healthcheck']);
  t.equal(image.entry[0], 'node', 'process 1 is Node itself, no shell that would keep signals from it');
});

t.test('it holds production and nothing else', async (t) => {
  const at = join(image.root, image.workdir);
  t.same(readdirSync(at).sort(), ['LICENSE', 'config', 'dist', 'node_modules', 'package.json']);
  for (const path of ['limpet.yaml', 'pages/maintenance.html', 'compose/app.ts'])
    t.ok(existsSync(join(at, 'config', path)), path);
  const installed = JSON.parse(readFileSync(join(at, 'node_modules/.package-lock.json'), 'utf8')).packages;
  t.same(listed(installed), licences());
  t.notOk(installed['node_modules/typescript'], 'no compiler is left');
  const kib = execFileSync('du', ['-sk', at], { encoding: 'utf8' }).split('\t')[0];
  t.comment(`${(Number(kib) / 1024).toFixed(0)} MiB beside the base`);
  t.ok(Number(kib) < 64 * 1024, 'small');
});

t.test('nothing but what the image is made of reaches the engine', async (t) => {
  const isSent = dockerignore(read('.dockerignore'));
  for (const path of [
    'package.json',
    'package-lock.json',
    'src/cli/run.ts',
    'build/clean.ts',
    'LICENSE',
    'config/limpet.yaml',
    'config/pages/maintenance.html',
  ])
    t.ok(isSent(path), path);
  for (const path of [
    '.git/config',
    '.env',
    'node_modules/yaml/package.json',
    'dist/main.js',
    'test/kit/child.ts',
    'bench/main.ts',
    'config/site.key',
    'config/.env',
    'config/pages/.htpasswd',
    'src/.env.local',
    'src/secret.pem',
    'limpet.log',
  ])
    t.notOk(isSent(path), `not ${path}`);
});

t.test(
  'it runs as it is: read-only, without rights, healthy, and ends at its signal',
  { skip: whyNot ?? (!hasIp && 'needs ip, of iproute2') },
  async (t) => {
    const container = new Isolated(image, { owner: t, scratch, network: true });
    await container.wrote(/^limpet: listening on http:\/\/0\.0\.0\.0:8080 /m);
    t.match(
      container.exec(['cat', '/proc/1/cmdline']).output,
      /^node\0\/limpet\/dist\/main\.js\0run\0/,
      'process 1',
    );
    // In the user namespace of somebody who is not root, whoever runs it is called 0.
    const uid = process.getuid?.() === 0 ? 1000 : 0;
    t.match(
      container.exec(['sh', '-c', 'id -u; grep -E "^(Cap|NoNew)" /proc/1/status']).output,
      new RegExp(`^${uid}\\n(Cap\\w+:\\t0+\\n)+NoNewPrivs:\\t1\\n$`),
      'no rights',
    );
    for (const path of ['/limpet/x', '/tmp/x', '/x', '/etc/x'])
      t.match(
        container.exec(['touch', path], true),
        { status: 1, output: /Read-only file system/ },
        `nobody writes ${path}`,
      );
    t.same(container.exec(image.health), { status: 0, output: '' }, 'healthy');
    const ask = "fetch('http://127.0.0.1:8080/').then((r) => console.log(r.status))";
    t.match(
      container.exec(['node', '-e', ask]).output,
      /^50[23]\n$/,
      'it serves, though nobody is behind it',
    );
    t.equal(await container.stop(), 0);
  },
);

t.test(
  'it serves with a config of the user, and its health check finds that',
  { skip: whyNot ?? false },
  async (t) => {
    const app = await startNamedApp('behind', t);
    const port = await freePort();
    const adminPort = await freePort();
    const file = configFile(
      'user.yaml',
      `listen: 127.0.0.1:${port}\nupstreams: ["\${APP}"]\nadmin: { bind: 127.0.0.1:${adminPort} }\n`,
    );
    const container = new Isolated(image, {
      owner: t,
      scratch,
      mounts: { '/config/limpet.yaml': file },
      command: ['run', '-c', '/config/limpet.yaml'],
      env: { APP: app.url },
    });
    await container.wrote(/^limpet: listening on /m);
    t.match(await askPath(port, '/'), { status: 200, body: 'behind' });
    t.same(container.exec(image.health), { status: 0, output: '' }, 'healthy');
    writeFileSync(file, 'listen: [');
    t.match(
      container.exec(image.health),
      { status: 1, output: /\/config\/limpet\.yaml:/ },
      'it was this file that told',
    );
    t.equal(await container.stop(), 0);
  },
);

t.test('the sample app of compose.yaml finds the packages that it needs', async (t) => {
  const app = join(image.root, 'limpet/config/compose/app.ts');
  const options = { encoding: 'utf8', env: { PATH: process.env.PATH } } as const;
  const [program, ...words] = untouched([process.execPath, app]);
  const { status, stderr } = spawnSync(program, words, options);
  t.same([status, stderr], [1, 'the sample app needs REDIS_URL and SESSION_SECRET\n']);
});

t.test(
  'it runs as another user where it cannot be shut in',
  { skip: whyNot === null && 'it could be' },
  async (t) => {
    t.comment(whyNot);
    const app = await startNamedApp('behind', t);
    const port = await freePort();
    const adminPort = await freePort();
    const file = configFile(
      'plain.yaml',
      `listen: 127.0.0.1:${port}\nupstreams: [${app.url}]\nadmin: { bind: 127.0.0.1:${adminPort} }\n`,
    );
    const words = [...image.entry.slice(1), 'run', '-c', file].map((word) =>
      word.replace('/limpet/', `${image.root}/limpet/`),
    );
    const asOther = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const child = spawn(process.execPath, words, {
      cwd: '/',
      env: { ...image.env, PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...asOther,
    });
    t.teardown(() => child.kill('SIGKILL'));
    const exited = new Promise((resolve) => child.once('exit', resolve));
    let said = '';
    for await (const text of child.stderr) {
      said += text;
      if (said.includes('listening on')) break;
    }
    t.match(said, /listening on/);
    t.match(await askPath(port, '/'), { status: 200, body: 'behind' });
    child.kill('SIGTERM');
    t.equal(await exited, 0);
  },
);

t.test('drivers of stores are in it when the build is told so, and only then', async (t) => {
  const check = (root: string, store: string) => {
    const session = `session: { verify: opaque, cookie: sid, store: { url: "${store}", table: sessions } }`;
    const file = configFile('store.yaml', `listen: 8080\nupstreams: [http://127.0.0.1:9]\n${session}\n`);
    const [program, ...words] = untouched([
      process.execPath,
      join(root, 'limpet/dist/main.js'),
      'check',
      '-c',
      file,
    ]);
    return spawnSync(program, words, {
      encoding: 'utf8',
    });
  };
  const stores = {
    pg: 'postgres://reader@db/app',
    mysql2: 'mysql://reader@db/app',
    mongodb: 'mongodb://db/app',
  };
  const whole = build({ DRIVERS: Object.keys(stores).join(' ') });
  for (const [driver, store] of Object.entries(stores)) {
    t.match(
      check(image.root, store),
      { status: 1, stderr: new RegExp(`the package ${driver} is not installed`) },
      `no ${driver}`,
    );
    const { status, stderr } = check(whole.root, store);
    t.same([status, stderr], [0, ''], driver);
    t.ok(createRequire(join(whole.root, 'limpet/dist/main.js'))(driver), `${driver} loads`);
  }
  t.throws(() => build({ DRIVERS: 'mssql' }), {
    message: `"mssql" is none of the drivers: ${Object.keys(JSON.parse(read('package.json')).peerDependencies).join(', ')}`,
  });
});
