// `node test/vectors/import.ts FROM TO`: turns vectors as the frameworks' generators write them into the project's own form.
//
// One file a framework. A case says what an operator would configure, what a client sends, when, and what the stores answer to the
// questions that the check asks; and what the check must come to.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Query, StoredValue } from '../../src/session/store.ts';
import { ADAPTERS } from './adapters.ts';
import { type Configured, judge, requestOf, type Vector, vectorStore } from './judge.ts';
import { type Answer, type Case, withoutPaths, written } from './own-form.ts';

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  process.stderr.write('import: from which folder, to which?\n');
  process.exit(1);
}
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from).sort()) {
  if (!name.endsWith('.json') || name === 'index.json') continue;
  const { vectors } = JSON.parse(readFileSync(join(from, name), 'utf8')) as { vectors: Vector[] };
  const cases: Case[] = [];
  for (const vector of vectors) cases.push(await caseOf(vector));
  // A line each, so that a change shows what changed.
  const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(',\n');
  const verify = JSON.stringify(cases[0]!.configured.verify);
  writeFileSync(join(to, name), `{\n  "verify": ${verify},\n  "cases": [\n${lines}\n  ]\n}\n`);
}

async function caseOf(vector: Vector): Promise<Case> {
  const configured = ADAPTERS[vector.kind]!(vector);
  const answers: Answer[] = [];
  const ask = configured.reader ?? vectorStore(vector);
  const reader = (query: Query): StoredValue | null => {
    const value = ask(query);
    answers.push({ query, value: value === null ? null : written(value) });
    return value;
  };
  await judge(vector, { ...configured, reader });
  const { reader: _, ...plain } = configured as Configured & { reader?: unknown };
  return {
    what: vector.desc,
    ...withoutPaths(plain),
    request: requestOf(vector),
    atS: vector.checkAt,
    answers,
    verdict: vector.edge.verdict,
    user: vector.edge.userId ?? null,
  };
}
