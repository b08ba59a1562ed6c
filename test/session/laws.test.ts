// What holds of every format, tried on every genuine session that the frameworks wrote: spoiled ones never crash and never pass.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { SeededRandom } from '../../src/base/random.ts';
import { FORMAT_KINDS, type FormatName } from '../../src/session/kinds.ts';
import { NO_STORE, type StoredCell, type StoredValue } from '../../src/session/store.ts';
import { type Case, judgeCase, type OwnFile, storesOf } from '../vectors/own-form.ts';
import { HOME_GROWN } from './home-grown.ts';

const folder = new URL('../vectors/frameworks/', import.meta.url);
const vectors = readdirSync(folder)
  .sort()
  .map((name) => ({
    name,
    file: JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as OwnFile,
  }));
const files = [...vectors, ...HOME_GROWN.map(([name, file]) => ({ name, file }))];
const VERDICTS = ['valid', 'anonymous', 'invalid', 'unknown'];
/** Mutations of each genuine session; `LIMPET_FUZZ=1000` tries more. */
const ROUNDS = Number(process.env.LIMPET_FUZZ ?? 40);
const random = new SeededRandom(20_261_121);

/** Genuine sessions, a few of each file. */
const genuine = (file: OwnFile): Case[] =>
  file.cases.filter(({ verdict }) => verdict === 'valid').slice(0, 3);

function spoilText(text: string): string {
  const at = random.below(Math.max(1, text.length));
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + random.below(8));
    case 3:
      return text.slice(0, at) + text.slice(Math.max(0, at - 9)) + text.slice(at);
    default:
      return text.slice(0, at) + '.'.repeat(random.below(9000)) + text.slice(at);
  }
}

function spoilBytes(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  return Buffer.from(spoilText(text), 'latin1');
}

function spoilValue(value: StoredValue): StoredValue {
  const cells = new Map<string, StoredCell>();
  for (const [name, cell] of value.cells) {
    const spoils = random.below(2) === 0;
    if (!spoils) cells.set(name, cell);
    else if (cell instanceof Uint8Array) cells.set(name, spoilBytes(cell));
    else if (typeof cell === 'string') cells.set(name, spoilText(cell));
    else if (random.below(2) === 0) cells.set(name, null);
  }
  return { ...value, bytes: spoilBytes(value.bytes), cells };
}

t.test('every format is there, each with a session that is valid as it stands', async (t) => {
  t.same([...new Set(files.map(({ file }) => file.verify))].sort(), Object.keys(FORMAT_KINDS).sort());
  for (const { name, file } of files)
    for (const one of genuine(file)) {
      const { verdict, user = null } = await judgeCase(one);
      if (verdict !== 'valid' || user !== one.user) t.fail(`${name}, ${one.what}: ${verdict} ${user}`);
    }
});

for (const { name, file } of files) {
  const kind = FORMAT_KINDS[file.verify as FormatName];

  t.test(`${name}: a spoiled cookie is never somebody else's session, and never crashes`, async (t) => {
    let tried = 0;
    for (const one of genuine(file)) {
      for (let i = 0; i < ROUNDS; i++) {
        const { cookies, authorization } = one.request;
        const request = {
          ...one.request,
          cookies: spoilText(cookies),
          authorization: authorization === null ? null : spoilText(authorization),
        };
        const finding = await judgeCase(one, request);
        tried++;
        if (!VERDICTS.includes(finding.verdict)) t.fail(`${finding.verdict}`);
        // A change that the framework does not look at may leave the very session; it may never make another.
        if (finding.verdict === 'valid' && finding.user !== one.user)
          t.fail(`became ${String(finding.user)}: ${request.cookies}`);
      }
    }
    t.ok(tried > 0);
  });

  if (kind.stores.length === 0) continue;

  t.test(`${name}: whatever the store holds, the check ends with a verdict`, async (t) => {
    let tried = 0;
    for (const one of genuine(file)) {
      for (let i = 0; i < ROUNDS; i++) {
        const finding = await judgeCase(one, one.request, storesOf(one, spoilValue));
        tried++;
        if (!VERDICTS.includes(finding.verdict)) t.fail(finding.verdict);
      }
      const away = await judgeCase(one, one.request, NO_STORE);
      if (one.answers.length > 0)
        t.equal(away.verdict, 'unknown', 'a store that is away is no reason to refuse');
    }
    t.ok(tried > 0);
  });
}
