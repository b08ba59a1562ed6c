// Every vector in the project's own form: the verdict, the user and the type of its id are those of the real framework.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { FORMAT_KINDS } from '../../src/session/kinds.ts';
import { judgeCase, type OwnFile } from './own-form.ts';

const folder = new URL('frameworks/', import.meta.url);
const files = readdirSync(folder).sort();

t.test('there are vectors of every framework that has any', async (t) => {
  const covered = new Set(files.map((name) => read(name).verify));
  // Home-grown sessions and session services have no framework that could have written vectors.
  const without = Object.keys(FORMAT_KINDS).filter((name) => !covered.has(name));
  t.same(without.sort(), ['http', 'opaque', 'signed-cookie']);
});

for (const name of files) {
  t.test(`${name} is judged as the framework judges it`, async (t) => {
    for (const one of read(name).cases) {
      const finding = await judgeCase(one);
      const same = finding.verdict === one.verdict && (finding.user ?? null) === one.user;
      t.ok(
        same,
        `${one.what}: ${finding.verdict} (${finding.reason}) ${typeof finding.user}, expected ${one.verdict}`,
      );
    }
  });
}

function read(name: string): OwnFile {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as OwnFile;
}
