// The unix socket by which a command reaches the Limpet that runs: only its own user gets there, since what it is told may start a program.
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { nameBeside, SocketFile } from '../socket/socket-file.ts';

/** Longest line: an environment may be large. */
const LINE_BYTES_MAX = 4 << 20;

/** What a command asks for: that this program takes over. */
export interface ReplaceOrder {
  readonly order: 'replace';
  /** The program with its arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What it is told, a line each; the last is `done` or `refused`. */
export type OrderNews =
  | { readonly news: 'started'; readonly pid: number }
  | { readonly news: 'done'; readonly pid: number; readonly oldPid: number; readonly line: string }
  | { readonly news: 'refused'; readonly why: string };

/** Where the Limpet that runs `configFile` listens for orders, unless it is told another path. The same file, as written, is the same Limpet. */
export function controlPath(configFile: string, env: NodeJS.ProcessEnv): string {
  const name = createHash('sha256').update(resolve(configFile)).digest('hex').slice(0, 16);
  const { XDG_RUNTIME_DIR: own } = env;
  const folder =
    own === undefined || own === ''
      ? join(tmpdir(), `limpet-${process.getuid?.() ?? 0}`)
      : join(own, 'limpet');
  return join(folder, `${name}.sock`);
}

/** Whether a file is called as `controlPath` calls them. */
export function isOwnName(name: string): boolean {
  return /^[0-9a-f]{16}\.sock$/.test(name);
}

/** Listens for orders. `carryOut` gets one order at a time and tells of it. Rejects with a sentence where nobody could reach it. */
export async function openControlSocket(
  path: string,
  carryOut: (order: ReplaceOrder, tell: (news: OrderNews) => void) => void,
): Promise<ControlSocket> {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  // Whoever can put files there could pose as Limpet, and be told secrets.
  const others = uid !== process.getuid?.() && uid !== 0;
  if (others || ((mode & 0o022) !== 0 && (mode & 0o1000) === 0))
    throw new Error(`others may write to ${folder}`);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    readLines(socket, (line) => {
      const order = asOrder(line);
      const tell = (news: OrderNews): void => {
        if (!socket.destroyed) socket.write(`${JSON.stringify(news)}\n`);
      };
      if (order === null) tell({ news: 'refused', why: 'this order is not known here' });
      else carryOut(order, tell);
    });
  });
  const bound = nameBeside(path);
  await new Promise<void>((settle, reject) => {
    server.once('error', reject);
    server.listen(bound, settle);
  });
  server.on('error', () => {});
  chmodSync(bound, 0o600);
  return new ControlSocket(server, SocketFile.place(bound, path));
}

export class ControlSocket {
  readonly #server: Server;
  readonly #file: SocketFile;

  constructor(server: Server, file: SocketFile) {
    this.#server = server;
    this.#file = file;
    server.unref();
  }

  /** No more orders; who was told something reads it to its end. The file goes, unless a successor's has taken its place. */
  close(): void {
    this.#file.remove();
    this.#server.close();
  }
}

/** Gives the order to the Limpet at `path`. Resolves to its last word; null where nobody listens there. */
export function giveOrder(
  path: string,
  order: ReplaceOrder,
  onNews: (news: OrderNews) => void,
): Promise<OrderNews | null> {
  const uid = lstatSync(path, { throwIfNoEntry: false })?.uid;
  if (uid === undefined) return Promise.resolve(null);
  // The order carries an environment with its secrets.
  if (uid !== process.getuid?.())
    return Promise.resolve({
      news: 'refused',
      why: `it runs as another user (uid ${uid}): order it as that one`,
    });
  return new Promise((settle) => {
    const socket = connect(path);
    let last: OrderNews | null = null;
    let connected = false;
    socket.once('connect', () => {
      connected = true;
      socket.write(`${JSON.stringify(order)}\n`);
    });
    readLines(socket, (line) => {
      last = line as OrderNews; // of the same build, or one that says so little that it fits
      onNews(last);
      if (last.news !== 'started') socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (last?.news === 'done' || last?.news === 'refused') settle(last);
      else if (connected) settle({ news: 'refused', why: 'it went away before it said how that ended' });
      else settle(null);
    });
  });
}

/** Calls `onLine` with each line that is JSON; a connection that sends anything else, or too much, is closed. */
function readLines(socket: Socket, onLine: (value: unknown) => void): void {
  let held = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    held += text;
    if (held.length > LINE_BYTES_MAX) {
      socket.destroy();
      return;
    }
    for (let at = held.indexOf('\n'); at >= 0; at = held.indexOf('\n')) {
      const line = held.slice(0, at);
      held = held.slice(at + 1);
      const value = parsed(line);
      if (value === undefined) {
        socket.destroy();
        return;
      }
      onLine(value);
    }
  });
}

/** Undefined: this is no JSON. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function asOrder(value: unknown): ReplaceOrder | null {
  if (typeof value !== 'object' || value === null) return null;
  const { order, command, cwd, env } = value as Partial<ReplaceOrder>;
  const known =
    order === 'replace' &&
    Array.isArray(command) &&
    command.length > 0 &&
    command.every((word) => typeof word === 'string') &&
    typeof cwd === 'string' &&
    typeof env === 'object' &&
    env !== null &&
    Object.values(env).every((text) => typeof text === 'string');
  return known ? { order, command, cwd, env } : null;
}
