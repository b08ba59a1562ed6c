// `limpet demo`: three sample apps with logins behind a proxy, and keys to kill, hang and revive them.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startControl } from '../demo/control.ts';
import { MEMBER_COOKIE } from '../demo/members.ts';
import { freePort, Stage } from '../demo/stage.ts';
import { tryBind } from '../process/binding.ts';
import type { CommandIo } from './command-io.ts';

export const HELP = `limpet demo [--port 8080] [--admin-port 9090]

Three sample apps that keep logins in memory, behind a proxy that keeps every user on one of them.
Open the page, log in, then kill or hang apps by its buttons or by keys.

      --port PORT        of the proxy and its page; default 8080
      --admin-port PORT  of the admin API; default 9090

Exit code: 0 ended, 2 a port cannot be bound.
`;

const MAIN = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url),
);

/** Runs the command; resolves to the exit code when the demo has ended. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      port: { type: 'string' },
      'admin-port': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const port = readPort(values.port ?? '8080');
  const adminPort = readPort(values['admin-port'] ?? '9090');
  if (port === null || adminPort === null) {
    io.stderr('limpet demo: a port is a whole number from 1 to 65535\n');
    return 1;
  }
  for (const [flag, wanted] of [
    ['--port', port],
    ['--admin-port', adminPort],
  ] as const) {
    const trial = await tryBind({ kind: 'tcp', host: '127.0.0.1', port: wanted });
    if (trial.ok) continue;
    const holder = trial.holder === null ? '' : ` by ${trial.holder}`;
    io.stderr(
      `limpet demo: port ${wanted} is in use${holder}\n  would be right: limpet demo ${flag} ANOTHER\n`,
    );
    return 2;
  }
  return play(port, adminPort, io);
}

function readPort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : null;
}

async function play(port: number, adminPort: number, io: CommandIo): Promise<number> {
  const stage = new Stage();
  const folder = mkdtempSync(join(tmpdir(), 'limpet-demo-'));
  let proxy: ChildProcess | null = null;
  const ended = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(0));
    readKeys(stage, () => resolve(0));
  });
  try {
    await stage.open();
    const controlPort = await freePort();
    const control = await startControl(stage, controlPort, `http://127.0.0.1:${adminPort}`);
    const config = join(folder, 'demo.yaml');
    writeFileSync(config, configText(stage, port, adminPort, controlPort), { mode: 0o600 });
    const child = spawn(process.execPath, [...process.execArgv, MAIN, 'run', '-c', config], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    proxy = child;
    const died = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
    const ready = await Promise.race([isReady(child, io), died]);
    if (ready === true) {
      io.stdout(invitation(port, adminPort));
      await Promise.race([ended, died]);
    }
    control.closeAllConnections();
    control.close();
    child.kill('SIGTERM');
    const code = await died;
    return ready === true ? 0 : code;
  } finally {
    proxy?.kill('SIGKILL');
    stage.close();
    rmSync(folder, { recursive: true, force: true });
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
  }
}

/** True once the proxy's ready line came; everything else it says on stderr is passed on. */
function isReady(child: ChildProcess, io: CommandIo): Promise<true> {
  return new Promise((resolve) => {
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => {
      if (text.includes('limpet: listening on')) resolve(true);
      else io.stderr(text);
    });
  });
}

function configText(stage: Stage, port: number, adminPort: number, controlPort: number): string {
  const upstreams = stage.apps.map(
    ({ name, port: at }) => `      - { name: ${name}, url: http://127.0.0.1:${at} }`,
  );
  return `listen: 127.0.0.1:${port}
admin: { bind: 127.0.0.1:${adminPort} }
log: { level: info, access: false }
shutdown: { deadline: 1s }
routes:
  - { path: /, pool: apps }
  - { path: /members, pool: apps, affinity: false, session: members }
  - { path: /_demo, pool: control, affinity: false }
sessions:
  members:
    verify: { signed-cookie: { content: base64-json } }
    cookie: ${MEMBER_COOKIE}
    secrets: [${stage.memberSecret}]
    exempt: [= /members/, = /members/page.js, = /members/login, = /members/logout]
pools:
  apps:
    upstreams:
${upstreams.join('\n')}
    affinity: { cookie: { secrets: [${randomBytes(24).toString('hex')}] } }
    health: { active: { path: /health, interval: 1s, timeout: 500ms } }
  control:
    upstreams: [{ name: control, url: http://127.0.0.1:${controlPort} }]
`;
}

function invitation(port: number, adminPort: number): string {
  return `
  The page    http://127.0.0.1:${port}/      log in, then do harm with its buttons
  Sessions    http://127.0.0.1:${port}/members/   logins checked at the edge, and the switch that ends them
  Dashboard   http://127.0.0.1:${adminPort}/     what an operator sees of it, live
  The state   http://127.0.0.1:${adminPort}/api/v1/upstreams

  Keys        1 2 3  kill an app      4 5 6  hang an app      r  revive all      q  end
  Try         log in, kill the two apps that do not answer you: nothing changes for you.
              Then kill your own: no request fails, the login is lost with the app's memory.

`;
}

/** Keys of the terminal, where there is one. */
function readKeys(stage: Stage, quit: () => void): void {
  if (!process.stdin.isTTY) return;
  process.stdin.setRawMode(true);
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (keys: string) => {
    for (const key of keys) {
      const killed = stage.apps['123'.indexOf(key)];
      const hung = stage.apps['456'.indexOf(key)];
      if (killed !== undefined) stage.kill(killed);
      else if (hung !== undefined) stage.hang(hung);
      else if (key === 'r') stage.reviveAll().catch(() => {});
      else if (key === 'q' || key === '\u0003') quit();
    }
  });
}
