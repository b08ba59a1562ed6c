// Promise: a successor that does not serve changes nothing, one that does takes over everything that it can.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { giveOrder, type ReplaceOrder } from '../../src/process/control-socket.ts';
import { descriptorOf } from '../../src/socket/handle-io.ts';
import { Child, type Owner } from '../kit/child.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { startNamedApp } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const folderFor = (owner: Owner): string => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-over-'));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Asks, and gets the body and the affinity cookie. */
function ask(
  to: { readonly port: number } | { readonly socketPath: string },
  cookie = '',
): Promise<{ body: string; cookie: string }> {
  return new Promise((resolve, reject) => {
    const headers = cookie === '' ? {} : { cookie };
    const asked = request({ ...to, host: '127.0.0.1', path: '/', agent: false, headers }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      answer.on('end', () => {
        const set = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
        resolve({ body, cookie: set });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function waitFor(what: string, holds: () => boolean): Promise<void> {
  const untilMs = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test('a process and those that would follow it', { timeout: 300_000 }, async (t) => {
  const folder = folderFor(t);
  const apps = [await startNamedApp('a', t), await startNamedApp('b', t)];
  const [port, adminPort, takenPort] = [await freePort(), await freePort(), await freePort()];
  const socketPath = join(folder, 'web.sock');
  const file = join(folder, 'limpet.yaml');
  const control = join(folder, 'control');
  const pidFile = join(folder, 'pid');
  const config = (more: object[] = [], extra: object = {}): string =>
    JSON.stringify({
      listeners: [{ bind: `127.0.0.1:${port}` }, { bind: `unix:${socketPath}` }, ...more],
      workers: 2,
      upstreams: apps.map(({ url }) => url),
      affinity: { cookie: {} },
      health: { suspicion: false },
      admin: { bind: `127.0.0.1:${adminPort}` },
      log: { access: false },
      shutdown: { deadline: '2s' },
      ...extra,
    });
  writeFileSync(file, config());
  const args = [main, 'run', '-c', file, '--control', control, '--pid-file', pidFile];
  const replace = async (): Promise<{ code: number | string; said: string }> => {
    const command = new Child(pinnedNode, [...args, '--replace'], { owner: t });
    return { code: await command.exit(), said: command.stderr() };
  };

  const early = await replace();
  t.equal(early.code, 1);
  t.match(early.said, /no Limpet that could be replaced listens on .*control/, 'there is none yet');

  const first = new Child(pinnedNode, args, { owner: t, group: true });
  await first.wrote(/^limpet: listening on .*$/m, 60_000);
  const home = await ask({ port });
  const pid = readFileSync(pidFile, 'utf8');
  const order = (command: string[]): ReplaceOrder => ({ order: 'replace', command, cwd: folder, env: {} });

  t.match(
    await giveOrder(control, order(['/bin/false']), () => {}),
    { news: 'refused', why: /ended before it served \(exit code 1\)/ },
    'a program that fails',
  );
  t.match(
    await giveOrder(control, order([join(folder, 'nothing')]), () => {}),
    { news: 'refused', why: /could not be started/ },
    'none at all',
  );
  for (const [what, wrong] of [
    ['an environment that the system does not take', { env: { LONG: 'x'.repeat(200_000) } }],
    ['a folder that is none', { cwd: file }],
    ['a word that nobody can be told', { command: ['/bin/true', 'a\0b'] }],
  ] as const)
    t.match(
      await giveOrder(control, { ...order(['/bin/true']), ...wrong }, () => {}),
      { news: 'refused', why: /could not be started: E/ },
      what,
    );
  t.match(await giveOrder(control, { order: 'other' } as never, () => {}), { why: /not known/ });
  writeFileSync(file, config([], { workerz: 2 }));
  const wrong = await replace();
  t.equal(wrong.code, 1);
  t.match(wrong.said, /unknown key "workerz"/, 'a config that is not sound starts nothing');
  const holder = createServer().listen(takenPort, '127.0.0.1');
  t.teardown(() => holder.close());
  writeFileSync(file, config([{ bind: `127.0.0.1:${takenPort}` }]));
  const taken = await replace();
  t.equal(taken.code, 1);
  t.match(
    taken.said,
    new RegExp(`not replaced: cannot listen on .*:${takenPort}: it is in use`),
    'nor an address in use',
  );
  t.equal(readFileSync(pidFile, 'utf8'), pid, 'and the old one serves on');
  t.equal((await ask({ port }, home.cookie)).body, home.body);

  writeFileSync(file, config([], { workers: 1 }));
  const done = await replace();
  t.equal(done.code, 0, done.said);
  t.not(readFileSync(pidFile, 'utf8'), pid);
  for (let i = 0; i < 4; i++)
    t.equal(
      (await ask({ port }, home.cookie)).body,
      home.body,
      'a user keeps his home, though no secret is written',
    );
  t.equal((await ask({ socketPath }, home.cookie)).body, home.body, 'the unix socket too');
  await waitFor('the end of the old', () => !existsSync(`/proc/${pid.trim()}/fd/0`));
  t.equal((await ask({ socketPath }, home.cookie)).body, home.body, 'which outlives the old process');
  t.equal((await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status, 200);
  t.ok(existsSync(control), 'and it can be replaced in its turn');
  const last = Number(readFileSync(pidFile, 'utf8'));
  process.kill(last, 'SIGTERM');
  await waitFor('the end of the new', () => !existsSync(`/proc/${last}/fd/0`));
  t.same([socketPath, control, pidFile].filter(existsSync), [], 'no file is left behind');
});

t.test('sockets of systemd are used, and it is told', { timeout: 120_000 }, async (t) => {
  const folder = folderFor(t);
  // Stands in for systemd's own: it keeps what it was to send.
  const sent = join(folder, 'sent');
  const notify = join(folder, 'systemd-notify');
  writeFileSync(notify, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${sent}\n`);
  chmodSync(notify, 0o755);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as { port: number }).port; // it listens on TCP
  const file = join(folder, 'limpet.yaml');
  writeFileSync(
    file,
    JSON.stringify({
      listeners: [{ bind: `127.0.0.1:${port}` }],
      workers: 2,
      routes: [{ path: '/', respond: { status: 200, body: 'socket' } }],
      admin: false,
    }),
  );
  // The variables name the process that is to take the sockets: the shell that becomes it.
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" "$@"';
  const { spawn } = await import('node:child_process');
  const child = spawn(
    '/bin/sh',
    ['-c', script, pinnedNode, main, 'run', '-c', file, '--control', join(folder, 'control')],
    {
      stdio: ['ignore', 'pipe', 'pipe', descriptorOf(server)],
      env: { ...process.env, NOTIFY_SOCKET: '/run/notify', PATH: `${folder}:${process.env.PATH}` },
    },
  );
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  await waitFor('readiness', () => /^limpet: listening on .*$/m.test(said) || child.exitCode !== null);
  t.match(said, /\(1 worker, /, 'one socket, one worker');
  t.match(said, /no more workers than sockets were handed down/);
  // From here on only that process listens on it.
  server.close();
  t.equal((await ask({ port })).body, 'socket');
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
  t.equal(child.exitCode, 0);
  await waitFor('the last word', () => readFileSync(sent, 'utf8').includes('STOPPING=1'));
  t.equal(readFileSync(sent, 'utf8'), `/run/notify READY=1 MAINPID=${child.pid}\n/run/notify STOPPING=1\n`);
});

t.test(
  'who has connected before a stop is served, though nobody had accepted him',
  { timeout: 120_000 },
  async (t) => {
    const folder = folderFor(t);
    const port = await freePort();
    const file = join(folder, 'limpet.yaml');
    writeFileSync(
      file,
      JSON.stringify({
        listeners: [{ bind: `127.0.0.1:${port}` }],
        workers: 2,
        routes: [{ path: '/', respond: { status: 200, body: 'late' } }],
        admin: false,
      }),
    );
    const args = [main, 'run', '-c', file, '--control', join(folder, 'control')];
    const limpet = new Child(pinnedNode, args, { owner: t });
    await limpet.wrote(/^limpet: listening on .*$/m, 60_000);
    // Stopped, it accepts nobody: the kernel connects them, and keeps them for it.
    limpet.process.kill('SIGSTOP');
    const clients = await Promise.all(Array.from({ length: 60 }, () => RawClient.open(port)));
    for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    limpet.process.kill('SIGTERM');
    limpet.process.kill('SIGCONT');
    const answers = await Promise.all(clients.map((client) => client.finalAnswer('GET', 20_000)));
    t.equal(answers.filter(({ body }) => body.toString() === 'late').length, 60);
    for (const client of clients) client.destroy();
    t.equal(await limpet.exit(), 0);
  },
);
