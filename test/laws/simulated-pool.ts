// A pool without sockets for the laws: upstreams of which some are down, their columns, and requests that come and go.
import type { Avoid, Balancer, BalancerInput, Candidate } from '../../src/balance/balancer.ts';
import { BALANCER_KINDS } from '../../src/balance/kinds.ts';
import type { BalanceOptions } from '../../src/balance/options.ts';
import { HandClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';

export interface SimulatedUpstream {
  readonly name: string;
  readonly weight: number;
  readonly down?: boolean;
}

export const KINDS = Object.keys(BALANCER_KINDS) as BalanceOptions['kind'][];

/** Upstreams u0, u1, … with these weights; a negative weight means that it is down. */
export function upstreams(...weights: number[]): SimulatedUpstream[] {
  return weights.map((w, i) => ({ name: `u${i}`, weight: Math.abs(w), down: w < 0 }));
}

export class SimulatedPool {
  readonly candidates: Candidate[] = [];
  readonly clock = new HandClock(1000);
  readonly random: SeededRandom;
  readonly input: BalancerInput;
  readonly balancer: Balancer;
  readonly #open: number[] = [];

  constructor(kind: BalanceOptions['kind'], set: readonly SimulatedUpstream[], seed = 1, hashLoad = 1.25) {
    // Slots with gaps: a balancer that mixes up slot and position is found out.
    set.forEach((u, i) => {
      if (!u.down) this.candidates.push({ slot: i * 3 + 1, weight: u.weight, name: u.name });
    });
    const slots = set.length * 3 + 1;
    this.random = new SeededRandom(seed);
    this.input = {
      candidates: this.candidates,
      load: {
        inFlight: new Int32Array(slots),
        latencyMs: new Float64Array(slots).fill(10),
        latencyAtMs: new Float64Array(slots).fill(1000),
      },
      random: new SeededRandom(seed + 1),
      cursor: new Int32Array(new SharedArrayBuffer(8)),
      cursorAt: 1,
      nowMs: () => this.clock.nowMs(),
    };
    this.balancer = BALANCER_KINDS[kind].build(this.input, { kind, hash: null, hashLoad });
  }

  /** A 32-bit key as unlike the last as a hash would be. */
  key(): number {
    return this.random.below(65536) * 65536 + this.random.below(65536);
  }

  /** One pick for a request that ends at once. */
  pick(avoid: Avoid | null = null): number {
    return this.balancer.pick(this.key(), avoid);
  }

  /** One pick for a request that stays open; beyond `concurrency` open ones a random one ends first. */
  request(concurrency: number): number {
    const { inFlight } = this.input.load;
    if (this.#open.length >= concurrency) {
      const ends = this.random.below(this.#open.length);
      inFlight[this.candidates[this.#open[ends]!]!.slot]!--;
      this.#open[ends] = this.#open.at(-1)!;
      this.#open.pop();
    }
    const position = this.pick();
    inFlight[this.candidates[position]!.slot]!++;
    this.#open.push(position);
    return position;
  }

  /** What share of the weights the candidate has. */
  fairShare(position: number): number {
    return this.candidates[position]!.weight / this.candidates.reduce((sum, c) => sum + c.weight, 0);
  }
}
