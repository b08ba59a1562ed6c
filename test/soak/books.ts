// The load's own books: what it sent and what came back, kept apart from Limpet's, so that the two can be compared.

/** What one side knows of requests: those that were answered whole, by status, and those that were not. */
export class Books {
  /** Whole answers, by status. */
  readonly whole = new Map<number, number>();
  /** Whole answers, by kind of traffic. */
  readonly byKind = new Map<string, number>();
  /** Requests whose head was sent and whose answer did not come whole: given up by us, or cut. */
  broken = 0;
  /** Connections that ended before a head was sent whole, and such as could not be made. */
  unsent = 0;
  /** What no client should ever see: answers to somebody else, malformed ones, none at all. The first hundred. */
  readonly wrongs: string[] = [];

  answered(kind: string, status: number): void {
    this.whole.set(status, (this.whole.get(status) ?? 0) + 1);
    this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + 1);
  }

  wrong(kind: string, what: string): void {
    if (this.wrongs.length < 100) this.wrongs.push(`${kind}: ${what}`);
  }

  /** Takes in what another book holds. */
  add(other: Books): void {
    for (const [status, count] of other.whole) this.whole.set(status, (this.whole.get(status) ?? 0) + count);
    for (const [kind, count] of other.byKind) this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + count);
    this.broken += other.broken;
    this.unsent += other.unsent;
    this.wrongs.push(...other.wrongs);
  }

  /** All requests that were answered whole. */
  get answers(): number {
    let sum = 0;
    for (const count of this.whole.values()) sum += count;
    return sum;
  }
}

/** Limpet's books: its counters, or what they grew by. */
export interface ProxyBooks {
  readonly accepted: number;
  readonly ended: Readonly<Record<'answered' | 'refused' | 'aborted' | 'cut', number>>;
  /** limpet_requests_total by status; 0: the client left before he was sent any. */
  readonly byStatus: ReadonlyMap<number, number>;
  /** Of connections, requests at upstreams and requests in line: now. */
  readonly connections: number;
  readonly inFlight: number;
  readonly waiting: number;
  /** Workers whose session store answers, and upstreams that health keeps out: now. */
  readonly storesUp: number;
  readonly upstreamsDown: number;
}

/** Reads the counters out of the text of /metrics. */
export function readProxyBooks(text: string): ProxyBooks {
  const sums = new Map<string, number>();
  const byStatus = new Map<number, number>();
  let down = 0;
  for (const line of text.split('\n')) {
    const found = /^(limpet_[a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)$/.exec(line);
    if (found === null) continue;
    const [, name = '', labels = '', figure] = found;
    const value = Number(figure);
    if (name === 'limpet_upstream_up' && value === 0) down++;
    const outcome = name === 'limpet_requests_ended_total' ? /outcome="(\w+)"/.exec(labels)?.[1] : undefined;
    const key = outcome ?? name;
    sums.set(key, (sums.get(key) ?? 0) + value);
    if (name !== 'limpet_requests_total') continue;
    const status = Number(/code="(\d+)"/.exec(labels)?.[1]);
    byStatus.set(status, (byStatus.get(status) ?? 0) + value);
  }
  const sum = (key: string): number => sums.get(key) ?? 0;
  return {
    accepted: sum('limpet_requests_accepted_total'),
    ended: {
      answered: sum('answered'),
      refused: sum('refused'),
      aborted: sum('aborted'),
      cut: sum('cut'),
    },
    byStatus,
    connections: sum('limpet_connections'),
    inFlight: sum('limpet_upstream_inflight'),
    waiting: sum('limpet_pool_waiting'),
    storesUp: sum('limpet_session_store_up'),
    upstreamsDown: down,
  };
}

/** Requests that are over, however they ended. */
export function endedOf({ ended }: ProxyBooks): number {
  return ended.answered + ended.refused + ended.aborted + ended.cut;
}

/** What does not add up within Limpet's books at rest; none if all does. */
export function sumsThatFail(proxy: ProxyBooks): string[] {
  const faults: string[] = [];
  const told = [...proxy.byStatus.values()].reduce((sum, count) => sum + count, 0);
  const over = endedOf(proxy);
  if (over !== proxy.accepted) faults.push(`${proxy.accepted} requests accepted, ${over} ended`);
  if (told !== over) faults.push(`${over} requests ended, ${told} by status`);
  if (proxy.connections !== 0) faults.push(`${proxy.connections} connections are open`);
  if (proxy.inFlight !== 0) faults.push(`${proxy.inFlight} requests are at upstreams`);
  if (proxy.waiting !== 0) faults.push(`${proxy.waiting} requests wait in line`);
  return faults;
}

/**
 * Where what Limpet counted between two readings does not fit what the load saw in that time. An answer that the load did not get
 * whole may have been sent whole, so that each of those may stand with Limpet under any status; with none of them both books are equal.
 */
export function disagreements(load: Books, before: ProxyBooks, after: ProxyBooks): string[] {
  const faults: string[] = [];
  const statuses = new Set([...load.whole.keys(), ...after.byStatus.keys()]);
  let beyond = 0;
  for (const status of [...statuses].sort((a, b) => a - b)) {
    const seen = load.whole.get(status) ?? 0;
    const told = (after.byStatus.get(status) ?? 0) - (before.byStatus.get(status) ?? 0);
    if (told < seen) faults.push(`status ${status}: the load got ${seen} answers, Limpet sent ${told}`);
    beyond += told - seen;
  }
  if (beyond > load.broken)
    faults.push(`${beyond} requests were told of beyond whole answers; the load broke ${load.broken}`);
  const broken = after.ended.aborted + after.ended.cut - before.ended.aborted - before.ended.cut;
  if (broken > load.broken)
    faults.push(`Limpet tells of ${broken} broken answers, the load of ${load.broken}`);
  return faults;
}
