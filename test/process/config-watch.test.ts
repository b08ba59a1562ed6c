// A changed file is taken up when it lies still, whatever the way it was changed, and once.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import { configLoader } from '../../src/config/load.ts';
import { ConfigWatch } from '../../src/process/config-watch.ts';

const LOOK_MS = 500;

function watchOver(t: Test): { folder: string; file: string; watch: ConfigWatch; look: () => number } {
  const folder = t.testdir({ 'limpet.yaml': textOf(1), 'page.txt': 'one' });
  const file = join(folder, 'limpet.yaml');
  const clock = new HandClock();
  const timers = new HandTimers(clock);
  let changes = 0;
  const watch = new ConfigWatch({
    file,
    load: configLoader(file, {}),
    timers,
    onChange: () => {
      changes++;
      watch.load();
    },
  });
  watch.load();
  watch.on = true;
  t.teardown(() => {
    watch.on = false;
  });
  const look = (): number => {
    timers.advance(LOOK_MS);
    return changes;
  };
  return { folder, file, watch, look };
}

/** Configs of different lengths: two writes within one tick of the file system's clock must differ all the same. */
function textOf(version: number): string {
  return `listen: 8080\nroutes: [{ path: /, respond: { status: 200, body: ${'x'.repeat(version)} } }]\nerrors: { 404: page.txt }\n`;
}

t.test('a file that lies still is left alone', async (t) => {
  const { look } = watchOver(t);
  for (let i = 0; i < 5; i++) t.equal(look(), 0);
});

t.test('what is written in halves is taken up when nothing moves any more', async (t) => {
  const { file, look } = watchOver(t);
  writeFileSync(file, textOf(2).slice(0, 20));
  t.equal(look(), 0, 'it has just moved');
  writeFileSync(file, textOf(2));
  t.equal(look(), 0, 'and again');
  t.equal(look(), 1, 'it lies still');
  t.equal(look(), 1);
  t.equal(look(), 1, 'and is not taken up twice');
});

t.test('a file that is renamed over it, is away for a moment, or is reached by another link', async (t) => {
  const { folder, file, look } = watchOver(t);
  writeFileSync(`${file}~`, textOf(2));
  renameSync(`${file}~`, file);
  look();
  t.equal(look(), 1, 'renamed');
  renameSync(file, `${file}.old`);
  look();
  writeFileSync(file, textOf(3));
  t.equal(look(), 1);
  t.equal(look(), 2, 'away and back');
  for (const version of [4, 5]) {
    mkdirSync(join(folder, `v${version}`));
    writeFileSync(join(folder, `v${version}`, 'limpet.yaml'), textOf(version));
  }
  const link = (to: string, at: string): void => {
    symlinkSync(to, `${at}.new`);
    renameSync(`${at}.new`, at);
  };
  link('v4', join(folder, '..data'));
  link('..data/limpet.yaml', file);
  look();
  t.equal(look(), 3);
  link('v5', join(folder, '..data'));
  look();
  t.equal(look(), 4, 'as Kubernetes swaps the folder behind the file');
});

t.test('a page that it takes is watched too', async (t) => {
  const { folder, look } = watchOver(t);
  writeFileSync(join(folder, 'page.txt'), 'another page');
  look();
  t.equal(look(), 1);
});

t.test('what was loaded for another reason is no change', async (t) => {
  const { file, watch, look } = watchOver(t);
  writeFileSync(file, textOf(2));
  watch.load();
  look();
  t.equal(look(), 0);
});

t.test('switched off, nothing is looked at; switched on again, what changed meanwhile is', async (t) => {
  const { file, watch, look } = watchOver(t);
  watch.on = false;
  writeFileSync(file, textOf(2));
  look();
  t.equal(look(), 0);
  watch.on = true;
  look();
  t.equal(look(), 1);
});
