// Files of control sockets that killed processes left are swept at a start; what lives, is young or is anything else stays.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { sweepControlSockets } from '../../src/process/control-sweep.ts';
import { limpetMain, pinnedNode, startLimpet } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';

const LONG_AGO = new Date(Date.now() - 3_600_000);

function folderFor(owner: { teardown(run: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-sweep-'));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Leaves sockets as a process does that is killed. */
function leave(paths: readonly string[]): void {
  const script = `
    const paths = ${JSON.stringify(paths)};
    let left = paths.length;
    for (const path of paths)
      require('node:net').createServer().listen(path, () => { if (--left === 0) process.kill(process.pid, 'SIGKILL'); });`;
  const { signal } = spawnSync(pinnedNode, ['-e', script]);
  if (signal !== 'SIGKILL') throw new Error('it was to be killed');
}

const old = (path: string): void => utimesSync(path, LONG_AGO, LONG_AGO);

t.test('what nobody listens on goes, and nothing else', async (t) => {
  const folder = folderFor(t);
  const at = (name: string): string => join(folder, name);
  const stale = ['0123456789abcdef.sock', '.0zz9'];
  const young = 'aaaaaaaaaaaaaaaa.sock';
  const others = ['other.sock', '0123456789abcdef0.sock'];
  leave([...stale, young, ...others].map(at));
  for (const name of [...stale, ...others]) old(at(name));
  const living = 'bbbbbbbbbbbbbbbb.sock';
  const server = createServer((socket) => socket.end());
  await new Promise<void>((settle) => server.listen(at(living), settle));
  t.teardown(() => server.close());
  old(at(living));
  writeFileSync(at('cccccccccccccccc.sock'), 'no socket');
  old(at('cccccccccccccccc.sock'));
  symlinkSync(at(others[0]!), at('dddddddddddddddd.sock'));

  t.equal(await sweepControlSockets(folder), 2);
  t.same(
    readdirSync(folder).sort(),
    [young, living, 'cccccccccccccccc.sock', 'dddddddddddddddd.sock', ...others].sort(),
  );
  t.equal(await sweepControlSockets(folder), 0);
  t.equal(await sweepControlSockets(at('nowhere')), 0, 'nor is there anything to fail');
});

t.test('of very many some are looked at, and the next look goes on', async (t) => {
  const folder = folderFor(t);
  const names = Array.from({ length: 230 }, (_, i) => `${String(i).padStart(16, '0')}.sock`);
  leave(names.map((name) => join(folder, name)));
  for (const name of names) old(join(folder, name));
  t.equal(await sweepControlSockets(folder), 200);
  t.equal(await sweepControlSockets(folder), 30);
});

t.test('a start sweeps its own folder of control sockets, and no other', { timeout: 120_000 }, async (t) => {
  const [folder, chosen] = [folderFor(t), folderFor(t)];
  const own = join(folder, 'limpet');
  const env = { XDG_RUNTIME_DIR: folder };
  const start = (args: string[] = []) =>
    startLimpet({ routes: [{ path: '/', respond: { body: 'x' } }] }, { env, args, owner: t });
  const first = await start();
  await first.kill('SIGKILL');
  await first.exit();
  const [left] = readdirSync(own);
  t.match(left, /^[0-9a-f]{16}\.sock$/, `${limpetMain} leaves one where it is killed`);
  old(join(own, left!));
  leave([join(chosen, left!)]);
  old(join(chosen, left!));
  const second = await start();
  await until('it is swept', () => !readdirSync(own).includes(left!));
  t.equal(readdirSync(own).length, 1, 'its own is there');
  t.equal(await second.stop(), 0);
  t.same(readdirSync(own), []);
  const third = await start(['--control', join(chosen, 'control')]);
  t.equal(await third.stop(), 0);
  t.same(readdirSync(chosen), [left], 'in a folder that was chosen nothing is touched');
});
