// The docs say what the code says: every fault and metric has its row, every command of the README is one, every file that a page points to is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { accessLogDocs } from '../build/access-log-docs.ts';
import { errorDocs } from '../build/error-docs.ts';
import { metricDocs } from '../build/metric-docs.ts';
import { METRICS } from '../src/observe/names.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

t.test('docs/errors.md has every fault, as the code says it', async (t) => {
  t.equal(read('docs/errors.md'), errorDocs(), 'written anew by `node build/error-docs.ts`');
});

t.test('docs/access-log.md has every field and code, and lines as they are written', async (t) => {
  t.equal(read('docs/access-log.md'), accessLogDocs(), 'written anew by `node build/access-log-docs.ts`');
});

t.test('docs/metrics.md has every metric, and no page names one that is none', async (t) => {
  t.equal(read('docs/metrics.md'), metricDocs(), 'written anew by `node build/metric-docs.ts`');
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true })
    .map((file) => `docs/${file.toString().replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.md'));
  for (const page of ['README.md', 'CHANGELOG.md', ...pages]) {
    for (const [, name = ''] of read(page).matchAll(
      /\b(limpet_[a-z_]+_(?:total|seconds|up|open|synced|waiting|users|inflight))\b/g,
    ))
      t.ok(Object.hasOwn(METRICS, name), `${page}: ${name}`);
  }
});

t.test('the list of pages has every page', async (t) => {
  const list = read('docs/README.md');
  for (const file of readdirSync(join(ROOT, 'docs')))
    if (file.endsWith('.md') && file !== 'README.md') t.match(list, `](${file})`, file);
});

t.test('every link between pages leads somewhere', async (t) => {
  const pages = [
    'README.md',
    'CHANGELOG.md',
    'src/README.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((f) => f.endsWith('.md'))
      .map((f) => `docs/${f}`),
  ];
  for (const page of pages) {
    for (const [, link = ''] of read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^https?:/.test(link)) continue;
      t.ok(existsSync(join(ROOT, dirname(page), link)), `${page} -> ${link}`);
    }
  }
});

t.test('the README has the two commands, and no other that package.json does not have', async (t) => {
  const readme = read('README.md');
  t.match(readme, 'npm ci && npm start');
  t.match(readme, 'npm ci && npm test');
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const [, script = ''] of readme.matchAll(/npm run ([a-z:]+)/g))
    t.ok(scripts[script], `npm run ${script}`);
  const commands = read('src/cli/commands.ts');
  for (const [, command = ''] of readme.matchAll(/(?:npx limpet|`limpet) ([a-z]+)/g))
    t.match(commands, `  ${command}: {`);
});

t.test('the map names every room', async (t) => {
  const map = read('src/README.md');
  for (const entry of readdirSync(join(ROOT, 'src'), { withFileTypes: true })) {
    if (entry.isDirectory()) t.match(map, new RegExp(`^${entry.name}/ `, 'm'));
  }
});
