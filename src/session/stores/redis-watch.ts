// All servers that sessions are read from: changes are vouched for only while each of them tells.
import { Cluster, type Redis } from 'ioredis';
import type { Random } from '../../base/random.ts';
import type { StoreListener } from '../store.ts';
import { RedisServerWatch } from './redis-server-watch.ts';

/** Follows the nodes of a cluster and the master of sentinels. `clients` are closed by their owner. */
export class RedisWatch {
  readonly #clients: readonly (Redis | Cluster)[];
  readonly #random: Random;
  readonly #listener: StoreListener;
  readonly #servers = new Map<Redis, RedisServerWatch>();
  #up = false;
  #closed = false;

  constructor(clients: readonly (Redis | Cluster)[], random: Random, listener: StoreListener) {
    this.#clients = clients;
    this.#random = random;
    this.#listener = listener;
    for (const client of clients) {
      if (client instanceof Cluster) this.#follow(client);
      else this.#add(client);
    }
    this.#weigh();
  }

  close(): void {
    this.#closed = true;
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
  }

  #follow(cluster: Cluster): void {
    for (const node of cluster.nodes()) this.#add(node);
    // Before the first question can leave for it.
    cluster.on('+node', (node: Redis) => {
      this.#add(node);
      this.#weigh();
    });
    cluster.on('-node', (node: Redis) => {
      this.#remove(node);
      this.#weigh();
    });
    let masters = '';
    cluster.on('refresh', () => {
      const now = namesOf(cluster.nodes('master'));
      // Because: one that is a replica now learns of changes late, and what was read there is vouched for no more.
      if (masters !== '' && now !== masters) this.#end("the cluster's masters are others now");
      masters = now;
      this.#weigh();
    });
    for (const event of ['ready', 'close']) cluster.on(event, () => this.#weigh());
  }

  #add(reader: Redis): void {
    if (this.#closed || this.#servers.has(reader)) return;
    const listener = this.#listener;
    const server = new RedisServerWatch(reader, this.#random, {
      changed: (key) => listener.changed(key),
      allChanged: () => listener.allChanged(),
      garbled: () => listener.garbled(),
      begins: () => this.#weigh(),
      stands: () => this.#weigh(),
      lost: (why) => {
        // What was read there is told of no more, whatever else still stands.
        this.#end(why);
        this.#weigh();
      },
    });
    this.#servers.set(reader, server);
    server.begin();
  }

  #remove(reader: Redis): void {
    const server = this.#servers.get(reader);
    if (server === undefined) return;
    this.#servers.delete(reader);
    server.close();
    if (this.#up) this.#end('a node of the cluster has left');
  }

  #end(why: string): void {
    this.#up = false;
    this.#listener.vouches(false, `redis: ${why}`);
  }

  #weigh(): void {
    if (this.#closed) return;
    // Each is looked at, since that connects to it too.
    const complete = this.#clients.map((client) => this.#isComplete(client)).every((each) => each);
    if (complete === this.#up) return;
    if (!complete) this.#end('a server does not tell of changes yet');
    else {
      this.#up = true;
      this.#listener.vouches(true, null);
    }
  }

  #isComplete(client: Redis | Cluster): boolean {
    if (!(client instanceof Cluster)) return this.#servers.get(client)?.stands === true;
    if (client.status !== 'ready') return false;
    const asked = client.nodes(client.options.scaleReads === 'slave' ? 'slave' : 'master');
    const needed = asked.length === 0 ? client.nodes('master') : asked;
    for (const node of needed) if (node.status === 'wait') node.connect().catch(() => {});
    // Any that is connected may be asked: a slot may have moved there a moment ago.
    const connected = client.nodes().filter(({ status }) => status === 'ready');
    const all = [...needed, ...connected];
    return all.length > 0 && all.every((node) => this.#servers.get(node)?.stands === true);
  }
}

function namesOf(nodes: readonly Redis[]): string {
  return nodes
    .map(({ options }) => `${options.host}:${options.port}`)
    .sort()
    .join();
}
