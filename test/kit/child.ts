// Child processes that never outlive the test that started them, however it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';

/** What a child belongs to: the test whose end kills it. Every tap test is one; the default is the file itself. */
export interface Owner {
  teardown(end: () => unknown): unknown;
}

export interface ChildOptions {
  readonly owner?: Owner;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** It has a process group of its own, and whatever it started is killed with it. */
  readonly group?: boolean;
  /** It reads what is given to `type`. */
  readonly reads?: boolean;
}

/** Longest that the threads of a stopped process take to stand still, ms. */
const STOPPING_MS = 2000;

const running = new Set<ChildProcess>();
/** Leaders of groups, some of which may have ended before the rest of theirs. */
const groups = new Set<number>();

/** A started program with all it wrote, and the ways to end it. */
export class Child {
  readonly process: ChildProcess;
  readonly name: string;
  #stdout = '';
  #stderr = '';
  #watchers = new Set<() => void>();
  #exited: Promise<number | NodeJS.Signals>;
  #group: boolean;
  gone = false;

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.name = `${command.split('/').at(-1)} ${args.join(' ')}`;
    this.#group = options.group ?? false;
    this.process = spawn(command, args, {
      stdio: [options.reads === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      detached: this.#group,
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    running.add(this.process);
    if (this.#group) groups.add(this.pid);
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#wake();
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    this.#exited = new Promise((resolve) => {
      const ended = (how: number | NodeJS.Signals): void => {
        this.gone = true;
        running.delete(this.process);
        this.#wake();
        resolve(how);
      };
      this.process.once('error', (error) => {
        this.#stderr += String(error);
        ended(127);
      });
      this.process.once('close', (code, signal) => ended(code ?? signal ?? 0));
    });
    (options.owner ?? t).teardown(() => this.kill('SIGKILL'));
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  /** Gives it a line to read; for those that were started to read. */
  type(line: string): void {
    this.process.stdin!.write(`${line}\n`);
  }

  stdout(): string {
    return this.#stdout;
  }

  stderr(): string {
    return this.#stderr;
  }

  /** The exit code, or the signal that ended it. */
  exit(): Promise<number | NodeJS.Signals> {
    return this.#exited;
  }

  /** Waits until what it wrote on either output matches; fails when it exits first or `ms` pass. Gives the match. */
  wrote(pattern: RegExp, ms = 15_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(this.#stderr) ?? pattern.exec(this.#stdout);
        if (found) settle(() => resolve(found));
        else if (this.gone) settle(() => reject(new Error(`${this.name} ended first:\n${this.#output()}`)));
      };
      const late = setTimeout(() => {
        settle(() =>
          reject(new Error(`${this.name} did not write ${pattern} in ${ms} ms:\n${this.#output()}`)),
        );
      }, ms);
      const settle = (end: () => void): void => {
        clearTimeout(late);
        this.#watchers.delete(look);
        end();
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Sends a signal, and for the ending ones waits until the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#group && signal === 'SIGKILL') {
      killGroup(this.pid);
      groups.delete(this.pid);
    }
    if (this.gone) return;
    this.process.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') await this.#exited;
    // Each thread stops when it gets to run next, and serves on until then.
    const endMs = performance.now() + STOPPING_MS;
    while (signal === 'SIGSTOP' && !hasStopped(this.pid) && performance.now() < endMs) await sleep(1);
  }

  #output(): string {
    return `${this.#stderr}${this.#stdout}`.slice(-4000);
  }

  #wake(): void {
    for (const look of this.#watchers) look();
  }
}

/** Whether every thread of the process stands still. */
function hasStopped(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) =>
      /^State:\s+[TZX]/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')),
    );
  } catch {
    // The process, or a thread of it, has ended.
    return !lives(pid);
  }
}

/** Whether there is a process `pid` that has not ended. */
export function lives(pid: number): boolean {
  try {
    // A process that has ended but whom nobody asked after is none any more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Those of the group outlive the one that began it, which is then gone already. */
function killGroup(leader: number): void {
  // What never started has none; and the group of 1 would be everybody.
  if (leader <= 1) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const leader of groups) killGroup(leader);
}

// A test file that is itself stopped (tap's timeout sends SIGTERM) takes its children with it.
process.once('exit', killAll);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}
