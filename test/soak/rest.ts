// What a Limpet at rest holds, read from outside and from its threads, and what of it is more than it was.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ThreadReading } from './gauge.ts';
import { kernelSockets, tellConnections } from './kernel-sockets.ts';

const MIB = 1024 * 1024;

/** Everything that a process at rest holds. */
export interface Rest {
  /** Resident memory, bytes. */
  readonly resident: number;
  /** Open descriptors by kind: socket, pipe, anon_inode, file. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Its TCP sockets by state, as the kernel tells them. */
  readonly sockets: Readonly<Record<string, number>>;
  readonly threads: readonly ThreadReading[];
}

/**
 * How much more may be held at the end than at the beginning. Memory after a full collection still moves by what V8 has learnt and
 * compiled meanwhile, measured at under 1 MiB a thread once warm; resident memory moves by what allocators keep.
 */
export const BOUNDS = { heap: 4 * MIB, external: 4 * MIB, resident: 64 * MIB } as const;

/** Looks at one rest: what only passes through, such as the connection of a health check, is not there in all of them. */
const LOOKS = 5;
const LOOKS_MAX = 40;
const BETWEEN_LOOKS_MS = 70;
/** A thread that has not told by then never will. */
const LOOK_MS = 60_000;

/** Reads processes that were started with gauge.ts. One for each process. */
export class RestReader {
  readonly pid: number;
  readonly #gaugeFile: string;
  readonly #threads: number;
  readonly #looksMax: number;
  #readings = 0;

  /** `gaugeFile`: what gauge.ts writes; `threads`: how many the process has, the main one included; `looksMax`: looks at one rest at the most. */
  constructor(pid: number, gaugeFile: string, threads: number, looksMax = LOOKS_MAX) {
    this.pid = pid;
    this.#gaugeFile = gaugeFile;
    this.#threads = threads;
    this.#looksMax = looksMax;
  }

  /** What the process holds now: of each count the least of several looks; of many, as long as it is more than `before`. */
  async read(before: Rest | null): Promise<Rest> {
    let rest = await this.#look();
    for (let look = 1; look < this.#looksMax; look++) {
      if (look >= LOOKS && (before === null || leaksBetween(before, rest).length === 0)) break;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
      rest = leastOf(rest, await this.#look());
    }
    return rest;
  }

  /** For a process that does not come to rest: what its threads and the kernel know of the connections that it holds, a line each. */
  async tellHeld(): Promise<string[]> {
    const { threads } = await this.#look();
    const lines = threads.flatMap(({ thread, connections }) =>
      connections.map((line) => `worker ${thread}: ${line}`),
    );
    return [...lines, ...tellConnections(this.pid)];
  }

  async #look(): Promise<Rest> {
    this.#readings++;
    process.kill(this.pid, 'SIGUSR2');
    const untilMs = performance.now() + LOOK_MS;
    let told: ThreadReading[] = [];
    while (told.length < this.#threads) {
      if (performance.now() > untilMs) throw new Error(`only ${told.length} threads told what they hold`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      told = readingsIn(this.#gaugeFile).filter((one) => one.reading === this.#readings);
    }
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return {
      resident: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
      ...openIn(this.pid),
      threads: told.sort((a, b) => a.thread - b.thread),
    };
  }
}

type Counts = Readonly<Record<string, number>>;

function leastOf(a: Rest, b: Rest): Rest {
  return {
    resident: Math.min(a.resident, b.resident),
    descriptors: leastCounts(a.descriptors, b.descriptors),
    sockets: leastCounts(a.sockets, b.sockets),
    threads: a.threads.map((one, i) => {
      const other = b.threads[i]!;
      return {
        ...one,
        heap: Math.min(one.heap, other.heap),
        external: Math.min(one.external, other.external),
        resources: leastCounts(one.resources, other.resources),
      };
    }),
  };
}

function leastCounts(a: Counts, b: Counts): Counts {
  const both = Object.entries(a).map(([kind, count]) => [kind, Math.min(count, b[kind] ?? 0)] as const);
  return Object.fromEntries(both);
}

function readingsIn(file: string): ThreadReading[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // The last piece is empty, or a line that is being written.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as ThreadReading); // gauge.ts wrote it
}

/** The descriptors of a process, and the states of those that are TCP sockets. */
export function openIn(pid: number): Pick<Rest, 'descriptors' | 'sockets'> {
  const descriptors: Record<string, number> = {};
  const inodes = new Set<string>();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      continue; // closed between the two calls
    }
    const [kind = '', rest = ''] = target.split(':');
    const known = target.startsWith('/') ? 'file' : kind;
    if (known === 'socket') inodes.add(rest.slice(1, -1));
    descriptors[known] = (descriptors[known] ?? 0) + 1;
  }
  return { descriptors, sockets: statesOf(inodes) };
}

function statesOf(inodes: ReadonlySet<string>): Record<string, number> {
  const states: Record<string, number> = {};
  for (const { inode, state } of kernelSockets())
    if (inodes.has(inode)) states[state] = (states[state] ?? 0) + 1;
  return states;
}

/** What is held at the end and was not at the beginning, beyond what noise explains; empty without a leak. */
export function leaksBetween(before: Rest, after: Rest): string[] {
  const leaks: string[] = [];
  const counted = (what: string, a: Counts, b: Counts): void => {
    for (const [kind, count] of Object.entries(b)) {
      const was = a[kind] ?? 0;
      if (count > was) leaks.push(`${what} ${kind}: ${was} at the beginning, ${count} at the end`);
    }
  };
  const measured = (what: string, was: number, is: number, bound: number): void => {
    if (is - was > bound) leaks.push(`${what}: ${mib(was)} at the beginning, ${mib(is)} at the end`);
  };
  counted('descriptors,', before.descriptors, after.descriptors);
  counted('sockets,', before.sockets, after.sockets);
  measured('resident memory', before.resident, after.resident, BOUNDS.resident);
  for (const thread of after.threads) {
    const was = before.threads.find((one) => one.thread === thread.thread);
    if (was === undefined) {
      leaks.push(`thread ${thread.thread} was not there at the beginning`);
      continue;
    }
    const name = thread.thread === 0 ? 'main thread' : `worker ${thread.thread}`;
    counted(`${name},`, was.resources, thread.resources);
    measured(`${name}, heap`, was.heap, thread.heap, BOUNDS.heap);
    measured(`${name}, buffers`, was.external, thread.external, BOUNDS.external);
  }
  return leaks;
}

/** Bytes in words. */
export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
