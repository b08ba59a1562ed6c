// Child processes of load tests and benchmarks: started on a given core, and gone again whatever happens to us.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import net from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The Node that the repository pins, whatever Node runs us. */
export const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

/** All children that may still be alive. */
const alive = new Set<ChildProcess>();
let watching = false;

/** True where processes can be bound to cores and there are two of them. */
export const canPin = ((): boolean => {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return availableParallelism() >= 2;
  } catch {
    return false;
  }
})();

/** True where the kernel can be asked to end a child with its parent. */
const canTie = ((): boolean => {
  try {
    return execFileSync('setpriv', ['--help'], { encoding: 'utf8' }).includes('--pdeathsig');
  } catch {
    return false;
  }
})();

export interface StartOptions {
  /** The core it may use; null: any. */
  readonly core: number | null;
  /** With a message channel (Node's own processes only). */
  readonly ipc?: boolean;
  /** A descriptor that its standard output goes to; else nowhere. */
  readonly stdout?: number;
  readonly cwd?: string;
}

/** Starts `command`; its standard error is a pipe. It ends with us, also when we are killed (util-linux's setpriv). */
export function startProcess(command: string, args: readonly string[], options: StartOptions): ChildProcess {
  const words = [command, ...args];
  if (canTie) words.unshift('setpriv', '--pdeathsig', 'KILL', '--');
  if (canPin && options.core !== null) words.unshift('taskset', '-c', String(options.core));
  watch();
  const child = spawn(words[0]!, words.slice(1), {
    stdio: ['ignore', options.stdout ?? 'ignore', 'pipe', ...(options.ipc ? (['ipc'] as const) : [])],
    // Its own group, so that a child's children can be reached too, and Ctrl-C reaches us alone.
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  child.once('error', () => alive.delete(child));
  return child;
}

/** Kills `child` and its group and waits until it is gone. */
export function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
    return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    killGroup(child);
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It was gone already.
  }
}

function watch(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const child of alive) killGroup(child);
  });
  // The exit listener does the work; without these two lines a signal would end us without it.
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}

/** Resolves with the next message of `child`; rejects, with what it said on standard error, if it ends before. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      if (said.length < 4000) said += chunk.toString();
    };
    const settle = (): void => {
      child.stderr?.off('data', hear);
      child.off('message', got);
      child.off('exit', ended);
      child.off('error', failed);
    };
    const got = (message: unknown): void => {
      settle();
      resolve(message as T);
    };
    const ended = (code: number | null): void => {
      settle();
      reject(new Error(`ended with ${code}: ${said}`));
    };
    const failed = (error: Error): void => {
      settle();
      reject(error);
    };
    child.stderr?.on('data', hear);
    child.on('message', got);
    child.on('exit', ended);
    child.on('error', failed);
  });
}

/** Resolves once `child` has written `text` on standard error; rejects if it ends before, or after `timeoutMs`. */
export function saysOnStderr(child: ChildProcess, text: string, timeoutMs = 20_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`not ready in ${timeoutMs} ms: ${said}`)), timeoutMs);
    child.stderr?.on('data', (chunk: Buffer) => {
      if (said.length < 65536) said += chunk.toString();
      if (!said.includes(text)) return;
      clearTimeout(timer);
      resolve(said);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code}: ${said}`));
    });
  });
}

/** Resolves once something accepts connections on `port`; rejects after `timeoutMs`, or when `child` ends before. */
export async function accepts(port: number, child: ChildProcess, timeoutMs = 10_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (said.length < 4000) said += chunk.toString();
  });
  while (!(await connects(port))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > endMs)
      throw new Error(`nothing accepts on port ${port}: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
