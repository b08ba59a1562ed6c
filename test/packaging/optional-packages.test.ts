// Promise: a config that needs a package which is not installed says which, and how to get it, before anything starts.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Child } from '../kit/child.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'limpet-bare-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
cpSync(join(ROOT, 'src'), join(folder, 'src'), { recursive: true });
cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
const main = join(folder, 'src/main.ts');

/** As where everything but `missing` is installed: `@scope`, `@scope/name` or `name`. */
function install(missing: readonly string[]): void {
  const modules = join(folder, 'node_modules');
  rmSync(modules, { recursive: true, force: true });
  const place = (inside: string): void => {
    mkdirSync(join(modules, inside), { recursive: true });
    for (const name of readdirSync(join(ROOT, 'node_modules', inside))) {
      const whole = join(inside, name);
      if (missing.includes(whole)) continue;
      if (missing.some((one) => one.startsWith(`${whole}/`))) place(whole);
      else symlinkSync(join(ROOT, 'node_modules', whole), join(modules, whole));
    }
  };
  place('');
}

const TRACING = [
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
];
const port = await freePort();
const config = join(folder, 'limpet.yaml');
const traced = {
  listen: `127.0.0.1:${port}`,
  workers: 1,
  routes: [{ path: '/', respond: { body: 'x' } }],
  admin: false,
  tracing: { endpoint: 'http://127.0.0.1:1/v1/traces' },
};

async function told(...args: string[]): Promise<{ code: number | string; said: string }> {
  const child = new Child(pinnedNode, [main, ...args, '-c', config], { owner: t });
  const code = await child.exit();
  return { code, said: child.stderr() + child.stdout() };
}

t.test('tracing without the packages of OpenTelemetry', { timeout: 200_000 }, async (t) => {
  writeFileSync(config, JSON.stringify(traced));
  for (const [missing, names] of [
    [['@opentelemetry'], TRACING],
    [['@opentelemetry/resources'], ['@opentelemetry/resources']],
  ] as const) {
    install(missing);
    for (const command of ['run', 'check']) {
      const { code, said } = await told(command);
      t.equal(code, 1, said);
      t.match(said, /limpet\.yaml:1:\d+: error: .*not installed/);
      for (const name of names) t.match(said, `${name}`);
      t.match(said, /would be right: npm install @opentelemetry\//);
      t.notMatch(said, /\n {4}at |node:internal|ERR_/, 'and no stack');
    }
  }
});

t.test(
  'a package that is there and does not load is told of in one line',
  { timeout: 200_000 },
  async (t) => {
    install(['@opentelemetry/resources']);
    const broken = join(folder, 'node_modules/@opentelemetry/resources');
    mkdirSync(broken);
    writeFileSync(
      join(broken, 'package.json'),
      JSON.stringify({ name: '@opentelemetry/resources', main: 'i.js' }),
    );
    writeFileSync(join(broken, 'i.js'), 'throw new SyntaxError("of a later Node");\n');
    const { code, said } = await told('run');
    t.equal(code, 2, said);
    t.match(said, /^limpet: the packages of OpenTelemetry cannot be loaded by this Node \(v[\d.]+\)/m);
    t.notMatch(said, /\n {4}at |node:internal|SyntaxError/, 'and no stack');
  },
);

t.test(
  'a reload to it is refused by the same words, and what runs runs on',
  { timeout: 200_000 },
  async (t) => {
    install(['@opentelemetry']);
    const { tracing, ...plain } = traced;
    writeFileSync(config, JSON.stringify(plain));
    const child = new Child(pinnedNode, [main, 'run', '-c', config, '--control', join(folder, 'c')], {
      owner: t,
    });
    await child.wrote(/^limpet: listening on .*$/m, 60_000);
    writeFileSync(config, JSON.stringify({ ...plain, tracing }));
    await child.kill('SIGHUP');
    await until('it is refused', () => /not installed/.test(child.stdout()));
    t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
    await child.kill('SIGTERM');
    t.equal(await child.exit(), 0);
  },
);
