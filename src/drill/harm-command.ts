// Runs a command of the user's, which does a harm or undoes one.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DrillError } from './drill-error.ts';
import type { Harm } from './harm-shape.ts';

/** Longest that a command may take. */
export const COMMAND_MS_MAX = 60_000;
/** What is shown of a failed command's words. */
const SAID_CHARS_MAX = 400;

/** The harm of `/bin/sh -c command`. It is over when the shell is; what it left in the background stays. */
export function runCommand(command: string, env: NodeJS.ProcessEnv): Harm {
  let running: ChildProcess | null = null;
  const end = (): void => {
    const pid = running?.pid;
    running = null;
    // The whole group, since a shell that is killed leaves its children.
    if (pid !== undefined) endGroup(pid);
  };
  return {
    instance: null,
    check: () => Promise.resolve(),
    async begin() {
      const { said, code } = await runProgram(['/bin/sh', '-c', command], env, (child) => {
        running = child;
      });
      running = null;
      if (code !== 0)
        throw new DrillError(
          `the command \`${command}\` ended with ${code}${said === '' ? '' : `: ${said}`}`,
        );
    },
    end() {
      end();
      return Promise.resolve('');
    },
    endNow: end,
  };
}

/** What came of a program: its exit code or signal, and what it wrote on stdout (the beginning) and stderr (the end). */
export interface Ran {
  readonly code: number | string;
  readonly said: string;
  readonly stdout: string;
}

/**
 * Runs a program in a process group of its own, for at most `COMMAND_MS_MAX`. Its output goes to files, since a server that it
 * starts in the background would hold a pipe open. `started` is given the child.
 */
export async function runProgram(
  argv: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  started: (child: ChildProcess) => void = () => {},
): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-drill-'));
  const files = ['stdout', 'stderr'].map((name) => join(folder, name));
  const [stdout, stderr] = files.map((file) => openSync(file, 'w', 0o600));
  try {
    const [program, ...args] = argv;
    const child = spawn(program, args, { stdio: ['ignore', stdout, stderr], env, detached: true });
    started(child);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) endGroup(child.pid);
    }, COMMAND_MS_MAX);
    const code = await new Promise<number | string>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'an error'));
      child.once('exit', (exit, signal) => resolve(exit ?? signal ?? 'nothing'));
    });
    clearTimeout(timer);
    const [out = '', err = ''] = files.map((file) => readFileSync(file, 'utf8').trim());
    const said = (err === '' ? out : err).slice(-SAID_CHARS_MAX).replace(/\s+/g, ' ');
    return {
      code: late ? `nothing within ${COMMAND_MS_MAX / 1000} s` : code,
      said,
      stdout: out.slice(0, 4096),
    };
  } finally {
    for (const descriptor of [stdout, stderr]) if (descriptor !== undefined) closeSync(descriptor);
    rmSync(folder, { recursive: true, force: true });
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone.
  }
}
