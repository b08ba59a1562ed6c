// Bounds how fast tokens can be guessed, without letting whoever guesses lock the operator out.
import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';

/** Wrong tokens that an address may send at once, and after how long it may send one more: ten a minute. */
const OF_ADDRESS = { burst: 10, everyMs: 6000 };
/** The same for all addresses that were never let in, so that many together guess no faster than a few. */
const OF_STRANGERS = { burst: 100, everyMs: 600 };
/** Addresses that are remembered; the ones unheard of for longest are forgotten. */
const ADDRESSES_MAX = 10_000;
/** How long it is remembered from where a token was right. */
const KNOWN_MS = 3_600_000;
/** Pairs of address and token that are remembered as right. */
const KNOWN_MAX = 1000;

/** Allowance that comes back with time. */
class Bucket {
  readonly #everyMs: number;
  readonly #burst: number;
  /** When it is, or was, full again. */
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor({ burst, everyMs }: { readonly burst: number; readonly everyMs: number }) {
    this.#burst = burst;
    this.#everyMs = everyMs;
  }

  /** How long until there is one to take, ms; 0: now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - nowMs - (this.#burst - 1) * this.#everyMs);
  }

  take(nowMs: number): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#everyMs;
  }
}

/**
 * Counts wrong tokens by address (IPv6: by its /64, which is one customer) and in total. While an allowance is used up, a right token is
 * refused like a wrong one, since every answer would else be an answer to a guess; two kinds of people are spared that: whoever was let in
 * from this address with this very token within the hour, and, where only strangers' common allowance is used up, every address from
 * which a token was right. So a scraper with an old token delays nobody who works beside it, and a swarm delays only who is new.
 */
export class GuessLimit {
  readonly #nowMs: () => number;
  readonly #addresses: LRUCache<string, Bucket>;
  readonly #known: LRUCache<string, true>;
  readonly #strangers = new Bucket(OF_STRANGERS);

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    const perf = { now: nowMs };
    this.#addresses = new LRUCache({ max: ADDRESSES_MAX });
    // Twice what is kept of pairs: an address may be noted without a token.
    this.#known = new LRUCache({ max: KNOWN_MAX, ttl: KNOWN_MS, perf, ttlResolution: 0 });
  }

  /** How long `address` waits before a token of its is judged again, ms; 0: not at all. `name`: of the token that was sent, null where it is wrong. */
  waitMs(address: string, name: string | null): number {
    const nowMs = this.#nowMs();
    const from = groupOf(address);
    if (name !== null && this.#known.has(`${from} ${name}`)) return 0;
    const own = this.#addresses.get(from)?.waitMs(nowMs) ?? 0;
    if (own > 0 || this.#known.has(from)) return own;
    return this.#strangers.waitMs(nowMs);
  }

  /** A wrong token came from there. */
  failed(address: string): void {
    const nowMs = this.#nowMs();
    const from = groupOf(address);
    let bucket = this.#addresses.get(from);
    if (bucket === undefined) {
      bucket = new Bucket(OF_ADDRESS);
      this.#addresses.set(from, bucket);
    }
    bucket.take(nowMs);
    if (!this.#known.has(from)) this.#strangers.take(nowMs);
  }

  /** The token of this name came from there. */
  passed(address: string, name: string): void {
    const from = groupOf(address);
    this.#known.set(from, true);
    this.#known.set(`${from} ${name}`, true);
  }
}

/** The address, or what stands for all that one customer has: the first four groups of an IPv6 address. Clients of a unix socket are one. */
function groupOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
