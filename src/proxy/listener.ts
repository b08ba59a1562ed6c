// One bound address of one worker: accepts, keeps its connections in a list, and refuses politely beyond the bound.
import type { ListenerCertificates } from '../certificates/context-table.ts';
import type { Bind, ListenerConfig } from '../config/config.ts';
import { UNCOUNTED } from '../limit/address-counts.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import { isSecure, type SecureSocket } from '../socket/tls-terms.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';
import type { AdmissionDesk } from './admission.ts';
import type { Challenges } from './challenges.ts';
import { certificateLines } from './client-certificate.ts';
import { ClientConnection } from './client-connection.ts';
import { type ClientDoor, ClientSide, plainDoor } from './client-side.ts';
import type { ConnectionHome } from './connection-home.ts';
import type { Exchange } from './exchange.ts';
import { PROXY_FAULT } from './faults.ts';
import type { LimitBooks } from './limit-books.ts';
import { ListenerTls, type TlsListener } from './listener-tls.ts';
import { ListeningSockets } from './listening-sockets.ts';
import type { Plane } from './plane.ts';
import { ProxyGreeter } from './proxy-greeter.ts';
import { isGuarded, mayBegin, receive } from './reception.ts';

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
  readonly listeners: {
    /** What the main thread last said of the TLS of the listener of that name; null: nothing yet. */
    certificatesOf(listener: string): ListenerCertificates | null;
    /** What authorities of certificates are answered; null, but while a certificate is ordered. */
    readonly challenges: Challenges | null;
  };
  /** At the bound: whether somebody gave way. */
  makeRoom(): boolean;
  readonly limits: LimitBooks;
  newExchange(): Exchange;
  /** A client connection has closed. */
  connectionGone(): void;
}

/** Listens for one worker. */
export class Listener implements ConnectionHome<ClientConnection>, TlsListener {
  readonly plane: ListenerPlane;
  name: string;
  readonly bind: Bind;
  stopping = false;
  readonly #sockets: ListeningSockets;
  #connectionsCell: number;
  readonly #exchanges: Exchange[] = [];
  /** Connections begin with a PROXY header. */
  #greets = false;
  /** Null: they never did. */
  #greeter: ProxyGreeter | null = null;
  #redirectPort: number | null = null;
  /** Null: plain HTTP. */
  #tls: ListenerTls | null = null;
  #stoppingIdleMs = LAST_REQUEST_MS;
  #first: ClientConnection | null = null;
  count = 0;

  constructor(plane: ListenerPlane, config: ListenerConfig) {
    this.plane = plane;
    this.name = config.name;
    this.bind = config.bind;
    this.#sockets = new ListeningSockets(config.bind, {
      take: (server) => plane.sockets.accept(server, (socket) => this.#accepted(socket), this.#tls !== null),
      onClosed: () => plane.connectionGone(),
    });
    this.#greets = config.proxyProtocol;
    if (config.proxyProtocol) this.#greeter = new ProxyGreeter(this);
    this.#connectionsCell = plane.metrics.book.gauge('limpet_connections', { listener: config.name });
    this.#redirectPort = config.redirectPort;
    this.#useTls(config);
  }

  get idleMs(): number {
    return this.stopping ? Math.min(this.plane.idleMs, this.#stoppingIdleMs) : this.plane.idleMs;
  }

  /** A reload says something else of the address that it is bound to: what that is holds for connections from now on. */
  use(config: ListenerConfig): void {
    this.#greets = config.proxyProtocol;
    if (config.proxyProtocol) this.#greeter ??= new ProxyGreeter(this);
    this.#redirectPort = config.redirectPort;
    this.#useTls(config);
    if (config.name === this.name) return;
    const { book } = this.plane.metrics;
    book.values[this.#connectionsCell]! -= this.count;
    this.#connectionsCell = book.gauge('limpet_connections', { listener: config.name });
    book.values[this.#connectionsCell]! += this.count;
    this.name = config.name;
    this.#greeter?.rename();
  }

  /** New certificates: connections and handshakes under way go on with the old ones. */
  setCertificates(state: ListenerCertificates): void {
    this.#tls?.useCertificates(state);
  }

  #useTls({ name, tls }: ListenerConfig): void {
    if (tls === null) {
      this.#tls?.kill();
      this.#tls = null;
      return;
    }
    this.#tls ??= new ListenerTls(this, tls);
    this.#tls.use(tls, this.plane.listeners.certificatesOf(name));
  }

  /** Binds. `shared`: other workers bind the same port (`reusePort`). Rejects with the system's error. */
  listen(shared: boolean, backlog: number): Promise<void> {
    return this.#sockets.listen(shared, backlog);
  }

  /** Takes over the socket of a descriptor that listens already. `keepsFile`: a unix socket's file is somebody else's to remove. */
  adopt(fd: number, backlog: number, keepsFile: boolean): Promise<void> {
    return this.#sockets.adopt(fd, backlog, keepsFile);
  }

  /** The descriptors that it listens on, for a successor. −1: one cannot be told. */
  get descriptors(): number[] {
    return this.#sockets.descriptors;
  }

  /** The port that was bound; 0 for a unix socket. */
  get port(): number {
    return this.#sockets.port;
  }

  #accepted(socket: ByteSocket): void {
    const plane = this.plane;
    this.#sockets.accepts++;
    if (!(plane.mayAccept() || plane.makeRoom())) {
      plane.limits.shed('full');
      // Beyond the bound an answer is still owed, but not to everybody: a second bound is kept by closing at once. By TLS nothing
      // can be said without a handshake, which is worth more than the answer.
      if (this.#tls !== null || plane.refusing >= plane.refusingMax) {
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
    else if (this.#tls !== null) this.#shakeHands(this.#tls, socket, null, null);
    else if (isGuarded(plane.generation)) receive(plane, this.#add(socket), socket.remoteAddress);
    else this.#add(socket);
  }

  get firstConnection(): ClientConnection | null {
    return this.#first;
  }

  /** A handshake that has begun before `beforeMs` makes room; false: there is none. */
  giveWay(beforeMs: number): boolean {
    return this.#tls?.giveWay(beforeMs) ?? false;
  }

  get isUnix(): boolean {
    return this.bind.kind === 'unix';
  }

  greeted(socket: ByteSocket, header: ProxyHeader, bytes: Uint8Array, start: number, end: number): void {
    if (this.#tls !== null) {
      this.#shakeHands(this.#tls, socket, bytes.subarray(start, end), header);
      return;
    }
    const connection = this.#add(socket);
    connection.side = this.#sideOf(socket, header);
    if (this.#received(connection) && start < end) connection.onBytes(bytes, start, end);
  }

  /** False: it may not stay, and is told so or closed. */
  #received(connection: ClientConnection): boolean {
    const { plane } = this;
    return !isGuarded(plane.generation) || receive(plane, connection, connection.side.address);
  }

  #shakeHands(
    tls: ListenerTls,
    socket: ByteSocket,
    first: Uint8Array | null,
    header: ProxyHeader | null,
  ): void {
    const { plane } = this;
    // A handshake costs more than to say who comes: who may not stay is closed before it.
    if (isGuarded(plane.generation) && !mayBegin(plane, header?.source?.address ?? socket.remoteAddress)) {
      socket.destroy();
      return;
    }
    this.#counted(1);
    tls.begin(socket, first, header);
  }

  /** From its TLS: a handshake is done. */
  secured(socket: SecureSocket, welcome: boolean, header: ProxyHeader | null): void {
    const connection = this.#adopt(socket);
    if (header !== null) connection.side = this.#sideOf(socket, header);
    if (!this.#received(connection) || welcome) return;
    this.plane.metrics.unread(PROXY_FAULT.clientCertificate.status);
    connection.refuse(PROXY_FAULT.clientCertificate, false);
  }

  /** From its TLS: the client speaks plain HTTP, and is told so in its own words. */
  plainOnTls(socket: ByteSocket, header: ProxyHeader | null): void {
    const connection = this.#adopt(socket);
    if (header !== null) connection.side = this.#sideOf(socket, header);
    if (!this.#received(connection)) return;
    this.plane.metrics.unread(PROXY_FAULT.plainOnTls.status);
    connection.refuse(PROXY_FAULT.plainOnTls, false);
  }

  /** From its TLS: a connection is gone that nothing came of. */
  lost(): void {
    this.#counted(-1);
    this.plane.connectionGone();
  }

  #add(socket: ByteSocket): ClientConnection {
    this.#counted(1);
    return this.#adopt(socket);
  }

  /** A connection more, or one less. */
  #counted(by: 1 | -1): void {
    this.count += by;
    this.plane.connections += by;
    this.plane.metrics.book.values[this.#connectionsCell]! += by;
  }

  /** A connection that is counted already. */
  #adopt(socket: ByteSocket): ClientConnection {
    const connection = new ClientConnection(this, socket);
    connection.next = this.#first;
    if (this.#first !== null) this.#first.previous = connection;
    this.#first = connection;
    return connection;
  }

  gone(connection: ClientConnection): void {
    if (connection.previous !== null) connection.previous.next = connection.next;
    else if (this.#first === connection) this.#first = connection.next;
    if (connection.next !== null) connection.next.previous = connection.previous;
    connection.previous = null;
    connection.next = null;
    if (connection.addressRow !== UNCOUNTED) this.plane.limits.leave(connection.addressRow);
    this.#counted(-1);
    this.plane.connectionGone();
  }

  sideOf(socket: ByteSocket): ClientSide {
    return this.#sideOf(socket, null);
  }

  #sideOf(socket: ByteSocket, header: ProxyHeader | null): ClientSide {
    const { trustedProxies } = this.plane.generation;
    const { source = null, destination = null } = header ?? {};
    return new ClientSide(socket.remoteAddress, this.#doorOf(socket), trustedProxies, source, destination);
  }

  #doorOf(socket: ByteSocket): ClientDoor {
    if (!isSecure(socket)) return plainDoor(this.port);
    const certificate =
      this.#tls === null || !this.#tls.asksCertificate ? '' : certificateLines(socket.clientCertificate());
    const agreed = this.plane.access?.tellsTls === true ? socket.agreement() : null;
    const answerLines = this.#tls?.answerLines ?? null;
    return { port: this.port, secure: true, agreed, certificate, answerLines };
  }

  takeExchange(): Exchange {
    return this.#exchanges.pop() ?? this.plane.newExchange();
  }

  giveExchange(exchange: Exchange): void {
    if (this.#exchanges.length < KEPT_EXCHANGES_MAX) this.#exchanges.push(exchange);
  }

  admit(connection: ClientConnection) {
    const { challenges } = this.plane.listeners;
    if (challenges !== null) {
      const answer = challenges.answerTo(this.plane.requestHead);
      if (answer !== null) return this.plane.admission.toAuthority(connection, answer);
    }
    if (this.#redirectPort !== null) return this.plane.admission.toHttps(connection, this.#redirectPort);
    return this.plane.admission.admit(this, connection);
  }

  /**
   * Stops accepting and closes what is idle; `kill` is to follow after `deadlineMs`. `handedOver`: a successor accepts from the same sockets, and
   * has their files.
   */
  drain(deadlineMs: number, handedOver = false): void {
    this.stopping = true;
    // Half the deadline at the most, so that nobody who only idles has to be cut.
    this.#stoppingIdleMs = Math.min(LAST_REQUEST_MS, deadlineMs / 2);
    if (handedOver) this.#sockets.leaveFile();
    this.#sockets.acceptRest();
    this.#greeter?.drain();
    for (const connection of this.#all()) connection.drain();
  }

  /** Whether the last connection has been accepted. */
  get closed(): boolean {
    return this.#sockets.closed;
  }

  /** Nothing comes any more, and nobody is left, nor anybody who has not said yet who he is. */
  get isOver(): boolean {
    return this.closed && this.count === 0 && (this.#greeter === null || this.#greeter.waiting === 0);
  }

  /** Tells those of its connections that can be told that they end soon. */
  leave(): void {
    for (const connection of this.#all()) connection.leave();
  }

  /** Closes every connection at once. */
  kill(): void {
    this.#sockets.close();
    this.#greeter?.kill();
    this.#tls?.kill();
    for (const connection of this.#all()) connection.kill();
  }

  #all(): ClientConnection[] {
    const all: ClientConnection[] = [];
    for (let c = this.#first; c !== null; c = c.next) all.push(c);
    return all;
  }
}
