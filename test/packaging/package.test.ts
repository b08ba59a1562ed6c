// The npm package: packed from a fresh copy of the sources, it has what it should and nothing else, and runs by `npx limpet`.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Child, type Owner } from '../kit/child.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { askPath, startNamedApp } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { untouched } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'limpet-package-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

/** Every path that the package may have. */
const ALLOWED = [
  /^(README\.md|LICENSE|CHANGELOG\.md|package\.json)$/,
  /^dist\/([a-z0-9-]+\/)*[a-z0-9-]+\.js$/,
  /^dist\/admin\/page\/[a-z0-9-]+\.(html|css|svg)$/,
  /^config\/[a-z0-9-]+\.yaml$/,
  /^config\/pages\/[a-z0-9-]+\.html$/,
  /^config\/grafana\/limpet\.json$/,
  /^config\/prometheus\/limpet-alerts\.yaml$/,
  /^docs\/(sessions\/)?[A-Za-z0-9-]+\.md$/,
];

/** Left in a working copy by whoever works there; not for the world. */
const PRIVATE = [
  '.env',
  'config/site.key',
  'config/.env',
  'config/pages/.htpasswd',
  'docs/notes.txt',
  'dist/stale.js',
  'src/secret.pem',
  'limpet.log',
];

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** The pinned Node first on the PATH; and what is not installed is not looked for in the registry. */
const env = {
  PATH: `${dirname(pinnedNode)}${delimiter}${process.env.PATH}`,
  npm_config_yes: 'false',
  npm_config_prefer_offline: 'true',
  // npx hands signals to its shell, and only a shell that gives way to the command (bash does, dash does not) lets them arrive.
  npm_config_script_shell: 'bash',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
};

function npm(command: 'npm' | 'npx', args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((done) => {
    const [program, ...words] = untouched([command, ...args]);
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 };
    execFile(program, words, options, (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

function startNpx(args: readonly string[], owner: Owner): Child {
  const [program, ...words] = untouched(['npx', ...args]);
  return new Child(program, words, { owner, cwd: user, env });
}

/** The sources as a fresh clone has them, with the installed packages linked, and with what others left lying about. */
function copyOfSources(): string {
  const copy = join(scratch, 'sources');
  const left = new Set(['.git', '.tap', 'dist', 'node_modules', 'test', 'bench']);
  cpSync(ROOT, copy, { recursive: true, filter: (path) => !left.has(relative(ROOT, path)) });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(join(copy, 'dist'));
  mkdirSync(join(copy, 'test'));
  for (const path of [...PRIVATE, 'test/main.test.ts']) writeFileSync(join(copy, path), 'private');
  return copy;
}

const user = join(scratch, 'user');
mkdirSync(user);

t.test('npm pack builds what it packs, and packs nothing else', async (t) => {
  const packed = await npm('npm', ['pack', '--json', '--pack-destination', scratch], copyOfSources());
  t.equal(packed.code, 0, packed.code === 0 ? 'packed' : packed.stdout + packed.stderr);
  // What the build prints stands before the list.
  const [{ filename, files, size, unpackedSize }] = JSON.parse(
    packed.stdout.slice(packed.stdout.indexOf('[\n')),
  );
  const paths: string[] = files.map((file: { path: string }) => file.path);
  for (const path of paths)
    t.ok(
      ALLOWED.some((allowed) => allowed.test(path)),
      path,
    );
  for (const path of [...PRIVATE, 'test/main.test.ts']) t.notOk(paths.includes(path), `no ${path}`);
  for (const path of [
    'dist/main.js',
    'dist/process/worker-main.js',
    'dist/demo/app.js',
    'dist/admin/page/index.html',
    'dist/admin/page/page.css',
    'dist/admin/page/page.js',
    'config/limpet.yaml',
    'docs/configuration.md',
  ])
    t.ok(paths.includes(path), path);
  t.comment(
    `${filename}: ${paths.length} files, ${(size / 1024).toFixed(0)} KiB packed, ${(unpackedSize / 1024).toFixed(0)} KiB unpacked`,
  );
  t.ok(size < 1024 * 1024, 'less than 1 MiB');

  writeFileSync(join(user, 'package.json'), '{ "private": true }');
  const installed = await npm('npm', ['install', '--omit=dev', join(scratch, filename)], user);
  t.equal(installed.code, 0, installed.code === 0 ? 'installed' : installed.stderr);
});

t.test('npx limpet says its version, and what is wrong with a config', async (t) => {
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  t.match(await npm('npx', ['limpet', '--version'], user), { code: 0, stdout: `${version}\n` });
  writeFileSync(join(user, 'bad.yaml'), 'lisen: 8080\nupstreams: [http://127.0.0.1:1]\n');
  t.match(await npm('npx', ['limpet', 'check', '-c', 'bad.yaml'], user), {
    code: 1,
    stderr: /bad\.yaml:1:1: error/,
  });
  const example = join('node_modules', 'limpet', 'config', 'limpet.yaml');
  t.match(await npm('npx', ['limpet', 'check', '-c', example], user), { code: 0, stdout: /: ok \(/ });
});

t.test('npx limpet run serves', async (t) => {
  const app = await startNamedApp('behind', t);
  const port = await freePort();
  const adminPort = await freePort();
  const config = {
    listen: `127.0.0.1:${port}`,
    upstreams: [app.url],
    admin: { bind: `127.0.0.1:${adminPort}` },
  };
  writeFileSync(join(user, 'limpet.yaml'), JSON.stringify(config));
  const limpet = startNpx(['limpet', 'run'], t);
  // Before the SIGKILL that ends every Child, which npx could not pass on.
  t.teardown(() => limpet.kill('SIGTERM'));
  await limpet.wrote(/^limpet: listening on /m, 60_000);
  t.match(await askPath(port, '/'), { status: 200, body: 'behind' });
  t.match(await npm('npx', ['limpet', 'healthcheck'], user), { code: 0 });
  t.match(await askPath(adminPort, '/', { accept: 'text/html' }), {
    status: 200,
    body: /<title>Limpet<\/title>/,
  });
  t.match(
    await askPath(adminPort, '/page/uplot.js'),
    { status: 200, body: /uPlot/ },
    'and the dashboard is whole',
  );
  await limpet.kill('SIGTERM');
  t.equal(await limpet.exit(), 0, 'and ends when told to');
});

t.test('npx limpet demo starts', async (t) => {
  const port = await freePort();
  const args = ['limpet', 'demo', '--port', String(port), '--admin-port', String(await freePort())];
  const demo = startNpx(args, t);
  t.teardown(() => demo.kill('SIGTERM'));
  await demo.wrote(/The page/, 60_000);
  t.match(await askPath(port, '/'), { status: 200, body: /<title>Limpet demo/ });
  t.match(await askPath(port, '/me'), { status: 200, body: /"app":"(coral|amber|teal)"/ });
  await demo.kill('SIGTERM');
  t.equal(await demo.exit(), 0);
});

t.test('it is a program: nothing can be imported but its package.json', async (t) => {
  const ask = (name: string): Promise<Ended> =>
    npm(
      'npx',
      ['node', '--input-type=module', '-e', `await import('${name}', { with: { type: 'json' } })`],
      user,
    );
  t.match(await ask('limpet'), { code: 1, stderr: /ERR_PACKAGE_PATH_NOT_EXPORTED/ });
  t.match(await ask('limpet/package.json'), { code: 0 });
});
