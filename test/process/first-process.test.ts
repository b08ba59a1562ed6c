// Promise: what ends a container with it is not replaced, says so, and serves on: process 1, and what a container's init started.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Child } from '../kit/child.ts';
import { limpetMain, pinnedNode } from '../kit/limpet.ts';
import { askPath } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

// Whoever is not root may still be it in a user namespace of its own, where the system allows that.
const SPACES = [
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  ...['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
];
const probe = spawnSync('unshare', [...SPACES, 'true'], { encoding: 'utf8' });
const skip = probe.status === 0 ? false : `unshare: ${probe.error?.message ?? probe.stderr.trim()}`;

const folder = mkdtempSync(join(tmpdir(), 'limpet-first-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
// A script's process is called as its file is.
const init = join(folder, 'tini');
writeFileSync(init, '#!/bin/sh\n"$@" &\nwait\n');
chmodSync(init, 0o755);

for (const [what, before, why] of [
  [
    'process 1',
    [],
    /not replaced: it is process 1 of a container, which ends with it: start another container/,
  ],
  [
    'a child of tini',
    [init],
    /not replaced: tini ends the container with the process that it started: start another/,
  ],
] as const)
  t.test(`${what} is not replaced, and serves on`, { skip, timeout: 200_000 }, async (t) => {
    const port = await freePort();
    const file = join(folder, `${port}.yaml`);
    const routes = [{ path: '/', respond: { body: 'first' } }];
    writeFileSync(file, JSON.stringify({ listen: `127.0.0.1:${port}`, workers: 1, routes, admin: false }));
    const args = [limpetMain, 'run', '-c', file, '--control', join(folder, `${port}.sock`)];
    const first = new Child('unshare', [...SPACES, ...before, pinnedNode, ...args], { owner: t });
    await first.wrote(/^limpet: listening on .*$/m, 60_000);
    const command = new Child(pinnedNode, [...args, '--replace'], { owner: t });
    t.equal(await command.exit(), 1);
    t.match(command.stderr(), why);
    t.equal((await askPath(port, '/')).body, 'first');
    t.notMatch(first.stdout(), /a successor was started/);
  });
