// Who is named to upstreams that want the PROXY protocol: one client connection, and the upstream connections that are its alone.
import { type Endpoint, layProxyHeader, type ProxyProtocol } from '../wire/proxy-header.ts';
import type { KeptConnection, Upstream } from './upstream.ts';

/** An idle connection that began with a client's name. */
export interface HeraldedConnection extends KeptConnection {
  readonly upstream: Upstream;
}

/**
 * A connection that began with a client's name must carry nobody else's requests: whoever reads the header takes all of them for his.
 * So such connections are kept for the one client connection that they were dialled for, and close with it.
 */
export class Herald {
  readonly #source: Endpoint;
  readonly #destination: Endpoint;
  readonly #idle: HeraldedConnection[] = [];
  #over = false;

  /** `source`: the client; `destination`: what he connected to. Where one is no IP address, the header names nobody. */
  constructor(source: Endpoint, destination: Endpoint) {
    this.#source = source;
    this.#destination = destination;
  }

  header(version: ProxyProtocol): Uint8Array {
    return layProxyHeader(version, this.#source, this.#destination);
  }

  /** The client's freshest idle connection to `upstream`, or null. It leaves the list. */
  take(upstream: Upstream): HeraldedConnection | null {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const connection = this.#idle[i]!;
      if (connection.upstream !== upstream) continue;
      this.#idle.splice(i, 1);
      return connection;
    }
    return null;
  }

  /** Keeps `connection` for the client's next request. False: the client is gone. */
  keep(connection: HeraldedConnection): boolean {
    if (!this.#over) this.#idle.push(connection);
    return !this.#over;
  }

  /** `connection` is of no use any more. */
  forget(connection: HeraldedConnection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** The client is gone: nobody else may use what was kept for him. */
  end(): void {
    this.#over = true;
    while (this.#idle.length > 0) this.#idle.pop()!.destroy();
  }
}
