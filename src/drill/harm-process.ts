// Kills a process, stops it where it stands, or tells it to reload: by a signal.
import { readFileSync } from 'node:fs';
import { DrillError } from './drill-error.ts';
import type { Harm } from './harm-shape.ts';
import type { EventKind } from './scenario-keys.ts';

const SIGNALS = { kill: 'SIGKILL', hang: 'SIGSTOP', reload: 'SIGHUP' } as const;

/** `kind` is kill, hang or reload. */
export function harmProcess(kind: EventKind, pid: number): Harm {
  const signal = SIGNALS[kind as keyof typeof SIGNALS]; // no other kind is done to a process: victim.ts says so
  let stopped = false;
  /** When the process began, by which it is told from another that got its id later. */
  let begun: string | null = null;
  const goOn = (): void => {
    if (!stopped) return;
    stopped = false;
    process.kill(pid, 'SIGCONT');
  };
  return {
    instance: null,
    async check() {
      send(pid, 0);
      begun = beginningOf(pid);
    },
    async begin() {
      if (beginningOf(pid) !== begun)
        throw new DrillError(`the process ${pid} ended, and its id is another's now`);
      // Set first: a signal that comes in between is followed by a SIGCONT too many, which does nothing.
      stopped = signal === 'SIGSTOP';
      send(pid, signal);
    },
    async end() {
      if (!stopped) return '';
      try {
        goOn();
      } catch {
        return `the process ${pid} had ended meanwhile`;
      }
      return `the process ${pid} goes on (SIGCONT)`;
    },
    endNow() {
      try {
        goOn();
      } catch {
        // It has ended, and needs nothing any more.
      }
    },
  };
}

function send(pid: number, signal: NodeJS.Signals | 0): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // process.kill throws nothing else
    if (code === 'ESRCH') throw new DrillError(`there is no process ${pid}`, 'the pid of a running process');
    if (code === 'EPERM') {
      throw new DrillError(
        `the process ${pid} is another user's, and may not be signalled`,
        'the same drill as that user',
      );
    }
    throw error;
  }
}

/** The process's start time in clock ticks since boot, field 22 of proc_pid_stat(5); null where there is no /proc. */
function beginningOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the name, may hold spaces and brackets: what follows its last bracket is plain.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
