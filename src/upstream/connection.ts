// One connection to an upstream: dialled, busy with one exchange, or idle; never reused after anything unexpected.
import { connect, type TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { ByteWriter } from '../base/byte-writer.ts';
import { type Deadlines, LOOSE, type Timed } from '../base/deadlines.ts';
import type { LaterJob, LaterWork } from '../base/later-work.ts';
import type { ByteSocket, SocketOwner } from '../socket/byte-socket.ts';
import { noOwner } from '../socket/byte-socket.ts';
import type { SocketMaker } from '../socket/handle-socket.ts';
import { StreamSocket } from '../socket/stream-socket.ts';
import type { Herald, HeraldedConnection } from './herald.ts';
import type { Address, KeptConnection, Upstream, UpstreamTls } from './upstream.ts';

/** Who uses a connection: told of everything that happens on it while it is his. */
export interface ConnectionUser {
  onConnected(connection: UpstreamConnection): void;
  onUpstreamBytes(connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void;
  /** The upstream sends no more. */
  onUpstreamEnd(connection: UpstreamConnection): void;
  onUpstreamDrain(connection: UpstreamConnection): void;
  /** The connection is gone; `code` as of SocketOwner.onClosed. */
  onUpstreamClosed(connection: UpstreamConnection, code: string | null): void;
  /** The deadline that the user armed on the connection has come. */
  onUpstreamDeadline(connection: UpstreamConnection): void;
  /** The upstream was found hung while it owes this user an answer. */
  onUpstreamHung(connection: UpstreamConnection): void;
}

/**
 * A connection beyond the bound of idle ones waits this long before it is closed. Without that, more clients than the bound, all busy,
 * would close and dial connections at every ebb of a millisecond.
 */
const SURPLUS_MS = 100;

/** Made once a thread: what connections share. */
export interface ConnectionHost {
  readonly sockets: SocketMaker;
  readonly deadlines: Deadlines;
}

/** A connection. While idle it listens for the close, and for bytes that nobody asked for (A6). */
export class UpstreamConnection implements SocketOwner, Timed, HeraldedConnection, LaterJob {
  upstream: Upstream;
  readonly host: ConnectionHost;
  user: ConnectionUser | null;
  connected = false;
  /** Requests that it has carried to their end. */
  served = 0;
  readonly bornMs: number;
  /** How long the upstream says that it keeps it idle, ms. */
  keptForMs = Number.POSITIVE_INFINITY;
  /** Whether the exchange on it is owed an answer (for Upstream.owed). */
  owing = false;
  /** Whose connection it is alone, having begun with his name; null: anybody's. */
  readonly herald: Herald | null;
  busyNext: KeptConnection | null = null;
  busyPrev: KeptConnection | null = null;
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelSlot: number = LOOSE;
  wheelPrev: Timed | null = null;
  wheelNext: Timed | null = null;
  socket: ByteSocket;
  #gone = false;

  private constructor(
    host: ConnectionHost,
    upstream: Upstream,
    user: ConnectionUser,
    address: Address,
    herald: Herald | null,
  ) {
    this.herald = herald;
    this.host = host;
    this.upstream = upstream;
    this.user = user;
    this.bornMs = host.deadlines.nowMs;
    upstream.linkBusy(this);
    const tls = upstream.spec.tls;
    this.socket =
      tls === null ? host.sockets.dial(address, this, () => this.#onConnect()) : this.#dialTls(address, tls);
  }

  /**
   * Dials `address` for `user`, who hears of `onConnected` or `onUpstreamClosed`, never inside this call. `herald`: whose name the connection
   * begins with, where the upstream wants that; else null.
   */
  static dial(
    host: ConnectionHost,
    upstream: Upstream,
    address: Address,
    user: ConnectionUser,
    herald: Herald | null,
  ): UpstreamConnection {
    return new UpstreamConnection(host, upstream, user, address, herald);
  }

  get gone(): boolean {
    return this.#gone || this.socket.destroyed;
  }

  /** Whether it served before: then a close without an answer may just be the upstream's idle timeout (T2). */
  get reused(): boolean {
    return this.served > 0;
  }

  #dialTls(address: Address, tls: UpstreamTls): ByteSocket {
    const authority = this.upstream.spec.authority;
    const host = authority === null ? null : hostOf(authority);
    const servername = tls.serverName ?? (host !== null && !isAddress(host) ? host : '');
    const greeting = this.#greeting();
    const options: ConnectionOptions & { allowHalfOpen: boolean } = {
      ...(greeting === null ? address : { socket: greetedSocket(address, greeting) }),
      allowHalfOpen: true,
      rejectUnauthorized: tls.verify,
      ALPNProtocols: ['http/1.1'],
      ...(servername === '' ? {} : { servername }),
      ...(tls.ca === null ? {} : { ca: tls.ca }),
      ...(tls.cert === null ? {} : { cert: tls.cert }),
      ...(tls.key === null ? {} : { key: tls.key }),
    };
    const socket = tlsConnect(options);
    socket.setNoDelay(true);
    const wrapped = new StreamSocket(socket, this);
    socket.once('secureConnect', () => {
      this.host.sockets.watchEnd(wrapped);
      this.#onConnect();
    });
    return wrapped;
  }

  #onConnect(): void {
    if (this.#gone) return;
    this.connected = true;
    if (this.user === null) {
      this.destroy();
      return;
    }
    // Under TLS it went before the handshake.
    if (this.herald !== null && this.upstream.spec.tls === null) this.#greet();
    this.user.onConnected(this);
  }

  #greeting(): Uint8Array | null {
    const version = this.upstream.spec.proxyProtocol;
    return this.herald === null || version === null ? null : this.herald.header(version);
  }

  /** Writes the header. Nothing else has left on this connection, so that the socket takes it at once. */
  #greet(): void {
    const greeting = this.#greeting();
    if (greeting === null) return;
    const out = new ByteWriter(greeting.length);
    out.copy(greeting, 0, greeting.length);
    this.socket.write(out);
  }

  /** Gives it to `user` for one exchange. */
  use(user: ConnectionUser): void {
    this.user = user;
    this.upstream.linkBusy(this);
  }

  /** The request is on its way: an answer is owed from now on. */
  owe(nowMs: number): void {
    if (this.owing) return;
    this.owing = true;
    this.upstream.owe(nowMs);
  }

  /** A byte of the answer came, or the exchange has let go. */
  settle(): void {
    if (!this.owing) return;
    this.owing = false;
    this.upstream.owed--;
  }

  /**
   * The exchange is over and everything of it was read and written: kept for the next if the bounds allow, else closed.
   */
  release(): void {
    this.settle();
    this.user = null;
    this.upstream.unlinkBusy(this);
    while (this.upstream.heir !== null) this.upstream = this.upstream.heir;
    this.served++;
    const bounds = this.upstream.spec.keepAlive;
    const nowMs = this.host.deadlines.nowMs;
    if (
      this.gone ||
      bounds.idle === 0 ||
      this.served >= bounds.requests ||
      nowMs - this.bornMs > bounds.maxAgeMs ||
      this.upstream.address === null ||
      this.herald?.keep(this) === false
    ) {
      this.destroy();
      return;
    }
    this.upstream.idle.push(this);
    const surplus = this.upstream.idle.length > bounds.idle;
    const idleMs = Math.min(bounds.idleTimeoutMs, this.keptForMs);
    this.host.deadlines.arm(this, nowMs + (surplus ? Math.min(SURPLUS_MS, idleMs) : idleMs));
  }

  /**
   * The freshest idle connection of `upstream` that still stands, or null. It is the caller's from then on. `herald`: one that began with his
   * name; null: the upstream wants no names.
   */
  static takeIdle(upstream: Upstream, herald: Herald | null): UpstreamConnection | null {
    if (herald !== null) return UpstreamConnection.#takeOwn(upstream, herald);
    const { idle } = upstream;
    while (idle.length > 0) {
      // Because: only `release` puts connections there; did Upstream name this class, the two files would import each other.
      const connection = idle.pop() as UpstreamConnection;
      connection.host.deadlines.disarm(connection);
      if (!connection.gone) return connection;
    }
    return null;
  }

  moveTo(upstream: Upstream): void {
    this.upstream = upstream;
  }

  static #takeOwn(upstream: Upstream, herald: Herald): UpstreamConnection | null {
    for (;;) {
      // Because: only `release` gives connections to a herald.
      const connection = herald.take(upstream) as UpstreamConnection | null;
      if (connection === null) return null;
      connection.#forgetIdle();
      connection.host.deadlines.disarm(connection);
      if (!connection.gone) return connection;
    }
  }

  tellHung(): void {
    this.user?.onUpstreamHung(this);
  }

  /** Closes at once and tells nobody any more. */
  destroy(): void {
    this.#letGo();
    this.socket.destroy();
  }

  /** As `destroy`; but its socket, of which nobody hears any more, is closed when `later` comes to it. */
  destroyLater(later: LaterWork): void {
    this.#letGo();
    later.add(this);
  }

  doLater(): void {
    this.socket.destroy();
  }

  #letGo(): void {
    const user = this.user;
    this.user = null;
    if (user !== null) this.upstream.unlinkBusy(this);
    else if (this.herald !== null) this.#forgetIdle();
    this.settle();
    this.host.deadlines.drop(this);
    this.#gone = true;
    this.socket.owner = noOwner;
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    this.upstream.heardMs = this.host.deadlines.nowMs;
    if (this.user !== null) this.user.onUpstreamBytes(this, bytes, start, end);
    else this.#dropIdle();
  }

  onEnd(): void {
    if (this.user !== null) this.user.onUpstreamEnd(this);
    else this.#dropIdle();
  }

  onDrain(): void {
    if (this.user !== null) this.user.onUpstreamDrain(this);
  }

  onClosed(code: string | null): void {
    this.#gone = true;
    this.settle();
    this.host.deadlines.drop(this);
    const user = this.user;
    this.user = null;
    if (user !== null) {
      this.upstream.unlinkBusy(this);
      user.onUpstreamClosed(this, code);
    } else {
      this.#forgetIdle();
    }
  }

  onDeadline(): void {
    if (this.user !== null) this.user.onUpstreamDeadline(this);
    else this.#dropIdle();
  }

  #dropIdle(): void {
    this.#forgetIdle();
    this.destroy();
  }

  #forgetIdle(): void {
    this.herald?.forget(this);
    const at = this.upstream.idle.indexOf(this);
    if (at >= 0) this.upstream.idle.splice(at, 1);
  }
}

/** A socket on its way to `address` that says `greeting` before anything else. */
function greetedSocket(address: Address, greeting: Uint8Array) {
  // Because: the types of `connect` want TCP or a path, and `address` is one of the two.
  const socket = connect({ ...address, allowHalfOpen: true, noDelay: true } as TcpNetConnectOpts);
  socket.write(greeting);
  return socket;
}

/** Host of `host:port` or `[v6]:port`. */
function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  const colon = authority.lastIndexOf(':');
  return colon < 0 ? authority : authority.slice(0, colon);
}

/** Whether a host is an address: those get no SNI (RFC 6066 section 3). */
function isAddress(host: string): boolean {
  return host.includes(':') || /^[0-9.]+$/.test(host);
}
