// Every config on the pages about sessions and in the README is one that Limpet takes, and every kind of session has its page.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadConfigText } from '../src/config/load.ts';
import { FORMAT_KINDS } from '../src/session/kinds.ts';
import { environmentFor, fileFor, wholeConfig } from './kit/shown-config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = 'docs/sessions';
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const pages = readdirSync(join(ROOT, FOLDER))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `${FOLDER}/${name}`);

t.test('every config that is shown is one', async (t) => {
  // ASP.NET Core's key ring, which is read with the config.
  const ring =
    '<key id="0d7a5b6c-1e2f-4a3b-8c4d-5e6f7a8b9c0d"><creationDate>2026-01-01T00:00:00Z</creationDate>' +
    '<encryption algorithm="AES_256_CBC" /><validation algorithm="HMACSHA256" />' +
    `<masterKey><value>${Buffer.alloc(64, 1).toString('base64')}</value></masterKey></key>`;
  const folder = t.testdir({ keys: { 'key-1.xml': ring } });
  for (const page of [...pages, 'README.md']) {
    for (const [, text = ''] of read(page).matchAll(/^```yaml\n([\s\S]*?)^```/gm)) {
      const { problems } = loadConfigText(
        wholeConfig(text),
        join(folder, 'limpet.yaml'),
        environmentFor(text),
        fileFor,
      );
      const errors = problems.filter(({ severity }) => severity === 'error');
      t.same(errors, [], `${page}: ${text.slice(0, 200)}`);
    }
  }
});

t.test('every kind of session has a config on some page', async (t) => {
  const text = pages.map(read).join('\n');
  for (const kind of Object.keys(FORMAT_KINDS))
    t.match(text, new RegExp(`verify: (\\{ )?${kind}\\b(?!-)`), kind);
});

t.test('every option of a kind is named beside it', async (t) => {
  const lines = pages.flatMap((page) => read(page).split('\n'));
  for (const [kind, { options }] of Object.entries(FORMAT_KINDS)) {
    const beside = lines.filter((line) => new RegExp(`(?<![\\w-])${kind}(?![\\w-])`).test(line));
    for (const option of Object.keys(options)) {
      const word = new RegExp(`\\b${option}\\b`);
      t.ok(
        beside.some((line) => word.test(line)),
        `${kind}.${option}`,
      );
    }
  }
});

t.test('every page is in the table, and leads somewhere', async (t) => {
  const overview = read(`${FOLDER}/README.md`);
  for (const page of pages) {
    const name = page.slice(FOLDER.length + 1);
    if (name !== 'README.md') t.match(overview, `](${name}`);
    for (const [, link = ''] of read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g))
      if (!/^https?:/.test(link)) t.ok(existsSync(join(ROOT, dirname(page), link)), `${page} -> ${link}`);
  }
});
