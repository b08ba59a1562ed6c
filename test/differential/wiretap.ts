// Stands between a real client and a proxy, on one port for both proxies, and keeps every byte that passes.

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Owner } from '../kit/child.ts';
import { Peer } from '../kit/peer.ts';

/** One connection of the client, both ends as they were written to. */
export interface TappedConnection {
  readonly fromClient: Peer;
  readonly fromProxy: Peer;
}

export class Wiretap {
  readonly port: number;
  readonly connections: TappedConnection[] = [];
  #target = 0;

  private constructor(server: Server) {
    // It listens on TCP.
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => this.#join(client));
  }

  /** Listens on a free port of 127.0.0.1 until its owner ends. */
  static async listen(owner: Owner): Promise<Wiretap> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const tap = new Wiretap(server);
    owner.teardown(() => {
      server.close();
      tap.aim(0);
    });
    return tap;
  }

  /** Cuts what is open, forgets what passed, and leads new connections to `port`. */
  aim(port: number): void {
    this.#target = port;
    for (const { fromClient, fromProxy } of this.connections.splice(0)) {
      fromClient.destroy();
      fromProxy.destroy();
    }
  }

  #join(client: Socket): void {
    const proxy = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    this.connections.push({ fromClient: new Peer(client), fromProxy: new Peer(proxy) });
    lead(client, proxy);
    lead(proxy, client);
  }
}

function lead(from: Socket, to: Socket): void {
  from.on('data', (piece: Buffer) => to.write(piece));
  from.on('end', () => to.end());
  from.on('close', () => to.destroySoon());
}
