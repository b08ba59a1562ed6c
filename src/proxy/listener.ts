// One bound address of one worker: accepts, keeps its connections in a list, and refuses politely beyond the bound.
import { createServer, type Server } from 'node:net';
import type { Bind, ListenerConfig } from '../config/config.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';
import type { AdmissionDesk } from './admission.ts';
import { ClientConnection } from './client-connection.ts';
import { ClientSide } from './client-side.ts';
import type { ConnectionHome } from './connection-home.ts';
import type { Exchange } from './exchange.ts';
import { PROXY_FAULT } from './faults.ts';
import type { Plane } from './plane.ts';
import { ProxyGreeter } from './proxy-greeter.ts';

/** Idle exchanges that are kept for the next requests. */
const KEPT_EXCHANGES_MAX = 256;
/**
 * How long an idle client is waited for when its listener stops, ms. Its next request may be on its way, and would be lost with a
 * connection that closes now: so long a round trip takes at the most, for nearly everybody.
 */
const LAST_REQUEST_MS = 500;

/** What a listener needs of the data plane beyond what its connections do. */
export interface ListenerPlane extends Plane {
  readonly admission: AdmissionDesk;
  /** Client connections open in this worker. */
  connections: number;
  /** Of those, such as are being told that there are too many; at most `refusingMax`. */
  refusing: number;
  readonly refusingMax: number;
  /** How long a client may be idle, ms. */
  readonly idleMs: number;
  mayAccept(): boolean;
  newExchange(): Exchange;
  /** A client connection has closed. */
  connectionGone(): void;
}

/** Listens for one worker. */
export class Listener implements ConnectionHome<ClientConnection> {
  readonly plane: ListenerPlane;
  name: string;
  readonly bind: Bind;
  stopping = false;
  readonly #server: Server;
  #connectionsCell: number;
  readonly #exchanges: Exchange[] = [];
  /** Connections begin with a PROXY header. */
  #greets: boolean;
  /** Null: they never did. */
  #greeter: ProxyGreeter | null;
  #port = 0;
  #stoppingIdleMs = LAST_REQUEST_MS;
  #first: ClientConnection | null = null;
  count = 0;

  constructor(plane: ListenerPlane, config: ListenerConfig) {
    this.plane = plane;
    this.name = config.name;
    this.bind = config.bind;
    this.#greets = config.proxyProtocol;
    this.#greeter = config.proxyProtocol ? new ProxyGreeter(this) : null;
    this.#connectionsCell = plane.metrics.book.gauge('limpet_connections', { listener: config.name });
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false });
  }

  get idleMs(): number {
    return this.stopping ? Math.min(this.plane.idleMs, this.#stoppingIdleMs) : this.plane.idleMs;
  }

  /** A reload says something else of the address that it is bound to: what that is holds for connections from now on. */
  use(config: ListenerConfig): void {
    this.#greets = config.proxyProtocol;
    if (config.proxyProtocol) this.#greeter ??= new ProxyGreeter(this);
    if (config.name === this.name) return;
    const { book } = this.plane.metrics;
    book.values[this.#connectionsCell]! -= this.count;
    this.#connectionsCell = book.gauge('limpet_connections', { listener: config.name });
    book.values[this.#connectionsCell]! += this.count;
    this.name = config.name;
    this.#greeter?.rename();
  }

  /** Binds. `shared`: other workers bind the same port (`reusePort`). Rejects with the system's error. */
  listen(shared: boolean, backlog: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const done = (): void => {
        this.#server.off('error', reject);
        // What fails later (EMFILE) concerns one accept; libuv tries again.
        this.#server.on('error', () => {});
        const address = this.#server.address();
        this.#port = address !== null && typeof address === 'object' ? address.port : 0;
        this.plane.sockets.accept(this.#server, (socket) => this.#accepted(socket));
        resolve();
      };
      if (this.bind.kind === 'unix') {
        this.#server.listen({ path: this.bind.path, backlog }, done);
      } else {
        const { host, port } = this.bind;
        this.#server.listen({ host, port, backlog, ...(shared ? { reusePort: true } : {}) }, done);
      }
    });
  }

  /** The port that was bound; 0 for a unix socket. */
  get port(): number {
    return this.#port;
  }

  #accepted(socket: ByteSocket): void {
    const plane = this.plane;
    if (this.stopping || !plane.mayAccept()) {
      // Beyond the bound an answer is still owed, but not to everybody: a second bound is kept by closing at once.
      if (this.stopping || plane.refusing >= plane.refusingMax) {
        socket.destroy();
        return;
      }
      plane.refusing++;
      const refused = this.#add(socket);
      plane.metrics.unread(PROXY_FAULT.tooManyConnections.status);
      refused.refuse(PROXY_FAULT.tooManyConnections);
      return;
    }
    if (this.#greets) this.#greeter!.take(socket);
    else this.#add(socket);
  }

  get isUnix(): boolean {
    return this.bind.kind === 'unix';
  }

  greeted(socket: ByteSocket, header: ProxyHeader, bytes: Uint8Array, start: number, end: number): void {
    const connection = this.#add(socket);
    connection.side = this.#sideOf(socket, header);
    if (start < end) connection.onBytes(bytes, start, end);
  }

  #add(socket: ByteSocket): ClientConnection {
    const connection = new ClientConnection(this, socket);
    connection.next = this.#first;
    if (this.#first !== null) this.#first.previous = connection;
    this.#first = connection;
    this.count++;
    this.plane.connections++;
    this.plane.metrics.book.values[this.#connectionsCell]!++;
    return connection;
  }

  gone(connection: ClientConnection): void {
    if (connection.previous !== null) connection.previous.next = connection.next;
    else if (this.#first === connection) this.#first = connection.next;
    if (connection.next !== null) connection.next.previous = connection.previous;
    connection.previous = null;
    connection.next = null;
    this.count--;
    this.plane.connections--;
    this.plane.metrics.book.values[this.#connectionsCell]!--;
    this.plane.connectionGone();
  }

  sideOf(socket: ByteSocket): ClientSide {
    return this.#sideOf(socket, null);
  }

  #sideOf(socket: ByteSocket, header: ProxyHeader | null): ClientSide {
    const { trustedProxies } = this.plane.generation;
    const { source = null, destination = null } = header ?? {};
    return new ClientSide(socket.remoteAddress, this.#port, trustedProxies, source, destination);
  }

  takeExchange(): Exchange {
    return this.#exchanges.pop() ?? this.plane.newExchange();
  }

  giveExchange(exchange: Exchange): void {
    if (this.#exchanges.length < KEPT_EXCHANGES_MAX) this.#exchanges.push(exchange);
  }

  admit(connection: ClientConnection) {
    return this.plane.admission.admit(this, connection);
  }

  /** Stops accepting and closes what is idle; `kill` is to follow after `deadlineMs`. */
  drain(deadlineMs: number): void {
    this.stopping = true;
    // Half the deadline at the most, so that nobody who only idles has to be cut.
    this.#stoppingIdleMs = Math.min(LAST_REQUEST_MS, deadlineMs / 2);
    this.#server.close();
    this.#greeter?.drain();
    for (const connection of this.#all()) connection.drain();
  }

  /** Closes every connection at once. */
  kill(): void {
    this.#greeter?.kill();
    for (const connection of this.#all()) connection.kill();
  }

  #all(): ClientConnection[] {
    const all: ClientConnection[] = [];
    for (let c = this.#first; c !== null; c = c.next) all.push(c);
    return all;
  }
}
