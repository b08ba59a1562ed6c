// Files of the folder are whole or not there, and nobody else's; of those who share it one holds the lock.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { AcmeFolder } from '../../src/acme/acme-folder.ts';
import { OrderLock } from '../../src/acme/order-lock.ts';
import { Presence } from '../../src/acme/presence.ts';
import { HandClock } from '../../src/base/clock.ts';
import { Child } from '../kit/child.ts';

const scratch = mkdtempSync(join(tmpdir(), 'limpet-acme-folder-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
const DIRECTORY = 'https://acme.test:14000/dir';
let made = 0;
const open = (): AcmeFolder => AcmeFolder.open(join(scratch, String(made++)), DIRECTORY);

t.test('each authority has a place of its own, which only its owner may look into', async (t) => {
  const one = AcmeFolder.open(join(scratch, 'places'), DIRECTORY);
  const two = AcmeFolder.open(join(scratch, 'places'), `${DIRECTORY}?staging`);
  t.not(one.path, two.path);
  t.equal(statSync(one.path).mode & 0o777, 0o700);
  chmodSync(one.path, 0o755);
  AcmeFolder.open(join(scratch, 'places'), DIRECTORY);
  t.equal(statSync(one.path).mode & 0o777, 0o700, 'also where somebody opened it');
});

t.test('a file is written whole, with mode 0600, and created once', async (t) => {
  const folder = open();
  t.equal(folder.read('a'), null);
  folder.write('a', 'first');
  folder.write('a', 'second');
  t.equal(folder.read('a'), 'second');
  t.equal(statSync(join(folder.path, 'a')).mode & 0o777, 0o600);
  t.equal(folder.create('b', 'mine'), true);
  t.equal(folder.create('b', 'yours'), false);
  t.equal(folder.read('b'), 'mine');
  folder.write('large', 'x'.repeat(300 * 1024));
  t.equal(folder.read('large'), null, 'what is too large is none of ours');
  folder.remove('large');
  folder.remove('large');
  t.same(readdirSync(folder.path).sort(), ['a', 'b'], 'no draft is left');
  t.throws(() => folder.write('no/such/place', ''), { code: 'ENOENT' });
  t.same(readdirSync(folder.path).sort(), ['a', 'b'], 'nor after a failure');
});

t.test('a disk that takes but a piece of a file leaves the old one, and no draft', async (t) => {
  const folder = open();
  folder.write('a', 'first');
  const module = new URL('../../src/acme/acme-folder.ts', import.meta.url).href;
  const script = `
    const { AcmeFolder } = await import(${JSON.stringify(module)});
    const folder = AcmeFolder.open(${JSON.stringify(dirname(folder.path))}, ${JSON.stringify(DIRECTORY)});
    for (const put of ['write', 'create'])
      try {
        folder[put](put === 'write' ? 'a' : 'b', 'x'.repeat(3000));
        console.log('written');
      } catch (error) {
        console.log(error.code);
      }
  `;
  // No process may write beyond the first blocks of a file: as on a disk that fills up in the midst of it.
  const { stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', `trap '' XFSZ; ulimit -f 2; exec "$0" --input-type=module -e "$1"`, process.execPath, script],
    // Without what the test runner would have every Node write.
    { encoding: 'utf8', env: {} },
  );
  t.equal(stdout, 'EFBIG\nEFBIG\n', stderr);
  t.equal(folder.read('a'), 'first');
  t.same(readdirSync(folder.path), ['a']);
});

t.test('a file is kept under another name, whatever becomes of the first', async (t) => {
  const folder = open();
  t.equal(folder.keepAs('a', 'kept'), false, 'there is none');
  folder.write('a', 'first');
  t.equal(folder.keepAs('a', 'kept'), true);
  t.equal(folder.keepAs('a', 'kept'), true, 'also twice, as after a power cut in between');
  folder.write('a', 'second');
  t.same([folder.read('a'), folder.read('kept')], ['second', 'first']);
  t.equal(statSync(join(folder.path, 'kept')).mode & 0o777, 0o600);
  t.equal(folder.keepAs('a', 'kept'), true);
  folder.write('a', 'third');
  t.same([folder.read('a'), folder.read('kept')], ['third', 'second']);
  mkdirSync(join(folder.path, 'taken'));
  t.throws(() => folder.keepAs('a', 'taken'), { code: 'EISDIR' });
  t.same(readdirSync(folder.path).sort(), ['a', 'kept', 'taken'], 'no draft is left');
  t.equal(folder.read('taken'), null, 'what is no file is none of ours');
});

t.test('a mark changes with the file', async (t) => {
  const folder = open();
  t.equal(folder.markOf('a'), '');
  folder.write('a', 'one');
  const first = folder.markOf('a');
  t.equal(folder.markOf('a'), first);
  folder.write('a', 'two');
  t.not(folder.markOf('a'), first);
});

t.test('a lock is held by one, until it is released', async (t) => {
  const folder = open();
  const clock = new HandClock();
  const lock = new OrderLock(folder, 'a.lock', clock.nowMs.bind(clock));
  t.equal(lock.hold(), false, 'it is not taken yet');
  t.equal(lock.take(), true);
  t.equal(lock.hold(), true);
  // Of a process that lives: this test's parent.
  const theirs = folder.read('a.lock')!.replace(`"pid":${process.pid}`, `"pid":${process.ppid}`);
  folder.write('a.lock', theirs);
  t.equal(lock.hold(), false, 'who has lost it notices');
  lock.release();
  t.equal(folder.read('a.lock'), theirs, 'and leaves that of another alone');
  t.equal(lock.take(), false);
  clock.advance(59_000);
  t.equal(lock.take(), false);
  utimesSync(join(folder.path, 'a.lock'), new Date(), new Date(Date.now() + 5000));
  clock.advance(59_000);
  t.equal(lock.take(), false, 'its holder has shown life');
  clock.advance(61_000);
  t.equal(lock.take(), true, 'and now none for a minute');
  lock.release();
  t.equal(folder.read('a.lock'), null);
});

t.test('the lock of a process that is gone is taken at once', async (t) => {
  const folder = open();
  const lock = new OrderLock(folder, 'a.lock', () => 0);
  t.equal(lock.take(), true);
  const ours = folder.read('a.lock')!;
  lock.release();
  const gone = new Child('true', [], { owner: t });
  await gone.exit();
  folder.write('a.lock', ours.replace(`"pid":${process.pid}`, `"pid":${gone.pid}`));
  t.equal(lock.take(), true);
  lock.release();
  folder.write('a.lock', ours);
  t.equal(lock.take(), false, 'another lock of this process is alive');
  folder.write('a.lock', ours.replace(/"since":[\d.]+/, '"since":1'));
  t.equal(lock.take(), true, 'one of an earlier process with its number is not');
  lock.release();
  for (const text of ['', 'nonsense', '{}', 'null', ours.replace(/"at":"[^"]*"/, '"at":"elsewhere"')]) {
    folder.write('a.lock', text);
    t.equal(lock.take(), false, `${text} may be anybody's`);
  }
  t.same(readdirSync(folder.path), ['a.lock'], 'nothing else is left');
});

t.test('who shares the folder is seen, and who is gone is forgotten', async (t) => {
  const folder = open();
  const clock = new HandClock();
  const one = new Presence(folder, 'one', clock.nowMs.bind(clock));
  const two = new Presence(folder, 'two', clock.nowMs.bind(clock));
  one.show();
  t.equal(one.othersHere(), false);
  two.show();
  t.equal(one.othersHere(), true);
  const old = new Date(Date.now() - 120_000);
  utimesSync(join(folder.path, 'two.here'), old, old);
  t.equal(one.othersHere(), false);
  t.notOk(existsSync(join(folder.path, 'two.here')));
  clock.advance(11_000);
  two.show();
  t.equal(one.othersHere(), true, 'he comes back');
  two.leave();
  t.equal(one.othersHere(), false);
  one.leave();
  t.same(readdirSync(folder.path), []);
});

t.test('what stands in place of the folder is told by its error', async (t) => {
  const file = join(scratch, 'file');
  writeFileSync(file, '');
  t.throws(() => AcmeFolder.open(file, DIRECTORY), { code: 'ENOTDIR' });
});
