// TLS handshakes under way at one listener: each has a time, all together a bound, and what becomes of them is counted.
import { type Deadlines, LOOSE, type Timed } from '../base/deadlines.ts';
import { type ByteSocket, noOwner, type SocketOwner } from '../socket/byte-socket.ts';
import type { SocketMaker } from '../socket/handle-socket.ts';
import type { Handshaker, SecureSocket, SecureTerms } from '../socket/tls-terms.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';

/** How a handshake may end; the label of limpet_tls_handshakes_total. */
export const HANDSHAKE = {
  full: 'full',
  resumed: 'resumed',
  /** It took too long. */
  timeout: 'timeout',
  /** Others came while there were too many. */
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

/** Content type of the record that a ClientHello comes in (RFC 8446 section 5.1). */
const HANDSHAKE_RECORD = 0x16;

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
  #over = false;

  constructor(all: Handshakes, raw: ByteSocket, header: ProxyHeader | null) {
    this.#all = all;
    this.#header = header;
    this.#socket = raw;
    raw.owner = this;
  }

  /** The first bytes say what the client speaks. */
  onBytes(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    const { host } = this.#all;
    const first = bytes[start]!;
    if (first === HANDSHAKE_RECORD) {
      const { terms } = host;
      if (terms === null) this.give(HANDSHAKE.unready);
      else this.#socket = host.sockets.secure(this.#socket, bytes.subarray(start, end), terms, this);
      return;
    }
    // A method begins with a letter.
    const letter = first | 0x20;
    if (letter < 0x61 || letter > 0x7a) {
      this.give(HANDSHAKE.garbage);
      return;
    }
    this.#end(HANDSHAKE.http);
    host.plain(this.#socket, this.#header);
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
