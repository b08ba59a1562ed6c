// What is known of a client connection for all its requests: its address, whether it is a trusted proxy, and the fields that say so.
import { latin1Bytes } from '../base/byte-writer.ts';
import type { AccessList } from '../limit/access-list.ts';
import { type AddressWords, parseAddress } from '../limit/address-words.ts';
import { plainAddress, type TrustedProxies } from '../plan/trusted-proxies.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { TlsAgreement } from '../socket/tls-terms.ts';
import { Herald } from '../upstream/herald.ts';
import type { Endpoint } from '../wire/proxy-header.ts';

/** What a listener knows of a connection by how it came. */
export interface ClientDoor {
  /** Port of the listener; 0 for a unix socket. */
  readonly port: number;
  /** It came by TLS. */
  readonly secure: boolean;
  /** Null: plain HTTP, or nobody asks. */
  readonly agreed: TlsAgreement | null;
  /** Lines about the client's certificate, for the app; '' where none is asked for. */
  readonly certificate: string;
  /** Lines that every answer has; null: none. */
  readonly answerLines: Uint8Array | null;
}

/** Plain HTTP at `port`. */
export function plainDoor(port: number): ClientDoor {
  return { port, secure: false, agreed: null, certificate: '', answerLines: null };
}

/** The line that keeps browsers on HTTPS (RFC 6797 section 6.1), which is never said on plain HTTP; null: none. */
export function hstsLine(value: string | null): Uint8Array | null {
  return value === null ? null : latin1Bytes(`Strict-Transport-Security: ${value}\r\n`);
}

/** Made with a connection's first request. */
export class ClientSide {
  /** Address of the peer; `unix:` for a unix socket, `unknown` where `gone`. */
  readonly address: string;
  /** A reset has overtaken what the client sent: there is no peer any more, and none to name to an upstream. */
  readonly gone: boolean;
  readonly trusted: boolean;
  /** X-Forwarded-For, -Proto, -Port, X-Real-IP and what is known of its certificate as ready lines: what a client that is nobody's proxy gets. */
  readonly forwarded: Uint8Array;
  /** The port that the client connected to; 0 for a unix socket. */
  readonly port: number;
  /** What it connected to, as a PROXY header said; null: there was none, or it named nobody. */
  readonly destination: Endpoint | null;
  /** Its own port, as a PROXY header said. */
  readonly sourcePort: number;
  /** Names it to upstreams that want the PROXY protocol; null until one is asked. */
  herald: Herald | null = null;
  readonly secure: boolean;
  /** What TLS agreed on, where the access log tells it. */
  readonly agreed: TlsAgreement | null;
  /** Lines about the client's certificate; null: none is asked for. */
  readonly certificate: Uint8Array | null;
  /** Lines that every answer has; null: none. */
  readonly answerLines: Uint8Array | null;
  /** What the list said that was asked last, of which version: a connection is judged once. */
  judgedBy: AccessList | null = null;
  judgedVersion = 0;
  mayCome = true;
  #words: AddressWords | null | undefined = undefined;

  /**
   * `remoteAddress`: empty for a unix socket, and without a peer. `source`: the client as a PROXY header named it, in place of the peer;
   * `destination`: what that says he connected to.
   */
  constructor(
    remoteAddress: string,
    door: ClientDoor,
    proxies: TrustedProxies,
    source: Endpoint | null = null,
    destination: Endpoint | null = null,
  ) {
    const { port, secure, certificate } = door;
    const nameless = port === 0 ? 'unix:' : 'unknown';
    const peer = remoteAddress === '' ? nameless : plainAddress(remoteAddress);
    const address = source === null ? peer : source.address;
    this.address = address;
    this.sourcePort = source === null ? 0 : source.port;
    this.destination = destination;
    this.gone = address === 'unknown';
    this.trusted = proxies.trusts(address);
    this.port = destination === null ? port : destination.port;
    this.secure = secure;
    this.agreed = door.agreed;
    this.certificate = certificate === '' ? null : latin1Bytes(certificate);
    this.answerLines = door.answerLines;
    const portLine = this.port === 0 ? '' : `X-Forwarded-Port: ${this.port}\r\n`;
    this.forwarded = latin1Bytes(
      `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${this.scheme}\r\n${portLine}X-Real-IP: ${address}\r\n${certificate}`,
    );
  }

  get scheme(): 'http' | 'https' {
    return this.secure ? 'https' : 'http';
  }

  /** `lines` of an answer with those that every answer has. */
  ownLines(lines: Uint8Array | null): Uint8Array | null {
    if (this.answerLines === null) return lines;
    return lines === null ? this.answerLines : Buffer.concat([lines, this.answerLines]);
  }

  /** The peer's address as numbers, for lists and limits; null: it has none. */
  get words(): AddressWords | null {
    if (this.#words === undefined) this.#words = parseAddress(this.address);
    return this.#words;
  }
}

/** Who names the client to an upstream that wants the PROXY protocol. Made with the first request to such a one. */
export function heraldOf(client: { readonly side: ClientSide; readonly socket: ByteSocket }): Herald {
  const { side, socket } = client;
  const { destination } = side;
  side.herald ??= new Herald(
    { address: side.address, port: destination === null ? socket.remotePort : side.sourcePort },
    destination ?? { address: plainAddress(socket.localAddress), port: side.port },
  );
  return side.herald;
}
