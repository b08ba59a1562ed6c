// A folder of session files: only plain files right in it are read, whatever the key says.
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { STORED_BYTES_MAX } from '../../../src/session/store.ts';
import { until } from '../../kit/named-app.ts';
import { faultKind, openTestStore, value } from '../../kit/store-drill.ts';
import { tempFolder } from '../../kit/store-servers.ts';

t.test('a file comes as its bytes, with the time of its last change', async (t) => {
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'sess_a'), Buffer.from([0, 255, 10]));
  utimesSync(join(folder, 'sess_a'), 1_700_000_000, 1_700_000_000.25);
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'longest'), Buffer.alloc(STORED_BYTES_MAX));
  writeFileSync(join(folder, 'long'), Buffer.alloc(STORED_BYTES_MAX + 1));
  const store = await openTestStore(t, `file://${folder}`);
  const a = await store.get(value('sess_a'));
  t.same([[...a!.bytes], a!.mtimeS, a!.endsAtS], [[0, 255, 10], 1_700_000_000.25, null]);
  t.equal((await store.get(value('empty')))!.bytes.length, 0);
  t.equal((await store.get(value('longest')))!.bytes.length, STORED_BYTES_MAX);
  t.equal(await faultKind(store, value('long')), 'malformed');
  t.equal(await store.get(value('nobody')), null);
});

t.test('no key leads out of the folder or to what hides in it', async (t) => {
  const folder = tempFolder(t);
  const inner = join(folder, 'inner');
  mkdirSync(inner);
  writeFileSync(join(folder, 'secret'), 'x');
  writeFileSync(join(inner, '.hidden'), 'x');
  writeFileSync(join(inner, 'a'), 'x');
  const store = await openTestStore(t, `file://${inner}`);
  const keys = [
    '../secret',
    '..',
    '.',
    '',
    '.hidden',
    './a',
    'a/',
    '/a',
    `${folder}/secret`,
    '..\\secret',
    'a\0',
    'x'.repeat(5000),
  ];
  for (const key of keys) t.equal(await store.get(value(key)), null, JSON.stringify(key.slice(0, 30)));
  t.equal(await faultKind(store, value('a')), 'found');
});

t.test(
  'a link, a folder and a pipe are nothing that a framework writes, and none is followed or waited for',
  async (t) => {
    const folder = tempFolder(t);
    const inner = join(folder, 'inner');
    mkdirSync(join(inner, 'folder'), { recursive: true });
    writeFileSync(join(folder, 'secret'), 'x');
    symlinkSync(join(folder, 'secret'), join(inner, 'link'));
    symlinkSync(join(folder, 'nowhere'), join(inner, 'dangling'));
    execFileSync('mkfifo', [join(inner, 'pipe')]);
    const store = await openTestStore(t, `file://${inner}`);
    for (const key of ['link', 'dangling', 'folder', 'pipe'])
      t.equal(await faultKind(store, value(key)), 'malformed', key);
  },
);

t.test('a folder that is not there says nothing about sessions', async (t) => {
  const folder = tempFolder(t);
  const store = await openTestStore(t, 'file:sessions', { folder });
  t.equal(await faultKind(store, value('a')), 'down');
  mkdirSync(join(folder, 'sessions'));
  // It was seen to be missing when it was opened, and is looked for again now and then.
  await until('it is found', async () => (await faultKind(store, value('a'))) === 'none');
  renameSync(join(folder, 'sessions'), join(folder, 'gone'));
  t.equal(await faultKind(store, value('a')), 'down');
  rmSync(join(folder, 'gone'), { recursive: true });
  writeFileSync(join(folder, 'sessions'), 'a file');
  t.equal(await faultKind(store, value('a')), 'down');
});
