// Homes of sessions and users, by a key that every replica makes alike: remembered in one table that all workers share.
import { type LearnedMemory, LearnedTable } from './learned.ts';
import type { SessionHomeOptions } from './options.ts';

/**
 * Where sessions live, or users. Who is not remembered belongs where the rendezvous hash of his key leads, which is told elsewhere: this remembers
 * where he was answered, so that he stays there whoever joins. One per pool and worker.
 */
export class SessionHomes {
  readonly by: SessionHomeOptions['by'];
  /** A session that an answer gives out lives where that answer came from. */
  readonly learns: boolean;
  /** Keyed, for noteUser: users may choose their own names. */
  readonly userSeed: number;
  readonly #table: LearnedTable;
  /** The key as the bytes that the table hashes anew: outsiders can work the key out, but not aim at a row. */
  readonly #bytes = new Uint8Array(8);

  constructor(options: SessionHomeOptions, memory: LearnedMemory) {
    this.by = options.by;
    this.learns = options.learn;
    this.userSeed = memory.key[0];
    this.#table = new LearnedTable(memory);
  }

  /** The id of the upstream where this one lives, or 0. `nowS`: as for LearnedTable. Hot: test/alloc/affinity.test.ts. */
  find(hi: number, lo: number, nowS: number): number {
    this.#lay(hi, lo);
    return this.#table.find(this.#bytes, 0, 8, nowS);
  }

  /** From now on he lives at the upstream with this id. */
  settle(hi: number, lo: number, upstreamId: number, nowS: number): void {
    this.#lay(hi, lo);
    this.#table.learn(this.#bytes, 0, 8, upstreamId, nowS);
  }

  #lay(hi: number, lo: number): void {
    const bytes = this.#bytes;
    for (let i = 0; i < 4; i++) {
      bytes[i] = lo >>> (8 * i);
      bytes[4 + i] = hi >>> (8 * i);
    }
  }
}
