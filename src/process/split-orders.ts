// What the operator has ordered of splits while Limpet runs: in force over reloads, for as long as the file says what it said then.
import { isDeepStrictEqual } from 'node:util';
import type { Config, RouteConfig } from '../config/config.ts';

/** Weights by name of the pool. */
export type Weights = Readonly<Record<string, number>>;

interface Order {
  readonly weights: Weights;
  /** What the file said when it was given. */
  readonly written: Weights;
}

/** Main thread; one a process. */
export class SplitOrders {
  readonly #orders = new Map<string, Order>();

  /** `given`: the config as its file says it. Returns what takes the order back. */
  order(route: string, weights: Weights, given: Config): () => void {
    const before = this.#orders.get(route);
    this.#orders.set(route, { weights, written: weightsOf(given, route) });
    return () => {
      if (before === undefined) this.#orders.delete(route);
      else this.#orders.set(route, before);
    };
  }

  /** `given` with what was ordered, but for what the file says otherwise than it did when that was ordered: the file has the last word. */
  apply(given: Config): Config {
    const valid = new Map([...this.#orders].filter((order) => isValid(order, given)));
    if (valid.size === 0) return given;
    return {
      ...given,
      routes: given.routes.map((route) => withWeights(route, valid.get(route.name)?.weights ?? {})),
    };
  }

  /** `given` is in force: what it has overruled is forgotten. */
  settle(given: Config): void {
    for (const order of this.#orders) if (!isValid(order, given)) this.#orders.delete(order[0]);
  }
}

function isValid([route, { written }]: readonly [string, Order], given: Config): boolean {
  return isDeepStrictEqual(weightsOf(given, route), written);
}

function withWeights(route: RouteConfig, weights: Weights): RouteConfig {
  const { split, action } = route;
  // A pool may be called `constructor`.
  if (split === null || action.kind !== 'pool' || !Object.hasOwn(weights, action.pool)) return route;
  return { ...route, split: { ...split, weight: weights[action.pool]! } };
}

/** By name of the pool; empty for a route that is no split. */
export function weightsOf({ routes }: Pick<Config, 'routes'>, name: string): Weights {
  const weights: Record<string, number> = {};
  for (const { name: own, split, action } of routes)
    if (own === name && split !== null && action.kind === 'pool') weights[action.pool] = split.weight;
  return weights;
}
