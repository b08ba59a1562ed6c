// Weighted round robin: everyone in turn, over all workers as if there were one.
import type { Avoid, Balancer, BalancerInput } from './balancer.ts';
import { smoothRotation } from './smooth-rotation.ts';

/** Turns taken in search of an upstream that is not avoided, before a plain scan ends the search. */
const TURNS_AROUND = 64;

/**
 * Takes the next turn of a smooth weighted rotation (see smoothRotation). The turn is a shared counter, so that all workers
 * together hold the order, whatever connection reached which of them. The counter wraps at 2^31: one irregular turn then.
 *
 * Cost: O(1); O(n) at the worst where nearly all are avoided.
 */
export class RoundRobin implements Balancer {
  readonly #slots: Int32Array;
  readonly #rotation: Int32Array;
  readonly #cursor: Int32Array;
  readonly #cursorAt: number;

  constructor(input: BalancerInput) {
    this.#slots = Int32Array.from(input.candidates, (c) => c.slot);
    this.#rotation = smoothRotation(input.candidates.map((c) => c.weight));
    this.#cursor = input.cursor;
    this.#cursorAt = input.cursorAt;
  }

  /** Hot: test/alloc/balance.test.ts. */
  pick(_key: number, avoid: Avoid | null): number {
    const rotation = this.#rotation;
    const turn = Atomics.add(this.#cursor, this.#cursorAt, 1) & 0x7fffffff;
    const position = rotation[turn % rotation.length]!;
    if (avoid === null || !avoid.has(this.#slots[position]!)) return position;
    return this.#pickAround(avoid);
  }

  /**
   * The turn fell to an avoided one. A fresh turn is taken, not the next place in the order: else the successor of a full
   * upstream would serve its own share and the full one's.
   */
  #pickAround(avoid: Avoid): number {
    const rotation = this.#rotation;
    const slots = this.#slots;
    let turn = 0;
    for (let i = 0; i < TURNS_AROUND; i++) {
      turn = Atomics.add(this.#cursor, this.#cursorAt, 1) & 0x7fffffff;
      const position = rotation[turn % rotation.length]!;
      if (!avoid.has(slots[position]!)) return position;
    }
    for (let i = 0; i < slots.length; i++) {
      const position = (turn + i) % slots.length;
      if (!avoid.has(slots[position]!)) return position;
    }
    return -1;
  }
}
