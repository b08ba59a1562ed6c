// Promise: what happens while a successor starts is lost by nobody: reloads, other orders to be replaced, and a config that is not sound.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { giveOrder, type OrderNews, type ReplaceOrder } from '../../src/process/control-socket.ts';
import { Child, lives } from '../kit/child.ts';
import { limpetMain, pinnedNode } from '../kit/limpet.ts';
import { askPath, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-meanwhile-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'limpet.yaml');
const control = join(folder, 'control');
const pidFile = join(folder, 'pid');
const args = [limpetMain, 'run', '-c', file, '--control', control, '--pid-file', pidFile];
const pidNow = (): number => Number(readFileSync(pidFile, 'utf8'));

/** That says `body`, on these listeners. */
function write(body: string, binds: readonly string[], more: object = {}): void {
  const config = {
    listeners: binds.map((bind) => ({ bind })),
    workers: 2,
    routes: [{ path: '/', respond: { body } }],
    admin: false,
    shutdown: { deadline: '2s' },
    ...more,
  };
  writeFileSync(file, JSON.stringify(config));
}

const env = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
);
const order = (command: readonly string[] = [pinnedNode, ...args]): ReplaceOrder => ({
  order: 'replace',
  command,
  cwd: folder,
  env,
});

/** Asks on and on, on connections of their own; `stop` tells what failed. */
function askOn(port: number): { stop(): Promise<{ answered: number; failed: string[] }> } {
  let asking = true;
  let answered = 0;
  const failed: string[] = [];
  const rounds = Array.from({ length: 2 }, async () => {
    while (asking) {
      try {
        const { status } = await askPath(port, '/');
        if (status === 200) answered++;
        else failed.push(String(status));
      } catch (error) {
        failed.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  return {
    stop: async () => {
      asking = false;
      await Promise.all(rounds);
      return { answered, failed };
    },
  };
}

async function start(owner: { teardown(run: () => unknown): void }): Promise<Child> {
  // Successors are of its group, and go with it at the end.
  const child = new Child(pinnedNode, args, { owner, group: true });
  await child.wrote(/^limpet: listening on .*$/m, 60_000);
  return child;
}

async function end(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  await until('its end', () => !lives(pid));
}

t.test('reloads and orders while a successor starts', { timeout: 300_000 }, async (t) => {
  const [port, leaving, coming] = [await freePort(), await freePort(), await freePort()];
  const web = `127.0.0.1:${port}`;
  write('first', [web, `127.0.0.1:${leaving}`]);
  const child = await start(t);
  const body = async (at = port): Promise<string> => (await askPath(at, '/')).body;
  const traffic = askOn(port);

  await t.test(
    'a successor whose config is not sound, though it was a moment ago, changes nothing',
    async (t) => {
      const pid = pidNow();
      const bad = join(folder, 'bad.yaml');
      writeFileSync(bad, '{}');
      const command = [pinnedNode, limpetMain, 'run', '-c', bad, '--control', control];
      const said: OrderNews[] = [];
      const last = await giveOrder(control, order(command), (news) => said.push(news));
      t.match(last, { news: 'refused', why: 'the config is not sound' });
      t.equal(said[0]?.news, 'started', 'it came as far as reading it');
      t.match(child.stderr(), /bad\.yaml:1:1: error: there is nothing to listen on/, 'and its log says why');
      t.equal(pidNow(), pid);
      t.equal(await body(), 'first');
    },
  );

  await t.test('a reload while one starts in vain is carried out in the end', async (t) => {
    // A successor that takes its time, and then fails.
    const gate = join(folder, 'gate');
    const script = `while [ ! -e ${gate} ]; do sleep 0.05; done; exit 1`;
    const over = giveOrder(control, order(['/bin/sh', '-c', script]), () => {});
    await until('it starts', () => /a successor was started/.test(child.stdout()));
    t.match(
      await giveOrder(control, order(), () => {}),
      { news: 'refused', why: 'it is being replaced already' },
      'another order finds it at that',
    );
    write('second', [web, `127.0.0.1:${leaving}`]);
    await child.kill('SIGHUP');
    t.equal(await body(), 'first', 'not while it is not known who serves');
    writeFileSync(gate, '');
    t.match(await over, { news: 'refused', why: /ended before it served/ });
    await until('the reload', async () => (await body()) === 'second');
  });

  await t.test('a reload after the successor has read its config reaches the successor', async (t) => {
    const old = pidNow();
    // It tells of the socket that it has no listener for once it has read this.
    write('third', [web]);
    const over = giveOrder(control, order(), () => {});
    await until('it has read', () => /a socket was handed down that no listener is for/.test(child.stdout()));
    write('fourth', [web]);
    await child.kill('SIGHUP');
    const last = await over;
    t.equal(last?.news, 'done', JSON.stringify(last));
    t.not(pidNow(), old);
    await until('the reload', async () => (await body()) === 'fourth');
    await until('the end of the old', () => !lives(old));
    t.equal(await body(), 'fourth');
  });

  await t.test('a successor that is ordered in the middle of a reload has what that made', async (t) => {
    const old = pidNow();
    write('fifth', [web, `127.0.0.1:${coming}`]);
    process.kill(old, 'SIGHUP');
    const last = await giveOrder(control, order(), () => {});
    t.equal(last?.news, 'done', JSON.stringify(last));
    t.equal(await body(), 'fifth');
    t.equal(await body(coming), 'fifth', 'the new listener too');
    await until('the end of the old', () => !lives(old));
    t.equal(await body(coming), 'fifth');
  });

  await t.test('of two commands at the same time none does harm, and one at least succeeds', async (t) => {
    const old = pidNow();
    const commands = [0, 1].map(() => new Child(pinnedNode, [...args, '--replace'], { owner: t }));
    const codes = await Promise.all(commands.map((command) => command.exit()));
    t.ok(codes.includes(0), commands.map((command) => command.stderr()).join('\n'));
    for (const [at, code] of codes.entries()) {
      if (code === 0) continue;
      // Who came late found it stopping, or nobody between the two.
      t.match(
        commands[at]!.stderr(),
        /not replaced: it is (being replaced already|stopping)|went away before|no Limpet/,
      );
    }
    t.not(pidNow(), old);
    await until('the end of the old', () => !lives(old));
    t.equal(await body(), 'fifth');
  });

  const { answered, failed } = await traffic.stop();
  t.same(failed, [], 'and whoever asked meanwhile was answered');
  t.ok(answered > 100, `${answered} answers`);
  await end(pidNow());
});

/** Ports of 127.0.0.1 that the process listens on. */
function portsOf(pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    }),
  );
  const ports = new Set<number>();
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    // Local address, state 0A (LISTEN), inode: proc_pid_net(5).
    if (columns[3] === '0A' && inodes.has(`socket:[${columns[9]}]`))
      ports.add(Number.parseInt(columns[1]!.split(':')[1]!, 16));
  }
  return [...ports].sort((a, b) => a - b);
}

t.test(
  'ports that were any stay with the successor, and over reloads',
  { timeout: 300_000, skip: existsSync('/proc/net/tcp') ? false : 'this system does not show who listens' },
  async (t) => {
    const any = '127.0.0.1:0';
    const config = (body: string) => write(body, [any, any], { admin: { bind: any, probes: any } });
    config('any');
    const child = await start(t);
    const pid = pidNow();
    const ports = portsOf(pid);
    t.equal(ports.length, 4, 'two listeners, the admin side and the probes');
    const listeners = [...child.stderr().matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)].map((found) =>
      Number(found[1]),
    );
    t.equal(new Set(listeners).size, 2);
    const traffic = askOn(listeners[0]!);
    config('other');
    await child.kill('SIGHUP');
    for (const port of listeners)
      await until('the reload', async () => (await askPath(port, '/')).body === 'other');
    t.same(portsOf(pid), ports, 'over a reload');
    const command = new Child(pinnedNode, [...args, '--replace'], { owner: t });
    t.equal(await command.exit(), 0, command.stderr());
    await until('the end of the old', () => !lives(pid));
    t.same(portsOf(pidNow()), ports, 'with the successor');
    for (const port of listeners) t.equal((await askPath(port, '/')).body, 'other');
    t.match(command.stderr(), `http://127.0.0.1:${listeners[0]}, http://127.0.0.1:${listeners[1]} (`);
    const { failed } = await traffic.stop();
    t.same(failed, []);
    await end(pidNow());
  },
);
