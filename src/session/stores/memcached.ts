// Sessions in Memcached. Our own client: memjs has no TLS, bounds no answer, and takes credentials from the environment unasked.
import type { Clock } from '../../base/clock.ts';
import { type Query, type StoredValue, StoreFault } from '../store.ts';
import { atMost, type DriverSpec, type StoreDriver, settleMs } from './driver.ts';
import { BinaryProtocol } from './memcached-binary.ts';
import { MemcachedConnection } from './memcached-connection.ts';
import type { MemcachedProtocol, MemcachedReply } from './memcached-reply.ts';
import { TextProtocol } from './memcached-text.ts';
import { StoreProblem } from './store-url.ts';

/** With credentials the binary protocol is spoken, for SASL; else the text protocol. Throws StoreProblem. */
export async function openMemcached(spec: DriverSpec): Promise<StoreDriver> {
  const { username, password, path, hosts } = spec.url;
  if (spec.replicas) throw new StoreProblem('Memcached has no replicas', 'replicas: false');
  if (path !== '' && path !== '/')
    throw new StoreProblem('a memcached: URL has no path', 'memcached://HOST:11211,HOST:11211');
  const protocol = (): MemcachedProtocol =>
    username === null && password === null
      ? new TextProtocol()
      : new BinaryProtocol(username ?? '', password ?? '');
  const servers = hosts.map((host) => {
    const spoken = protocol();
    return { protocol: spoken, connection: new MemcachedConnection(host, spoken, spec) };
  });
  await atMost(settleMs(spec.deadlineMs), Promise.all(servers.map(({ connection }) => connection.begun)));
  return new MemcachedStore(servers, spec.clock);
}

interface Server {
  readonly protocol: MemcachedProtocol;
  readonly connection: MemcachedConnection;
}

/** Longest key, bytes (doc/protocol.txt). */
const KEY_BYTES_MAX = 250;
const NO_CELLS: StoredValue['cells'] = new Map();

class MemcachedStore implements StoreDriver {
  readonly #servers: readonly Server[];
  readonly #clock: Clock;

  constructor(servers: readonly Server[], clock: Clock) {
    this.#servers = servers;
    this.#clock = clock;
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (query.kind !== 'value') throw new StoreFault('malformed', 'Memcached holds values only');
    if (!isKey(query.key)) return null;
    const replies = this.#servers.map(({ connection, protocol }) => connection.ask(protocol.get(query.key)));
    return replies.length === 1 ? this.#stored(await replies[0]!) : this.#ofMany(replies);
  }

  async ping(): Promise<void> {
    await Promise.all(this.#servers.map(({ connection, protocol }) => connection.ask(protocol.version)));
  }

  async close(): Promise<void> {
    for (const { connection } of this.#servers) connection.close();
  }

  /**
   * Because: every client library spreads keys over servers in a way of its own (modulo, ketama, rendezvous; by several hashes), and a
   * wrong guess would call living sessions dead. So all servers are asked. Two that hold different values leave it open which is the
   * app's; none, while one of them is away, leaves it open too.
   */
  async #ofMany(replies: readonly Promise<MemcachedReply>[]): Promise<StoredValue | null> {
    let found: StoredValue | null = null;
    let fault: StoreFault | null = null;
    for (const settled of await Promise.allSettled(replies.map(async (reply) => this.#stored(await reply)))) {
      if (settled.status === 'rejected')
        fault = settled.reason as StoreFault; // the connection rejects with nothing else
      else if (settled.value !== null) {
        if (found !== null && Buffer.compare(found.bytes, settled.value.bytes) !== 0)
          throw new StoreFault('malformed', 'memcached: two servers hold different values');
        found = settled.value;
      }
    }
    if (found === null && fault !== null) throw fault;
    return found;
  }

  #stored(reply: MemcachedReply): StoredValue | null {
    if (reply.kind === 'none') return null;
    if (reply.kind === 'long')
      throw new StoreFault('malformed', 'memcached: a value is longer than the bound');
    if (reply.kind === 'refused') throw new StoreFault('down', `memcached: ${reply.why}`);
    if (reply.kind !== 'value') throw new StoreFault('down', 'memcached: an answer to another question');
    const { bytes, flags, ttlS } = reply;
    const endsAtS = ttlS === null ? null : this.#clock.wallMs() / 1000 + ttlS;
    return { bytes, cells: NO_CELLS, flags, mtimeS: null, endsAtS };
  }
}

/** What Memcached can have a value under: anything else, a client of it refuses to write. */
function isKey(key: string): boolean {
  return key !== '' && !/[\0-\x20\x7f]/.test(key) && Buffer.byteLength(key) <= KEY_BYTES_MAX;
}
