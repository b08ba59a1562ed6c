// TLS handshakes under way at one listener: each has a time, all together a bound, and what becomes of them is counted.
import { type Deadlines, LOOSE, type Timed } from '../base/deadlines.ts';
import { type ByteSocket, noOwner, type SocketOwner } from '../socket/byte-socket.ts';
import type { SocketMaker } from '../socket/handle-socket.ts';
import type { Handshaker, SecureSocket, SecureTerms } from '../socket/tls-terms.ts';
import { ClientHello, HELLO, HELLO_BYTES_MAX } from '../wire/client-hello.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';

/** How a handshake may end; the label of limpet_tls_handshakes_total. */
export const HANDSHAKE = {
  full: 'full',
  resumed: 'resumed',
  /** It took too long. */
  timeout: 'timeout',
  /** Others came while there were too many, of handshakes or of connections. */
  crowded: 'crowded',
  /** The client left. */
  closed: 'closed',
  /** The client speaks HTTP without TLS. */
  http: 'http',
  /** What came first is no TLS. */
  garbage: 'garbage',
  /** No protocol version in common. */
  version: 'version',
  /** No cipher in common. */
  cipher: 'cipher',
  /** No protocol of ALPN in common. */
  protocol: 'protocol',
  /** A certificate of the client is needed, and none, or a bad one, was shown. */
  certificate: 'certificate',
  /** The client has refused, most often since it does not trust the certificate. */
  refused: 'refused',
  /** The listener has no certificate yet. */
  unready: 'unready',
  failed: 'failed',
} as const;

export type HandshakeResult = (typeof HANDSHAKE)[keyof typeof HANDSHAKE];

/** The listener, as its handshakes need it. */
export interface HandshakeHost {
  readonly deadlines: Deadlines;
  readonly sockets: SocketMaker;
  /** How long one may take. */
  readonly timeoutMs: number;
  /** Beyond so many the oldest one gives way, which of all is the least likely to be somebody who means it. */
  readonly handshakesMax: number;
  /** What new handshakes are held to; null: nothing can be. */
  readonly terms: SecureTerms | null;
  count(result: HandshakeResult): void;
  /** TLS is up; `socket` wants an owner at once. */
  secured(socket: SecureSocket, header: ProxyHeader | null): void;
  /** The client speaks plain HTTP; `socket` wants an owner at once. */
  plain(socket: ByteSocket, header: ProxyHeader | null): void;
  /** The connection is gone before it could be used. */
  lost(): void;
}

/** All handshakes of a listener in one worker, the oldest first. */
export class Handshakes {
  readonly host: HandshakeHost;
  #count = 0;
  #oldest: Handshake | null = null;
  #newest: Handshake | null = null;

  constructor(host: HandshakeHost) {
    this.host = host;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Begins on `raw`; `first`: what was read off it already, to be used up before this returns; `header`: of the PROXY protocol, which came before. The host hears how it ends, by
   * `secured`, `plain` or `lost`.
   */
  begin(raw: ByteSocket, first: Uint8Array | null, header: ProxyHeader | null): void {
    if (this.#count >= this.host.handshakesMax) this.#oldest?.give(HANDSHAKE.crowded);
    const handshake = new Handshake(this, raw, header);
    handshake.older = this.#newest;
    if (this.#newest === null) this.#oldest = handshake;
    else this.#newest.newer = handshake;
    this.#newest = handshake;
    this.#count++;
    const { deadlines, timeoutMs } = this.host;
    deadlines.arm(handshake, deadlines.nowMs + timeoutMs);
    if (first !== null && first.length > 0) handshake.onBytes(first, 0, first.length);
  }

  /** Closes the oldest that has begun before `beforeMs`, for want of room; false: there is none. */
  giveWay(beforeMs: number): boolean {
    const oldest = this.#oldest;
    if (oldest === null || oldest.deadlineMs - this.host.timeoutMs > beforeMs) return false;
    oldest.give(HANDSHAKE.crowded);
    return true;
  }

  /** It is over, one way or the other. */
  remove(handshake: Handshake): void {
    if (handshake.older === null) this.#oldest = handshake.newer;
    else handshake.older.newer = handshake.newer;
    if (handshake.newer === null) this.#newest = handshake.older;
    else handshake.newer.older = handshake.older;
    handshake.older = null;
    handshake.newer = null;
    this.#count--;
    this.host.deadlines.drop(handshake);
  }

  /** Ends all. */
  kill(): void {
    while (this.#oldest !== null) this.#oldest.give(HANDSHAKE.closed);
  }
}

/** What was read of it is used up before the next one. */
const hello = new ClientHello();

/** One handshake: first its raw socket's owner, then who waits for OpenSSL. */
class Handshake implements SocketOwner, Timed, Handshaker {
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelSlot: number = LOOSE;
  wheelPrev: Timed | null = null;
  wheelNext: Timed | null = null;
  older: Handshake | null = null;
  newer: Handshake | null = null;
  readonly #all: Handshakes;
  readonly #header: ProxyHeader | null;
  #socket: ByteSocket;
  /** A ClientHello that has come in part. */
  #held: Uint8Array | null = null;
  #over = false;

  constructor(all: Handshakes, raw: ByteSocket, header: ProxyHeader | null) {
    this.#all = all;
    this.#header = header;
    this.#socket = raw;
    raw.owner = this;
  }

  /** The first bytes say what the client speaks, and whom he wants. */
  onBytes(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    if (this.#held === null) {
      this.#look(bytes, start, end);
      return;
    }
    const held = Buffer.concat([this.#held, bytes.subarray(start, end)]);
    this.#held = null;
    this.#look(held, 0, held.length);
  }

  #look(bytes: Uint8Array, start: number, end: number): void {
    const state = hello.read(bytes, start, end);
    if (state === HELLO.done) this.#secure(bytes.subarray(start, end), hello.name);
    else if (state === HELLO.garbage) this.#refuse(bytes[start]!);
    else if (end - start < HELLO_BYTES_MAX) this.#held = Buffer.from(bytes.subarray(start, end));
    else this.give(HANDSHAKE.garbage);
  }

  #secure(first: Uint8Array, name: string | null): void {
    const { sockets, terms } = this.#all.host;
    if (terms === null) this.give(HANDSHAKE.unready);
    else this.#socket = sockets.secure(this.#socket, first, terms, name, this);
  }

  /** A method begins with a letter: who speaks HTTP without TLS is told so. */
  #refuse(first: number): void {
    const letter = first | 0x20;
    if (letter < 0x61 || letter > 0x7a) {
      this.give(HANDSHAKE.garbage);
      return;
    }
    this.#end(HANDSHAKE.http);
    this.#all.host.plain(this.#socket, this.#header);
  }

  onEnd(): void {
    this.give(HANDSHAKE.closed);
  }

  onDrain(): void {}

  onClosed(): void {
    this.#give(HANDSHAKE.closed);
  }

  onDeadline(): void {
    this.give(HANDSHAKE.timeout);
  }

  onSecure(socket: SecureSocket, resumed: boolean): void {
    if (this.#over) return;
    this.#end(resumed ? HANDSHAKE.resumed : HANDSHAKE.full);
    this.#all.host.secured(socket, this.#header);
  }

  onInsecure(code: string): void {
    this.#give(resultOf(code));
  }

  /** Closes it. */
  give(result: HandshakeResult): void {
    this.#give(result);
    this.#socket.destroy();
  }

  #give(result: HandshakeResult): void {
    if (this.#over) return;
    this.#end(result);
    this.#all.host.lost();
  }

  #end(result: HandshakeResult): void {
    this.#over = true;
    if (this.#socket.owner === this) this.#socket.owner = noOwner;
    this.#all.remove(this);
    this.#all.host.count(result);
  }
}

/** OpenSSL's codes in words that a graph can use. */
function resultOf(code: string): HandshakeResult {
  if (code === 'closed' || code === 'ECONNRESET' || code === 'EPIPE') return HANDSHAKE.closed;
  if (code.includes('PROTOCOL_VERSION') || code.includes('UNSUPPORTED_PROTOCOL')) return HANDSHAKE.version;
  if (code.includes('NO_SHARED_CIPHER')) return HANDSHAKE.cipher;
  if (code.includes('NO_APPLICATION_PROTOCOL')) return HANDSHAKE.protocol;
  if (code.includes('PEER_DID_NOT_RETURN_A_CERTIFICATE')) return HANDSHAKE.certificate;
  return code.includes('ALERT') ? HANDSHAKE.refused : HANDSHAKE.failed;
}
