// The one table between the threads: per upstream its state, weight, in-flight count, latency and users, in shared memory.
import type { Random } from '../base/random.ts';

/** What the operator wants of an upstream. */
export const WANTED = { ready: 0, drain: 1, maintenance: 2 } as const;
export type Wanted = keyof typeof WANTED;
export const WANTED_NAMES: readonly Wanted[] = ['ready', 'drain', 'maintenance'];

/** What health sees of an upstream. Only the main thread writes it. */
export const OBSERVED = { starting: 0, up: 1, suspected: 2, ejected: 3, down: 4 } as const;
export type Observed = keyof typeof OBSERVED;
export const OBSERVED_NAMES: readonly Observed[] = ['starting', 'up', 'suspected', 'ejected', 'down'];

/*
 * Truth table: what is wanted x what is observed -> may it take new users (E, eligible), may it keep its own (S, serving)?
 *
 *                ready    drain    maintenance
 *   starting     E S      . S      . .
 *   up           E S      . S      . .
 *   suspected    . S      . S      . .       a probe is under way: its own users wait for the verdict, nobody new comes
 *   ejected      . .      . .      . .
 *   down         . .      . .      . .
 */

/** May take new users. */
export function isEligible(wanted: number, observed: number): boolean {
  return wanted === WANTED.ready && observed <= OBSERVED.up;
}

/** May keep the users it has. */
export function isServing(wanted: number, observed: number): boolean {
  return wanted !== WANTED.maintenance && observed <= OBSERVED.suspected;
}

/** log2 of the HyperLogLog registers an upstream has per window: 2^10 gives a standard error of 1.04 / sqrt(1024) = 3.3 %. */
export const USER_REGISTERS_LOG2 = 10;
/** Windows of a minute each over which distinct users are counted. */
export const USER_WINDOWS = 5;

/** The memory of the table; made once by the main thread and handed to every worker. */
export interface UpstreamTableMemory {
  readonly capacity: number;
  readonly workers: number;
  readonly buffer: SharedArrayBuffer;
}

/**
 * Columns over shared memory, one row (`slot`) per upstream. Slots are given out by the main thread and outlive balancers and
 * reloads. Who writes what: `wanted`, `observed`, `weight` (effective, x256), `epoch`, `rise`: the main thread only.
 * `inFlight`: all workers, by Atomics; `ownInFlight`, `ownWaiting`: each worker its own row, so that a dead worker's share can be given back.
 * `latencyMs`, `lastAnswerMs`, `userRegisters`: all workers without Atomics. Because: an average, a time stamp and a maximum
 * lose nothing that matters when two writers race, and aligned 32/64-bit stores do not tear.
 */
export class UpstreamTable {
  readonly memory: UpstreamTableMemory;
  /** [0]: generation of the set: rises whenever any upstream's eligibility or weight changed. Read per pick. */
  readonly epoch: Int32Array;
  readonly wanted: Int32Array;
  readonly observed: Int32Array;
  /** Effective weight x 256 (slow start included). */
  readonly weight: Int32Array;
  readonly inFlight: Int32Array;
  /** Round-robin cursors, one per pool id. */
  readonly cursor: Int32Array;
  /** Consecutive failures, all workers. */
  readonly failures: Int32Array;
  /** Requests waiting in line, one per pool id, all workers. */
  readonly waiting: Int32Array;
  /** In-flight of worker w at `w * capacity + slot`. */
  readonly ownInFlight: Int32Array;
  /** Requests of worker w that wait in line, at `w * capacity + pool id`. */
  readonly ownWaiting: Int32Array;
  /** Peak-sensitive latency average in milliseconds. */
  readonly latencyMs: Float64Array;
  /** The 99th percentile of recent response times in milliseconds, estimated; 0 until known. */
  readonly p99Ms: Float64Array;
  /** When the latency average was last fed; ms of the process's monotonic clock. */
  readonly latencyAtMs: Float64Array;
  /** HyperLogLog registers: `(slot * USER_WINDOWS + window) << USER_REGISTERS_LOG2`. */
  readonly userRegisters: Uint8Array;

  constructor(memory: UpstreamTableMemory) {
    this.memory = memory;
    const n = memory.capacity;
    const b = memory.buffer;
    let at = 0;
    const ints = (count: number): Int32Array => {
      const column = new Int32Array(b, at, count);
      // Columns start on their own cache line, so that writers of one don't slow readers of the next.
      at = (at + count * 4 + 63) & ~63;
      return column;
    };
    const doubles = (count: number): Float64Array => {
      const column = new Float64Array(b, at, count);
      at = (at + count * 8 + 63) & ~63;
      return column;
    };
    this.epoch = ints(16);
    this.wanted = ints(n);
    this.observed = ints(n);
    this.weight = ints(n);
    this.inFlight = ints(n);
    this.cursor = ints(n);
    this.failures = ints(n);
    this.waiting = ints(n);
    this.ownInFlight = ints(n * memory.workers);
    this.ownWaiting = ints(n * memory.workers);
    this.latencyMs = doubles(n);
    this.p99Ms = doubles(n);
    this.latencyAtMs = doubles(n);
    this.userRegisters = new Uint8Array(b, at, (n * USER_WINDOWS) << USER_REGISTERS_LOG2);
  }

  /** Memory for `capacity` upstreams (and as many pools) and `workers` workers. */
  static allocate(capacity: number, workers: number): UpstreamTableMemory {
    const ints = 64 * 16 + capacity * 4 * 7 + capacity * workers * 8;
    const doubles = capacity * 8 * 3;
    const users = (capacity * USER_WINDOWS) << USER_REGISTERS_LOG2;
    return { capacity, workers, buffer: new SharedArrayBuffer(ints + doubles + users + 64 * 16) };
  }

  eligible(slot: number): boolean {
    return isEligible(this.wanted[slot]!, this.observed[slot]!);
  }

  serving(slot: number): boolean {
    return isServing(this.wanted[slot]!, this.observed[slot]!);
  }

  /** Counts one more request under way, of `worker`. Returns how many there were before, over all workers. */
  begin(slot: number, worker: number): number {
    this.ownInFlight[worker * this.memory.capacity + slot]!++;
    return Atomics.add(this.inFlight, slot, 1);
  }

  /** Counts it off again. */
  end(slot: number, worker: number): void {
    this.ownInFlight[worker * this.memory.capacity + slot]!--;
    Atomics.sub(this.inFlight, slot, 1);
  }

  /** Gives back everything that a worker that died had under way. Main thread, after the worker has ended. */
  releaseWorker(worker: number): void {
    const base = worker * this.memory.capacity;
    for (let slot = 0; slot < this.memory.capacity; slot++) {
      const held = this.ownInFlight[base + slot]!;
      if (held !== 0) Atomics.sub(this.inFlight, slot, held);
      this.ownInFlight[base + slot] = 0;
      const queued = this.ownWaiting[base + slot]!;
      if (queued !== 0) Atomics.sub(this.waiting, slot, queued);
      this.ownWaiting[base + slot] = 0;
    }
  }

  /** Nobody has this row any more: whoever gets it next begins with nothing. Main thread. */
  clearUpstream(slot: number): void {
    const { capacity, workers } = this.memory;
    this.wanted[slot] = WANTED.ready;
    this.observed[slot] = OBSERVED.starting;
    this.weight[slot] = 0;
    this.failures[slot] = 0;
    this.inFlight[slot] = 0;
    for (let worker = 0; worker < workers; worker++) this.ownInFlight[worker * capacity + slot] = 0;
    this.p99Ms[slot] = 0;
    this.forgetLatency(slot);
  }

  /** The same for a pool's cells. */
  clearPool(id: number): void {
    const { capacity, workers } = this.memory;
    this.waiting[id] = 0;
    for (let worker = 0; worker < workers; worker++) this.ownWaiting[worker * capacity + id] = 0;
  }

  /**
   * The upstream's latency is unknown again, as after a new start. Main thread; an answer that comes late may feed it again, which
   * does no harm.
   */
  forgetLatency(slot: number): void {
    this.latencyMs[slot] = 0;
    this.latencyAtMs[slot] = 0;
  }

  /**
   * Main thread, once, before the workers start: every pool's turns begin anywhere. Replicas that start together would else give
   * their first requests to the same upstream, and then to the next, all of them.
   */
  beginTurns(random: Random): void {
    for (let pool = 0; pool < this.cursor.length; pool++) this.cursor[pool] = random.below(0x7fffffff);
  }

  /** Main thread: says that the set changed. */
  bumpEpoch(): void {
    Atomics.add(this.epoch, 0, 1);
  }
}
