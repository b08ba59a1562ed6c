// Every promise of the threat model names a test that there is, by its file and by its own name.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const at = (path: string): string => fileURLToPath(new URL(`../../docs/${path}`, import.meta.url));
const page = readFileSync(at('threat-model.md'), 'utf8');
const table = page.slice(page.indexOf('## In scope'), page.indexOf('## Out of scope'));
const rows = table.split('\n').filter((line) => /^\| (?!promise|-)/.test(line) && !line.startsWith('|---'));

t.test('every promise names its test', async (t) => {
  t.ok(rows.length > 20, 'the rows are found');
  for (const row of rows) {
    const [, promise, file, name] = /^\| (.+) \| \[[\w/-]+\]\((\S+)\) "(.+)" \|$/.exec(row) ?? [];
    if (file === undefined || name === undefined) {
      t.fail(`no test: ${row}`);
      continue;
    }
    if (!existsSync(at(file))) t.fail(`no file: ${file}`);
    else t.ok(readFileSync(at(file), 'utf8').includes(`'${name}'`), `${promise}: "${name}"`);
  }
});
