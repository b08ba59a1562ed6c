// What runs in production is known by name, version and licence, and all of it may be passed on.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { isAllowed, type Licensed, licences, listed } from '../../build/licences.ts';
import { productionTree, TreeProblem } from '../../build/package-trees.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** What is loaded only where the config asks for it. */
const DRIVERS = Object.keys(peerDependencies);

function npmRun(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(
      'npm',
      ['run', '--silent', ...args],
      { cwd: ROOT, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const idOf = ({ name, version }: Pick<Licensed, 'name' | 'version'>): string => `${name}@${version}`;

t.test('every package of production has an allowed licence, its drivers included', async (t) => {
  const { code, stdout, stderr } = await npmRun('licences', '--', ...DRIVERS);
  t.equal(code, 0, stderr);
  const lines = stdout.trim().split('\n');
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), ...DRIVERS])
    t.ok(
      lines.some((line) => line.startsWith(`${name}@`)),
      name,
    );
  t.notOk(
    lines.some((line) => /^(typescript|tap|@biomejs)/.test(line)),
    'nothing of development',
  );
  t.comment(`${licences().length} packages, ${lines.length} with every driver`);
});

t.test('the bill of materials has the same packages, each with its licence and hash', async (t) => {
  const { code, stdout, stderr } = await npmRun('sbom');
  t.equal(code, 0, stderr);
  const bom = JSON.parse(stdout);
  t.match(bom, { bomFormat: 'CycloneDX', metadata: { component: { name: 'limpet', type: 'application' } } });
  t.same(bom.components.map(idOf).sort(), licences().map(idOf).sort());
  for (const { name, version, purl, licenses, hashes } of bom.components) {
    t.match(purl, /^pkg:npm\//, `${name}@${version}`);
    t.ok(licenses?.length > 0 && hashes?.length > 0, name);
  }
});

t.test('a licence that is not allowed, or none, is refused', async (t) => {
  for (const licence of ['MIT', '(MIT OR GPL-3.0-only)', 'MIT AND ISC', 'BSD-3-Clause'])
    t.ok(isAllowed(licence), licence);
  for (const licence of [
    '',
    'GPL-3.0-only',
    'MIT AND GPL-3.0-only',
    'AGPL-3.0-only OR SSPL-1.0',
    'UNLICENSED',
    'SEE LICENSE IN x',
  ])
    t.notOk(isAllowed(licence), licence);
  const packages = {
    '': {},
    'node_modules/a': { version: '1.0.0', license: 'MIT' },
    'node_modules/a/node_modules/@b/c': { version: '2.0.0' },
  };
  t.same(listed(packages), [
    { name: '@b/c', version: '2.0.0', licence: '' },
    { name: 'a', version: '1.0.0', licence: 'MIT' },
  ]);
});

t.test('production is what its dependencies come to, where Node would find it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-tree-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, content: object): void =>
    writeFileSync(join(folder, name), JSON.stringify(content));
  const packages = {
    '': { dependencies: { a: '1' }, devDependencies: { tool: '1' } },
    'node_modules/a': {
      version: '1.0.0',
      dependencies: { shared: '2' },
      optionalDependencies: { absent: '1' },
    },
    'node_modules/a/node_modules/shared': {
      version: '2.0.0',
      peerDependencies: { host: '1', maybe: '1' },
      peerDependenciesMeta: { maybe: { optional: true } },
    },
    'node_modules/driver': { version: '1.0.0', dev: true, dependencies: { shared: '1' } },
    'node_modules/host': { version: '1.0.0' },
    'node_modules/maybe': { version: '1.0.0', dev: true },
    'node_modules/shared': { version: '1.0.0', dev: true },
    'node_modules/tool': { version: '1.0.0', dev: true },
  };
  write('package-lock.json', { lockfileVersion: 3, packages });
  write('package.json', {
    dependencies: { a: '1' },
    devDependencies: { tool: '1', driver: '1' },
    peerDependencies: { driver: '1' },
    peerDependenciesMeta: { driver: { optional: true } },
  });
  const paths = (...drivers: string[]): string[] =>
    Object.keys(productionTree(drivers, folder).lock.packages);
  t.same(paths(), ['', 'node_modules/a', 'node_modules/a/node_modules/shared', 'node_modules/host']);
  const { manifest, lock } = productionTree(['driver'], folder);
  t.same(manifest, { dependencies: { a: '1', driver: '1' } });
  t.same(lock.packages[''], { dependencies: { a: '1', driver: '1' } });
  t.same(
    lock.packages['node_modules/driver'],
    { version: '1.0.0', dependencies: { shared: '1' } },
    'no longer marked',
  );
  t.ok(lock.packages['node_modules/shared']);
  t.throws(() => paths('tool'), new TreeProblem('"tool" is none of the drivers: driver'));
  write('package-lock.json', {
    lockfileVersion: 3,
    packages: { ...packages, 'node_modules/host': undefined },
  });
  t.throws(() => paths(), { message: /no host for node_modules\/a\/node_modules\/shared/ });
});

t.test('a driver that Limpet does not know is told, and ends with 1', async (t) => {
  for (const script of ['licences', 'sbom'])
    t.match(
      await npmRun(script, '--', 'mssql'),
      { code: 1, stdout: '', stderr: `"mssql" is none of the drivers: ${DRIVERS.join(', ')}\n` },
      script,
    );
});
