// Folders are layers: each imports from those before it, and nobody from those behind.
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const LAYERS =
  'base observe wire socket upstream balance health affinity session limit pool certificates acme config plan proxy admin process demo drill cli'.split(
    ' ',
  );
/** Layers that do not know each other, though one stands before the other. */
const STRANGERS = ['balance', 'health', 'affinity', 'session', 'limit'];
const src = fileURLToPath(new URL('../src/', import.meta.url));

const files = globSync('*/**/*.ts', { cwd: src });
const imports = files.flatMap((file) => {
  const text = readFileSync(resolve(src, file), 'utf8');
  const found = text.matchAll(/^(?:import|export|\} from|.*\bimport\()[^'\n]*'(\.[^']+)'/gm);
  return [...found].map((match) => ({ file, to: relative(src, resolve(src, dirname(file), match[1]!)) }));
});
const folder = (path: string): string => path.split('/')[0]!;

t.test('every folder is a layer', async (t) => {
  t.same(
    [...new Set(files.map(folder))].filter((name) => !LAYERS.includes(name)),
    [],
  );
  t.ok(imports.length > files.length, 'and imports were found');
});

t.test('no import points up', async (t) => {
  const up = imports.filter(({ file, to }) => LAYERS.indexOf(folder(to)) > LAYERS.indexOf(folder(file)));
  t.same(up, []);
});

t.test('balance, health, affinity, session and limit do not know each other', async (t) => {
  const known = imports.filter(
    ({ file, to }) => folder(file) !== folder(to) && [file, to].every((f) => STRANGERS.includes(folder(f))),
  );
  t.same(known, []);
});
