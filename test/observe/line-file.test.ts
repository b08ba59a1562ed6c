// A log's file may be renamed, filled up, taken away or made a pipe: no line is lost that need not be, none is told twice, none is torn.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LineFile, openLineFile, SYSTEM } from '../../src/observe/line-file.ts';
import { until } from '../kit/named-app.ts';

const open = (path: string, waitingBytesMax = 1 << 20): LineFile =>
  new LineFile({ fd: openLineFile(path), path, waitingBytesMax });
const reopened = (file: LineFile): Promise<NodeJS.ErrnoException | null> =>
  new Promise((resolve) => file.reopen(resolve));

t.test('a file is made readable for its group, and appended to', async (t) => {
  const path = join(t.testdir(), 'log');
  for (const line of ['one\n', 'two\n']) {
    const file = open(path);
    file.write(Buffer.from(line));
    await file.close(5000);
  }
  t.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
  t.equal(statSync(path).mode & 0o777, 0o640);
});

t.test('renamed under load and opened anew, again and again: each line once, in its order', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'log');
  const file = open(path, 64 << 20);
  let lines = 0;
  const write = (): void => {
    let text = '';
    for (let i = 0; i < 50; i++) text += `${lines++} ${'x'.repeat(100 + (lines % 400))}\n`;
    file.write(Buffer.from(text));
  };
  for (let rotation = 1; rotation <= 40; rotation++) {
    for (let i = 0; i < 20; i++) {
      write();
      if (i % 5 === 0) await new Promise(setImmediate);
    }
    renameSync(path, `${path}.${String(rotation).padStart(2, '0')}`);
    write();
    t.equal(await reopened(file), null);
  }
  write();
  await file.close(20_000);
  t.equal(file.dropped, 0);
  const names = readdirSync(folder).sort();
  const told = [...names.filter((name) => name !== 'log'), 'log']
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => Number(line.split(' ', 1)[0]));
  t.equal(names.length, 41);
  t.same(
    told,
    Array.from({ length: lines }, (_, i) => i),
  );
});

t.test('what cannot be opened anew goes on into the file that is open', async (t) => {
  const folder = join(t.testdir(), 'logs');
  mkdirSync(folder);
  const path = join(folder, 'log');
  const file = open(path);
  file.write(Buffer.from('before\n'));
  renameSync(folder, `${folder}.old`);
  t.equal((await reopened(file))?.code, 'ENOENT');
  file.write(Buffer.from('after\n'));
  await file.close(5000);
  t.equal(readFileSync(join(`${folder}.old`, 'log'), 'utf8'), 'before\nafter\n');
  t.equal(file.dropped, 0);
});

t.test(
  'a full disk: what waits is bounded, what comes beyond is counted, and the rest is told once there is room',
  async (t) => {
    const path = join(t.testdir(), 'log');
    symlinkSync('/dev/full', path);
    const file = open(path, 1000);
    const line = Buffer.from(`${'x'.repeat(99)}\n`);
    for (let i = 0; i < 25; i++) file.write(Buffer.from(line));
    await until('it is known that it cannot be written', () => file.trouble === 'ENOSPC');
    t.equal(file.dropped, 15);
    file.write(Buffer.from('urgent\n'), true);
    rmSync(path);
    t.equal(await reopened(file), null);
    await file.close(5000);
    t.equal(readFileSync(path, 'utf8'), `${String(line).repeat(10)}urgent\n`);
    t.equal(file.trouble, null);
    t.equal(file.dropped, 15);
  },
);

t.test(
  'a disk that is full in the middle of a line: the rest of it goes where its beginning is, once there is room',
  async (t) => {
    const path = join(t.testdir(), 'log');
    const { write } = SYSTEM;
    let full = 1;
    t.teardown(() => {
      SYSTEM.write = write;
    });
    // The first write takes five bytes, the next finds no room.
    const calls: number[] = [];
    const shortened = (
      fd: number,
      bytes: Uint8Array,
      at: number,
      length: number,
      _: null,
      done: Done,
    ): void => {
      calls.push(length);
      if (calls.length === 1) write(fd, bytes, at, 5, null, done);
      else if (full > 0) {
        full--;
        process.nextTick(() => done(Object.assign(new Error('full'), { code: 'ENOSPC' }), 0));
      } else write(fd, bytes, at, length, null, done);
    };
    // Because: fs.write has many forms, of which the log uses this one.
    SYSTEM.write = shortened as unknown as typeof SYSTEM.write;
    const file = open(path);
    file.write(Buffer.from('line one\nline two\n'));
    await until('it failed', () => file.trouble === 'ENOSPC');
    await until('it is told', () => readFileSync(path, 'utf8') === 'line one\nline two\n');
    // The file has it a moment before its writer hears so.
    await until('it is well', () => file.trouble === null);
    await file.close(1000);
    t.same(calls, [18, 13, 13]);
  },
);

type Done = (error: NodeJS.ErrnoException | null, written: number) => void;

t.test(
  'rotated away from a disk that is full in the middle of a line: that line is lost and counted, the rest is whole',
  async (t) => {
    const path = join(t.testdir(), 'log');
    const { write } = SYSTEM;
    t.teardown(() => {
      SYSTEM.write = write;
    });
    let first = true;
    let full = true;
    const shortened = (
      fd: number,
      bytes: Uint8Array,
      at: number,
      length: number,
      _: null,
      done: Done,
    ): void => {
      if (first) {
        first = false;
        write(fd, bytes, at, 5, null, done);
      } else if (full) {
        full = false;
        process.nextTick(() => done(Object.assign(new Error('full'), { code: 'ENOSPC' }), 0));
      } else write(fd, bytes, at, length, null, done);
    };
    // Because: fs.write has many forms, of which the log uses this one.
    SYSTEM.write = shortened as unknown as typeof SYSTEM.write;
    const file = open(path);
    file.write(Buffer.from('line one\nline two\n'));
    await until('it failed', () => file.trouble === 'ENOSPC');
    renameSync(path, `${path}.1`);
    t.equal(await reopened(file), null);
    await file.close(5000);
    t.equal(readFileSync(`${path}.1`, 'utf8'), 'line ');
    t.equal(readFileSync(path, 'utf8'), 'line two\n');
    t.equal(file.dropped, 1);
  },
);

t.test(
  'a pipe that nobody reads any more holds nobody up, and one that nobody reads yet cannot be opened',
  async (t) => {
    const path = join(t.testdir(), 'pipe');
    execFileSync('mkfifo', [path]);
    t.throws(() => openLineFile(path), { code: 'ENXIO' });
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const file = open(path, 100_000);
    const line = Buffer.from(`${'x'.repeat(999)}\n`);
    for (let i = 0; i < 1000; i++) file.write(Buffer.from(line));
    t.ok(file.dropped > 800 && file.dropped < 950, `${file.dropped} of 1,000 did not fit`);
    const dropped = file.dropped;
    let read = 0;
    const buffer = Buffer.alloc(1 << 16);
    await until('all that fitted has come', () => {
      try {
        read += readSync(reader, buffer);
      } catch {
        // Nothing there yet.
      }
      return read === (1000 - dropped) * 1000;
    });
    closeSync(reader);
    await file.close(1000);
    t.equal(file.dropped, dropped);
  },
);

t.test('what is given up counts as dropped, whatever of it was waiting', async (t) => {
  const path = join(t.testdir(), 'log');
  symlinkSync('/dev/full', path);
  const file = open(path);
  for (let i = 0; i < 7; i++) file.write(Buffer.from('a line\n'));
  await file.close(50);
  t.equal(file.dropped, 7);
  file.write(Buffer.from('late\n'));
  t.equal(file.dropped, 8);
  writeFileSync(join(t.testdir(), 'x'), '');
});
