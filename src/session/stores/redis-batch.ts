// Look-ups of one turn of the event loop leave in one write: measured, that is two thirds of what a look-up costs.
import { type Cluster, Redis } from 'ioredis';
import { STORED_BYTES_MAX } from '../store.ts';

/** The value and its PTTL. */
export type Reply = readonly [unknown, unknown];

/** Asks for a value together with its remaining time, many at once. Bounded by the gate, which lets only so many in. */
export class RedisBatch {
  readonly #client: Redis | Cluster;
  /** Null for a cluster, which has a connection to each node. */
  readonly #single: Redis | null;
  /** The server knows GETRANGE, which never sends more than may be looked at. Some proxies and access lists know GET only. */
  #ranged = true;
  /** And MGET. */
  #together = true;
  #corked = false;

  constructor(client: Redis | Cluster) {
    this.#client = client;
    this.#single = client instanceof Redis ? client : null;
  }

  /** GETRANGE answers an empty value where there is none: PTTL tells. */
  async value(key: string): Promise<Reply> {
    if (this.#ranged) {
      this.#cork();
      // One more than the bound, so that a value that is too long is seen to be.
      const value = this.#client.getrangeBuffer(key, 0, STORED_BYTES_MAX);
      const ttl = this.#client.pttl(key);
      try {
        return await Promise.all([value, ttl]);
      } catch (error) {
        if (!isForbidden(error)) throw error;
      }
      this.#ranged = false;
    }
    this.#cork();
    return Promise.all([this.#client.getBuffer(key), this.#client.pttl(key)]);
  }

  /** Several whole values; null where nothing is. */
  async values(keys: readonly string[]): Promise<(Uint8Array | null)[]> {
    if (this.#together) {
      this.#cork();
      try {
        return await this.#client.mgetBuffer(...keys);
      } catch (error) {
        if (!isForbidden(error)) throw error;
      }
      this.#together = false;
    }
    const replies = await Promise.all(keys.map((key) => this.value(key)));
    return replies.map(([value, ttl]) => (value instanceof Uint8Array && ttl !== -2 ? value : null));
  }

  /** All fields as an object, or those that are named as a list. */
  hash(key: string, fields: readonly string[]): Promise<Reply> {
    this.#cork();
    const all = fields.length === 0;
    const values = all ? this.#client.hgetallBuffer(key) : this.#client.hmgetBuffer(key, ...fields);
    return Promise.all([values, this.#client.pttl(key)]);
  }

  #cork(): void {
    if (this.#corked || this.#single === null) return;
    this.#corked = true;
    const { stream } = this.#single;
    stream.cork();
    setImmediate(() => {
      this.#corked = false;
      stream.uncork();
    });
  }
}

function isForbidden(error: unknown): boolean {
  return error instanceof Error && /^NOPERM|unknown command/i.test(error.message);
}
