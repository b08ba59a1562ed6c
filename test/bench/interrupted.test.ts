// The bench ends whatever it started when it is ended early, and says what it needs and does not have.
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Child, lives } from '../kit/child.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const BENCH = path('bench/main.ts');
const folder = mkdtempSync(join(tmpdir(), 'limpet-test-bench-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

function bench(owner: { teardown(run: () => unknown): void }, ...args: string[]): Child {
  return new Child(pinnedNode, [BENCH, ...args], { owner, env: { TMPDIR: folder } });
}

/** What `pid` has started, and what that has. */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const each of readdirSync('/proc').map(Number)) {
    if (!(each > 0)) continue;
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/status`, 'latin1'))![1]);
      children.set(parent, [...(children.get(parent) ?? []), each]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [...(children.get(pid) ?? [])];
  for (const each of found) found.push(...(children.get(each) ?? []));
  return found;
}

/** Ports on which one of `pids` listens; proc_net_tcp(5). */
function portsOf(pids: readonly number[]): number[] {
  const inodes = new Set<string>();
  for (const pid of pids) {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined) inodes.add(inode);
      } catch {
        // Closed meanwhile.
      }
    }
  }
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[3] === '0A' && inodes.has(words[9]!))
    .map((words) => Number.parseInt(words[1]!.split(':')[1]!, 16));
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

t.test('Ctrl-C ends every process and frees every port, and that is said', async (t) => {
  const child = bench(t, 'small', '--peers', `http-proxy,mine=${path('src/main.ts')}`, '--quick');
  let started: number[] = [];
  let ports: number[] = [];
  await until('peers, upstreams and load are there', () => {
    if (child.gone) throw new Error(child.stderr());
    try {
      started = descendants(child.pid);
      ports = portsOf(started);
    } catch {
      return false;
    }
    // Three upstreams, two proxies, and the admin side of one.
    return ports.length >= 6;
  });
  await child.kill('SIGINT');
  t.equal(await child.exit(), 130);
  t.match(child.stderr(), 'bench: ended early by SIGINT; what it started is ended, too');
  await until('all of them are gone', () => !started.some(lives));
  await until('all ports are free', async () => (await Promise.all(ports.map(isRefused))).every(Boolean));
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('limpet-bench-')),
    [],
    'nothing is left on disk',
  );
});

t.test('what is missing is said', async (t) => {
  const nothing = bench(t, 'small', '--peers', `mine=${join(folder, 'nowhere.js')}`, '--quick');
  t.equal(await nothing.exit(), 1);
  t.match(nothing.stdout(), /^mine is left out: no .*nowhere\.js; npm run build makes dist\/main\.js$/m);
  t.match(nothing.stderr(), /^bench: no peer is left to be measured$/m);
  const unknown = bench(t, 'smal');
  t.equal(await unknown.exit(), 1);
  t.match(unknown.stderr(), /^bench: unknown scenario smal$/m);
});
