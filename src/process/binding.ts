// Learns before the workers bind whether every listener's address is free, who holds it if not, and whether ports can be shared.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { basename } from 'node:path';
import type { Bind } from '../config/config.ts';

/** What came of trying one address. */
export type BindTrial =
  | { readonly ok: true; readonly port: number }
  | { readonly ok: false; readonly code: string; readonly holder: string | null };

/** Binds `bind` plainly, to learn that it is free, and closes it again. A second `reusePort` listener would succeed silently. */
export async function tryBind(bind: Bind): Promise<BindTrial> {
  if (bind.kind === 'unix') return tryUnix(bind.path);
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? 'ERROR';
      resolve({ ok: false, code, holder: code === 'EADDRINUSE' ? holderOf(bind.port) : null });
    });
    server.listen({ host: bind.host, port: bind.port }, () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : bind.port;
      server.close(() => resolve({ ok: true, port }));
    });
  });
}

/** A socket file that nobody answers on was left behind by a process that died: it is taken away. */
function tryUnix(path: string): Promise<BindTrial> {
  if (!existsSync(path)) return Promise.resolve({ ok: true, port: 0 });
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ ok: false, code: 'EADDRINUSE', holder: null });
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED') {
        resolve({ ok: false, code: error.code ?? 'ERROR', holder: null });
        return;
      }
      rmSync(path, { force: true });
      resolve({ ok: true, port: 0 });
    });
  });
}

/** Whether this machine lets several sockets listen on one port together (`reusePort`): tried, not guessed. */
export function canSharePorts(): Promise<boolean> {
  return new Promise((resolve) => {
    const first = createServer();
    const second = createServer();
    const done = (can: boolean): void => {
      first.close();
      second.close();
      resolve(can);
    };
    first.once('error', () => done(false));
    second.once('error', () => done(false));
    first.listen({ host: '127.0.0.1', port: 0, reusePort: true }, () => {
      const address = first.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      second.listen({ host: '127.0.0.1', port, reusePort: true }, () => done(true));
    });
  });
}

/** `name (pid 123)` of the process that listens on a TCP port, or null where that cannot be seen; of a script, its own name too. Linux only. */
function holderOf(port: number): string | null {
  const pid = listenerOf(port);
  if (pid === null) return null;
  try {
    // What a Node calls itself there, `node-MainThread`, tells nobody which one it is.
    const [program = '', script = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    const own = /^(?:node|python|ruby|php|perl)/.test(basename(program)) && /^[\w./@+-]+$/.test(script);
    return `${own ? `${basename(program)} ${basename(script)}` : name} (pid ${pid})`;
  } catch {
    // It ended meanwhile.
    return null;
  }
}

/** Id of a process that listens on a TCP port, or null where there is none or it cannot be seen. Linux only. */
export function listenerOf(port: number): number | null {
  try {
    const inodes = new Set<string>();
    for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
      if (!existsSync(file)) continue;
      for (const line of readFileSync(file, 'utf8').split('\n').slice(1)) {
        const columns = line.trim().split(/\s+/);
        // local address, state 0A (LISTEN), inode: Documentation/networking/proc_net_tcp of the kernel.
        if (columns[3] !== '0A' || Number.parseInt(columns[1]?.split(':')[1] ?? '', 16) !== port) continue;
        inodes.add(`socket:[${columns[9]}]`);
      }
    }
    const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && holdsOne(name, inodes));
    return pid === undefined ? null : Number(pid);
  } catch {
    // What may not be looked at is not told.
    return null;
  }
}

function holdsOne(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return false;
  }
}

/** An address as people write it; `secure`: it is spoken to by TLS. */
export function urlOf(bind: Bind, secure = false): string {
  if (bind.kind === 'unix') return `unix:${bind.path}`;
  return `${secure ? 'https' : 'http'}://${bind.host.includes(':') ? `[${bind.host}]` : bind.host}:${bind.port}`;
}
