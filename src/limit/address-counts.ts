// How many connections each client address has open now, exact over all workers, in one table of fixed size.
import { randomFillSync } from 'node:crypto';
import { HalfSipHash } from '../base/half-sip-hash.ts';
import { type AddressWords, layAddress } from './address-words.ts';

/** A row is three cells: hash low, hash high, connections. */
const CELLS = 3;
const HASH_LO = 0;
const HASH_HI = 1;
const COUNT = 2;

/** In place of the low hash: nobody has had this row; somebody is being moved in. */
const EMPTY = 0;
const BUSY = 1;
/** Rows that an address may be in. */
const WINDOW = 32;
const TRIES = 16;
/** `arrive` found no row: the connection is let in and not counted. */
export const UNCOUNTED = -1;

/** Shared between the threads of a process. */
export interface AddressCountMemory {
  readonly buffer: SharedArrayBuffer;
  /** What each worker holds of each row, for when it dies. */
  readonly held: SharedArrayBuffer;
  readonly rows: number;
  readonly key: readonly [number, number];
}

/**
 * Connections by address. A row whose count is 0 is anybody's. The low hash is its lock: who moves in swaps BUSY in and looks at the count again; who counts
 * looks at the hash again, and takes back what he counted for another.
 */
export class AddressCounts {
  /** After `arrive`: connections of that address, this one included; 0 where it was not counted. */
  count = 0;
  readonly #cells: Int32Array;
  readonly #held: Int32Array;
  readonly #mask: number;
  readonly #hash: HalfSipHash;
  readonly #prefix6: number;
  readonly #scratch = new Uint8Array(32);

  constructor(memory: AddressCountMemory, worker: number, prefix6: number) {
    this.#cells = new Int32Array(memory.buffer);
    this.#held = new Int32Array(memory.held, worker * memory.rows * 4, memory.rows);
    this.#mask = memory.rows - 1;
    this.#hash = new HalfSipHash(memory.key[0], memory.key[1]);
    this.#prefix6 = prefix6;
  }

  /** Memory for `connections` connections at a time, each from another address at worst (24 to 48 bytes, and 8 to 16 a worker). */
  static allocate(connections: number, workers: number): AddressCountMemory {
    let rows = WINDOW;
    while (rows < connections * 2) rows *= 2;
    const key = randomFillSync(new Int32Array(2));
    return {
      buffer: new SharedArrayBuffer(rows * CELLS * 4),
      held: new SharedArrayBuffer(rows * workers * 4),
      rows,
      key: [key[0]!, key[1]!],
    };
  }

  /** Connections from `address` that are open. */
  countOf(address: AddressWords): number {
    this.#hash.run(this.#scratch, 0, layAddress(address, this.#prefix6, this.#scratch));
    const { hi, lo } = this.#hash;
    const low = lo === EMPTY || lo === BUSY ? lo + 2 : lo;
    for (let i = 0; i < WINDOW; i++) {
      const at = ((low + i) & this.#mask) * CELLS;
      if (Atomics.load(this.#cells, at + HASH_LO) === low && Atomics.load(this.#cells, at + HASH_HI) === hi)
        return Atomics.load(this.#cells, at + COUNT);
    }
    return 0;
  }

  /** A connection from `address` has come. Returns its row, for `leave`, or UNCOUNTED. */
  arrive(address: AddressWords): number {
    this.#hash.run(this.#scratch, 0, layAddress(address, this.#prefix6, this.#scratch));
    const { hi, lo } = this.#hash;
    const low = lo === EMPTY || lo === BUSY ? lo + 2 : lo;
    const cells = this.#cells;
    for (let tries = 0; tries < TRIES; tries++) {
      const row = this.#rowOf(hi, low);
      if (row < 0) continue;
      const count = Atomics.add(cells, row * CELLS + COUNT, 1) + 1;
      if (Atomics.load(cells, row * CELLS + HASH_LO) === low) {
        this.#held[row]!++;
        this.count = count;
        return row;
      }
      Atomics.sub(cells, row * CELLS + COUNT, 1);
    }
    this.count = 0;
    return UNCOUNTED;
  }

  /** A connection of `row` has gone. */
  leave(row: number): void {
    this.#held[row]!--;
    Atomics.sub(this.#cells, row * CELLS + COUNT, 1);
  }

  /** A worker has died with its connections. Main thread, before another takes its place. */
  static release(memory: AddressCountMemory, worker: number): void {
    const cells = new Int32Array(memory.buffer);
    const held = new Int32Array(memory.held, worker * memory.rows * 4, memory.rows);
    for (let row = 0; row < memory.rows; row++) {
      if (held[row] === 0) continue;
      Atomics.sub(cells, row * CELLS + COUNT, held[row]!);
      held[row] = 0;
    }
  }

  #rowOf(hi: number, low: number): number {
    const cells = this.#cells;
    let free = -1;
    for (let i = 0; i < WINDOW; i++) {
      const row = (low + i) & this.#mask;
      const at = row * CELLS;
      const hash = Atomics.load(cells, at + HASH_LO);
      if (hash === low && Atomics.load(cells, at + HASH_HI) === hi) return row;
      if (free < 0 && hash !== BUSY && Atomics.load(cells, at + COUNT) === 0) free = row;
    }
    return free >= 0 && this.#moveIn(free * CELLS, hi, low) ? free : -1;
  }

  #moveIn(at: number, hi: number, low: number): boolean {
    const cells = this.#cells;
    const was = Atomics.load(cells, at + HASH_LO);
    if (was === BUSY || Atomics.compareExchange(cells, at + HASH_LO, was, BUSY) !== was) return false;
    if (Atomics.load(cells, at + COUNT) !== 0) {
      Atomics.store(cells, at + HASH_LO, was);
      return false;
    }
    Atomics.store(cells, at + HASH_HI, hi);
    Atomics.store(cells, at + HASH_LO, low);
    return true;
  }
}
