// What a process and its children have used of the machine, read from /proc (Linux).
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds of a USER_HZ tick: Linux shows 100 a second to user space on every architecture we run on. */
const TICK_NS = 1e7;

/** `pid` and all that descend from it and are alive. */
export function processTree(pid: number): number[] {
  const pids = [pid];
  for (let i = 0; i < pids.length; i++) {
    const base = `/proc/${pids[i]}/task`;
    for (const task of listed(base)) {
      const text = read(`${base}/${task}/children`);
      for (const child of text.split(' ')) if (child !== '') pids.push(Number(child));
    }
  }
  return pids;
}

/**
 * CPU time of all threads of `pids`, user and system, in microseconds. From `schedstat` (nanoseconds) where the kernel has it;
 * else from `stat`, whose ticks are 10 ms. A thread that ended between two readings is missing in the second with `schedstat`;
 * proxies keep their threads.
 */
export function cpuMicros(pids: readonly number[]): number {
  let ns = 0;
  for (const pid of pids) {
    for (const task of listed(`/proc/${pid}/task`)) {
      const spent = read(`/proc/${pid}/task/${task}/schedstat`);
      ns +=
        spent === '' ? ticks(read(`/proc/${pid}/task/${task}/stat`)) * TICK_NS : Number(spent.split(' ')[0]);
    }
  }
  return ns / 1000;
}

/** utime + stime: fields 14 and 15 of proc(5) stat, counted after the parenthesised name, which may hold spaces. */
function ticks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

/** Memory of all of `pids` in KiB: RSS counts shared pages for each process, PSS shares them out. */
export function memoryKiB(pids: readonly number[]): { rssKiB: number; pssKiB: number } {
  let rssKiB = 0;
  let pssKiB = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/smaps_rollup`);
    rssKiB += Number(/^Rss: +(\d+)/m.exec(text)?.[1] ?? 0);
    pssKiB += Number(/^Pss: +(\d+)/m.exec(text)?.[1] ?? 0);
  }
  return { rssKiB, pssKiB };
}

// A process may end while it is read: then it has no more to tell.
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
