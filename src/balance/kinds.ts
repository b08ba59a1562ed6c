// The closed table of balancers: a new one is a file beside this, a row here and a row in the docs.
import type { Balancer, BalancerInput } from './balancer.ts';
import { ConsistentHash } from './hash.ts';
import { LeastConnections } from './least-connections.ts';
import type { BalanceOptions } from './options.ts';
import { PeakEwma } from './peak-ewma.ts';
import { RandomOfTwo } from './random.ts';
import { RoundRobin } from './round-robin.ts';

/** How work grows with the number of candidates: not at all, or with each of them. */
export type Growth = 'constant' | 'linear';

/** All that is known of one way of balancing. */
export interface BalancerKind {
  /** Makes one for a set of candidates (never empty). */
  readonly build: (input: BalancerInput, options: BalanceOptions) => Balancer;
  /** True: `pick` needs the hash of what the pool hashes on; false: it may be 0. */
  readonly usesKey: boolean;
  /**
   * How the work of one pick grows with the pool while everybody is idle, and while everybody is busy. Avoided ones change neither
   * while they are few. Counted, in blocks of code run, by test/laws/work-of-a-pick.test.ts.
   */
  readonly work: { readonly idle: Growth; readonly busy: Growth };
  /** One sentence for the docs, the editor schema and `explain`. */
  readonly description: string;
}

/** Every balancer by the name that the config uses. */
export const BALANCER_KINDS: Readonly<Record<BalanceOptions['kind'], BalancerKind>> = Object.freeze({
  'round-robin': {
    build: (input) => new RoundRobin(input),
    usesKey: false,
    work: { idle: 'constant', busy: 'constant' },
    description: 'Everyone in turn, smoothly by weight, over all workers as if there were one.',
  },
  'least-connections': {
    build: (input) => new LeastConnections(input),
    usesKey: false,
    work: { idle: 'constant', busy: 'linear' },
    description: 'The upstream with the fewest requests in flight for its weight, exact over all workers.',
  },
  'peak-ewma': {
    build: (input) => new PeakEwma(input),
    usesKey: false,
    work: { idle: 'constant', busy: 'constant' },
    description:
      'Of two random upstreams the one that will answer sooner, by recent latency and requests in flight; of four where both are much slower than usual.',
  },
  random: {
    build: (input) => new RandomOfTwo(input),
    usesKey: false,
    work: { idle: 'constant', busy: 'constant' },
    description: 'Of two random upstreams the less busy one.',
  },
  hash: {
    build: (input, options) => new ConsistentHash(input, options.hashLoad),
    usesKey: true,
    work: { idle: 'constant', busy: 'linear' },
    description:
      'The same upstream for the same key while it is up and not overfull; few keys move when the set changes.',
  },
});
