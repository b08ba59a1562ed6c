// The processes of one peer, which replace each other: all of them are known, and all of them end.
import type { ChildProcess } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { startProcess } from '../test/kit/load-process.ts';
import type { PeerTask } from './peers.ts';

/** What is waited for comes by then, ms. */
const WAIT_MS = 60_000;
const LOOK_MS = 5;

export class House {
  readonly #task: PeerTask;
  readonly #stdout: number;
  /** Leaders of process groups: what a child leaves behind is still of its group. */
  readonly #groups: number[] = [];
  readonly #sweep = (): void => {
    for (const pid of this.pids()) end(pid);
  };

  constructor(task: PeerTask, name: string) {
    this.#task = task;
    this.#stdout = openSync(join(task.dir, `${name}.out`), 'w');
    process.once('exit', this.#sweep);
  }

  /** Starts a process of it, on its core. */
  start(command: string, args: readonly string[]): ChildProcess {
    const { core, dir } = this.#task;
    const child = startProcess(command, args, { core, cwd: dir, stdout: this.#stdout });
    if (child.pid !== undefined) this.#groups.push(child.pid);
    return child;
  }

  /** Takes in a daemon, which leads a group of its own. */
  adopt(pid: number): void {
    this.#groups.push(pid);
  }

  /** All of its processes that have not ended. */
  pids(): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && this.#groups.includes(groupOf(pid)));
  }

  async stop(): Promise<void> {
    process.off('exit', this.#sweep);
    this.#sweep();
    await this.until('its end', () => this.pids().length === 0);
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + WAIT_MS;
    while (!(await holds())) {
      if (performance.now() > endMs) throw new Error(`not in ${WAIT_MS / 1000} s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Until a new connection is served by the config of that round. */
  untilServed(port: number, round: number): Promise<void> {
    return this.until(`round ${round}`, async () => (await roundAt(port)) === String(round));
  }
}

/** What GET /round says on a new connection; '' where nothing is said. */
export function roundAt(port: number): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/round', agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve(text.trim()));
      response.on('error', () => resolve(''));
    });
    request.on('error', () => resolve(''));
  });
}

/** The process group of `pid`; 0 where it has ended. Field 5 of proc(5) stat, counted after the parenthesised name, which may hold spaces. */
function groupOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 0 : Number(fields[2]);
  } catch {
    return 0;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was gone already.
  }
}
