// Stands before the routes that have a gate: who may not come is told so, and who comes too often waits.
import type { Fault } from '../base/fault.ts';
import type { AddressWords } from '../limit/address-words.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { GateLimit, RouteGate } from '../plan/route-gate.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { TrustedProxies } from '../plan/trusted-proxies.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { clientWordsOf } from './client-address.ts';
import type { ClientSide } from './client-side.ts';
import { PROXY_FAULT } from './faults.ts';
import { findClient } from './limit-key.ts';

/** One a worker. */
export class GateKeeper {
  /** After a refusal: when it may be tried again, s, rounded up; 0: never. */
  retryAfterS = 0;
  readonly #book: MetricBook;

  constructor(book: MetricBook) {
    this.#book = book;
  }

  /** Why the request in `head` may not pass `gate`, or null. Hot. */
  judge(
    gate: RouteGate,
    plan: RoutePlan,
    head: RequestHead,
    side: ClientSide,
    proxies: TrustedProxies,
    nowMs: number,
  ): Fault | null {
    this.retryAfterS = 0;
    const address = clientWordsOf(head.fields, side, proxies);
    if (gate.access !== null && !this.mayCome(gate, side, address)) return PROXY_FAULT.addressDenied;
    const { early } = gate;
    for (let i = 0; i < early.length; i++) {
      const { limit } = early[i]!;
      findClient(early[i]!, head.fields, address);
      if (limit.take(nowMs)) continue;
      this.count(plan, limit.name, limit.dryRun);
      if (limit.dryRun) continue;
      this.retryAfterS = Math.ceil(limit.waitMs / 1000);
      // What the others counted was for a request that nobody gets.
      for (let before = 0; before < i; before++) this.#giveBack(early[before]!, head, address);
      return PROXY_FAULT.rateLimited;
    }
    return null;
  }

  #giveBack(earlier: GateLimit, head: RequestHead, address: AddressWords | null): void {
    findClient(earlier, head.fields, address);
    earlier.limit.giveBack();
  }

  /** Whether the lists let the client come; asked once for a connection and a list, but of a proxy's clients for each. */
  mayCome(gate: RouteGate, side: ClientSide, address: AddressWords | null): boolean {
    const access = gate.access!;
    if (side.trusted) return access.mayCome(address);
    if (side.judgedBy !== access || side.judgedVersion !== access.version) {
      side.judgedBy = access;
      side.judgedVersion = access.version;
      side.mayCome = access.mayCome(address);
    }
    return side.mayCome;
  }

  /** A limit was exceeded. */
  count(plan: RoutePlan, limit: string, dryRun: boolean): void {
    const name = dryRun ? 'limpet_rate_limit_dry_runs_total' : 'limpet_rate_limited_total';
    this.#book.values[this.#book.counter(name, { route: plan.name, limit })]!++;
  }
}
