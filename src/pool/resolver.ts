// Names become addresses here: looked up again and again, since a container that was made anew lives at a new address.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { Address } from '../upstream/upstream.ts';

/** Least time between two look-ups of one name, ms, however often connects fail. */
const LOOKUP_EVERY_MS = 1000;
/** A name without an address is asked for sooner than one with: this often at most, ms. */
const UNRESOLVED_EVERY_MS = 5000;
/** Look-ups under way at once. libuv runs only two of them at a time, so that files never wait behind names. */
const LOOKUPS_MOST = 8;
/** Addresses of one name that are kept. */
const ADDRESSES_MOST = 64;

/** All addresses of a name, best first. Rejects with a `code` such as ENOTFOUND. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** An upstream whose address is wanted: a host and port, or a unix socket. */
export interface ResolverUpstream {
  readonly slot: number;
  /** Name or IP literal; null for a unix socket. */
  readonly host: string | null;
  readonly port: number;
  readonly socketPath: string | null;
  /** How often its name is looked up again, ms; 0: only after a failed connect. */
  readonly resolveMs: number;
}

export interface ResolverInput {
  readonly upstreams: readonly ResolverUpstream[];
  readonly clock: Clock;
  readonly timers: Timers;
  /** The machine's resolver unless a test says otherwise. */
  readonly lookup?: Lookup;
  /** Told when an upstream's address has changed, with null while its name has none; `why` is the reader's sentence. */
  readonly onAddress: (slot: number, address: Address | null, why: string) => void;
}

interface Home {
  readonly slot: number;
  readonly port: number;
  /** The address in use, or null. */
  host: string | null;
  /** A connect to it failed since the last look-up. */
  failed: boolean;
}

interface Name {
  readonly host: string;
  readonly homes: Home[];
  everyMs: number;
  timer: Timer | null;
  running: boolean;
  /** Asked for while a look-up was under way or had just been. */
  again: boolean;
  askedMs: number;
  failures: number;
}

/**
 * Main thread. IP literals and unix sockets have their address from the start and are never looked up nor told. An address that is
 * still in the answer is kept, unless a connect to it failed and there is another; an answer that fails never takes a known address
 * away, since a name server may be gone while the upstream is there.
 */
export class Resolver {
  readonly #in: ResolverInput;
  readonly #lookup: Lookup;
  readonly #fixed = new Map<number, Address>();
  readonly #homes = new Map<number, { readonly name: Name; readonly home: Home }>();
  readonly #names = new Map<string, Name>();
  readonly #queue: Name[] = [];
  #underWay = 0;
  #running = false;
  /** Who waits for first answers. */
  #waiting: (() => boolean)[] = [];

  constructor(input: ResolverInput) {
    this.#in = input;
    this.#lookup = input.lookup ?? systemLookup;
    for (const upstream of input.upstreams) this.#add(upstream);
  }

  /** These are the upstreams from now on; of those that were there before the addresses stay, and only new names are looked up at once. */
  update(upstreams: readonly ResolverUpstream[]): void {
    const slots = new Set(upstreams.map(({ slot }) => slot));
    for (const slot of this.#fixed.keys()) if (!slots.has(slot)) this.#fixed.delete(slot);
    for (const [slot, { name, home }] of this.#homes) {
      if (slots.has(slot)) continue;
      this.#homes.delete(slot);
      name.homes.splice(name.homes.indexOf(home), 1);
    }
    for (const name of this.#names.values()) name.everyMs = 0;
    for (const upstream of upstreams) this.#add(upstream);
    for (const [host, name] of this.#names) {
      if (name.homes.length > 0) continue;
      name.timer?.cancel();
      this.#names.delete(host);
    }
    if (!this.#running) return;
    for (const name of this.#names.values()) {
      if (name.askedMs === Number.NEGATIVE_INFINITY) this.#ask(name);
      // One that is paced otherwise now; a look-up that is under way plans the next by itself.
      else if (!name.running && !this.#queue.includes(name)) this.#plan(name);
    }
  }

  /** Resolves when each of these upstreams has an address, or its name was looked up in vain; after `mostMs` in any case. */
  answered(slots: readonly number[], mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const late = this.#in.timers.after(mostMs, () => done());
      const isSettled = (): boolean => {
        const open = slots.some((slot) => {
          const known = this.#homes.get(slot);
          return known !== undefined && known.home.host === null && known.name.failures === 0;
        });
        if (!open) done();
        return !open;
      };
      const done = (): void => {
        late.cancel();
        this.#waiting = this.#waiting.filter((waits) => waits !== isSettled);
        resolve();
      };
      if (!isSettled()) this.#waiting.push(isSettled);
    });
  }

  /** Begins to look names up; the first time at once. */
  start(): void {
    this.#running = true;
    for (const name of this.#names.values()) this.#ask(name);
  }

  /** Ends it; look-ups under way are not heard. */
  stop(): void {
    this.#running = false;
    this.#queue.length = 0;
    for (const name of this.#names.values()) name.timer?.cancel();
  }

  /** Where the upstream is now, or null. */
  address(slot: number): Address | null {
    const fixed = this.#fixed.get(slot);
    if (fixed !== undefined) return fixed;
    const home = this.#homes.get(slot)?.home;
    return home === undefined || home.host === null ? null : { host: home.host, port: home.port };
  }

  /** A connect to the upstream failed: looks its name up as soon as the last look-up is a second old. */
  kick(slot: number): void {
    const known = this.#homes.get(slot);
    if (known === undefined || !this.#running) return;
    const { name, home } = known;
    if (home.host !== null) home.failed = true;
    if (name.running || this.#queue.includes(name)) {
      name.again = true;
      return;
    }
    const waitMs = name.askedMs + LOOKUP_EVERY_MS - this.#in.clock.nowMs();
    if (waitMs <= 0) this.#ask(name);
    else this.#askAfter(name, waitMs);
  }

  #add(upstream: ResolverUpstream): void {
    const { slot, host, port, socketPath, resolveMs } = upstream;
    const known = this.#homes.get(slot);
    if (known !== undefined) {
      this.#pace(known.name, resolveMs);
      return;
    }
    if (socketPath !== null) {
      this.#fixed.set(slot, { path: socketPath });
      return;
    }
    if (host === null) return;
    const literal = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
    if (isIP(literal) !== 0) {
      this.#fixed.set(slot, { host: literal, port });
      return;
    }
    let name = this.#names.get(host);
    if (name === undefined) {
      name = {
        host,
        homes: [],
        everyMs: 0,
        timer: null,
        running: false,
        again: false,
        askedMs: Number.NEGATIVE_INFINITY,
        failures: 0,
      };
      this.#names.set(host, name);
    }
    this.#pace(name, resolveMs);
    const home: Home = { slot, port, host: null, failed: false };
    // A name that is known already need not be asked for again.
    const other = name.homes.find(({ host }) => host !== null);
    if (other !== undefined) home.host = other.host;
    name.homes.push(home);
    this.#homes.set(slot, { name, home });
  }

  /** Pools may ask for the same name at different paces: the quickest serves them all. */
  #pace(name: Name, resolveMs: number): void {
    if (resolveMs > 0) name.everyMs = name.everyMs === 0 ? resolveMs : Math.min(name.everyMs, resolveMs);
  }

  #askAfter(name: Name, ms: number): void {
    name.timer?.cancel();
    name.timer = this.#in.timers.after(ms, () => this.#ask(name));
  }

  #ask(name: Name): void {
    name.timer?.cancel();
    name.timer = null;
    if (name.running || this.#queue.includes(name)) return;
    this.#queue.push(name);
    this.#pump();
  }

  #pump(): void {
    while (this.#running && this.#underWay < LOOKUPS_MOST) {
      const name = this.#queue.shift();
      if (name === undefined) return;
      name.running = true;
      name.again = false;
      name.askedMs = this.#in.clock.nowMs();
      this.#underWay++;
      this.#lookup(name.host).then(
        (addresses) => this.#ended(name, addresses, null),
        (error: unknown) => this.#ended(name, [], error),
      );
    }
  }

  #ended(name: Name, addresses: readonly string[], error: unknown): void {
    this.#underWay--;
    name.running = false;
    if (!this.#running) return;
    if (addresses.length === 0) this.#unanswered(name, error);
    else this.#answered(name, addresses.slice(0, ADDRESSES_MOST));
    if (this.#names.get(name.host) === name) this.#plan(name);
    this.#pump();
    for (const isSettled of this.#waiting) isSettled();
  }

  /** Sets when the name is asked for next, if ever. */
  #plan(name: Name): void {
    const nextMs = name.again ? LOOKUP_EVERY_MS : this.#pauseMs(name);
    if (nextMs > 0) this.#askAfter(name, nextMs);
    else name.timer?.cancel();
  }

  #pauseMs(name: Name): number {
    if (name.homes.every((home) => home.host !== null)) return name.everyMs;
    return Math.min(UNRESOLVED_EVERY_MS, LOOKUP_EVERY_MS * 2 ** Math.min(8, name.failures - 1));
  }

  #answered(name: Name, addresses: readonly string[]): void {
    name.failures = 0;
    for (const home of name.homes) {
      const at = home.host === null ? -1 : addresses.indexOf(home.host);
      const keep = at >= 0 && !home.failed;
      // After a failed connect the next of the list; after a departure the first.
      const host = keep ? addresses[at]! : addresses[(at + 1) % addresses.length]!;
      home.failed = false;
      if (host === home.host) continue;
      home.host = host;
      this.#in.onAddress(home.slot, { host, port: home.port }, `${name.host} is ${host}`);
    }
  }

  #unanswered(name: Name, error: unknown): void {
    name.failures++;
    for (const home of name.homes) {
      if (home.host !== null) continue;
      this.#in.onAddress(home.slot, null, `${name.host} does not resolve: ${lookupSentence(error)}`);
    }
  }
}

const SENTENCES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such name',
  ENODATA: 'the name has no address',
  EAI_AGAIN: 'the name server gives no answer',
  ETIMEOUT: 'the name server gives no answer',
};

function lookupSentence(error: unknown): string {
  if (error === null) return 'the name has no address';
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === undefined ? 'the look-up failed' : (SENTENCES[code] ?? code);
}

/** IPv4 first: `localhost` is both, and many apps listen on 127.0.0.1 alone. */
const systemLookup: Lookup = async (host) => {
  const found = await lookup(host, { all: true, order: 'ipv4first' });
  return found.map((entry) => entry.address);
};
