// `npm run vectors -- DIR [NAME…]`: judges every session vector in a folder, prints each miss, and ends with the count.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADAPTERS } from './adapters.ts';
import { judge, miss, type Vector } from './judge.ts';

const [folder, ...names] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('vectors: which folder? npm run vectors -- DIR [NAME…]\n');
  process.exit(1);
}
let passed = 0;
let failed = 0;
for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.json') || file === 'index.json') continue;
  if (names.length > 0 && !names.some((name) => file.startsWith(name))) continue;
  const { vectors } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { vectors: Vector[] };
  const before = failed;
  for (const vector of vectors) {
    const wrong = await wrongWith(vector);
    if (wrong === null) {
      passed++;
      continue;
    }
    failed++;
    process.stdout.write(`${vector.id}: ${wrong} (${vector.desc})\n`);
  }
  process.stdout.write(`${file}: ${vectors.length - failed + before} of ${vectors.length}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

async function wrongWith(vector: Vector): Promise<string | null> {
  const adapt = ADAPTERS[vector.kind];
  if (adapt === undefined) return `no such kind: ${vector.kind}`;
  try {
    return miss(vector, await judge(vector, adapt(vector)));
  } catch (error) {
    return `threw ${error}`;
  }
}
