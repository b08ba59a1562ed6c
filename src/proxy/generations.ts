// The generations of the config that live in one worker: the one in force, one that is being prepared, and those that still have requests.
import type { Upstream } from '../upstream/upstream.ts';
import type { LivingGeneration, TickedPool } from './living-generation.ts';
import type { Generation } from './plane.ts';

/** Keeps them from their making to their end. One a worker. */
export class Generations {
  current: LivingGeneration;
  /** Compiled, and not in force yet; null: none is. */
  prepared: LivingGeneration | null = null;
  /** Pools of all that live, each once: what is waited for and owed in them is looked at whichever generation it is of. */
  ticked: readonly TickedPool[] = [];
  /** Upstreams of all that live, each once. */
  upstreams: readonly Upstream[] = [];
  readonly #old: LivingGeneration[] = [];
  readonly #onOver: (over: LivingGeneration) => void;

  /** `onOver`: told of each that is over, when it lives no longer. */
  constructor(first: LivingGeneration, onOver: (over: LivingGeneration) => void) {
    this.current = first;
    this.#onOver = onOver;
    this.#gather();
  }

  /** How many live; 1 at rest. */
  get count(): number {
    return this.#living().length;
  }

  prepare(next: LivingGeneration): void {
    this.prepared = next;
    this.#gather();
  }

  /** The one that was prepared is not wanted. */
  abandon(): LivingGeneration | null {
    const dropped = this.prepared;
    this.prepared = null;
    this.#gather();
    return dropped;
  }

  /** The one that was prepared is in force from here on. Returns the one before it, whose end may be told within this call. */
  commit(): LivingGeneration {
    const before = this.current;
    this.current = this.prepared!;
    this.prepared = null;
    this.#old.push(before);
    for (const { from, to } of this.current.compiled.successions) from.leaveTo(to);
    this.#gather();
    return before;
  }

  /** Nothing is under way under `generation` any more: it is over, unless it is in force. */
  isIdle(generation: Generation): void {
    if (generation === this.current) return;
    const at = (this.#old as readonly Generation[]).indexOf(generation);
    if (at < 0) return;
    const [over] = this.#old.splice(at, 1);
    this.#gather();
    const living = new Set(this.upstreams);
    for (const upstream of over!.upstreams) if (!living.has(upstream)) upstream.closeIdle();
    this.#onOver(over!);
  }

  each(tell: (generation: LivingGeneration) => void): void {
    for (const generation of this.#living()) tell(generation);
  }

  /** Whether one that lives has `part`, as `of` finds it. */
  some(has: (generation: LivingGeneration) => boolean): boolean {
    return this.#living().some(has);
  }

  #living(): LivingGeneration[] {
    return [this.current, ...(this.prepared === null ? [] : [this.prepared]), ...this.#old];
  }

  #gather(): void {
    const living = this.#living();
    this.upstreams = [...new Set(living.flatMap(({ upstreams }) => upstreams))];
    // Of a pool that goes on, what the newest config says.
    const ticked = new Map(
      living.toReversed().flatMap((g) => g.ticked.map((one) => [one.pool, one] as const)),
    );
    this.ticked = [...ticked.values()];
  }
}
