// What fuzzing has found, a file each: replayed by every run before anything new is made, and mutated by it.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One finding, or a message that is worth mutating. */
export interface CorpusCase {
  readonly target: string;
  /** Seed of the run that made it, and its number in that run; its cuts follow from them. */
  readonly seed: number;
  readonly number: number;
  /** What was found, and what came of it. */
  readonly found: string;
  /** The case itself, Latin-1. */
  readonly bytes: string;
}

export const CORPUS_FOLDER = fileURLToPath(new URL('corpus/', import.meta.url));

/** The cases of one target, by file name. */
export function readCorpus(target: string, folder = CORPUS_FOLDER): Map<string, CorpusCase> {
  const cases = new Map<string, CorpusCase>();
  for (const name of readdirSync(folder).sort()) {
    if (!name.startsWith(`${target}-`) || !name.endsWith('.json')) continue;
    cases.set(name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as CorpusCase);
  }
  return cases;
}

/** Writes a finding and returns the path of its file. */
export function writeCase(found: CorpusCase, folder = CORPUS_FOLDER): string {
  mkdirSync(folder, { recursive: true });
  const words = found.found.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const path = join(folder, `${found.target}-${words.slice(0, 48)}-${found.seed}-${found.number}.json`);
  writeFileSync(path, `${JSON.stringify(found, null, 2)}\n`);
  return path;
}
