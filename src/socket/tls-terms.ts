// What a listener's TLS is made of, as its sockets see it, and who hears how a handshake goes.
import type { SecureContext } from 'node:tls';
import type { ByteSocket } from './byte-socket.ts';

/** The terms of new handshakes. A later set of terms leaves those under way alone. */
export interface SecureTerms {
  /** What serves clients of that name, which is in lower case; null: such as name nobody. */
  contextFor(name: string | null): SecureContext;
  readonly asksCertificate: boolean;
  /** Without a certificate there is no handshake. Whether it is good is for the owner to judge. */
  readonly needsCertificate: boolean;
  /** ALPN's list, each with its length before it (RFC 7301). */
  readonly protocols: Uint8Array;
}

/** Who waits for the end of a handshake. He hears of it once. */
export interface Handshaker {
  /** Plain bytes pass from now on; `socket` wants an owner at once. `resumed`: by a ticket. */
  onSecure(socket: SecureSocket, resumed: boolean): void;
  /** There will be no connection. `code`: OpenSSL's (`ERR_SSL_…`), or `closed` where the peer has left. */
  onInsecure(code: string): void;
}

/** A certificate that a client has shown. */
export interface ClientCertificate {
  readonly der: Uint8Array;
  /** It is good by the authorities of the listener, at this time. */
  readonly verified: boolean;
}

/** Whether bytes pass by TLS on it. */
export function isSecure(socket: ByteSocket): socket is SecureSocket {
  return 'clientCertificate' in socket;
}

/** What both sides have agreed on. */
export interface TlsAgreement {
  /** `TLSv1.3`. */
  readonly version: string;
  /** OpenSSL's name of the cipher suite. */
  readonly cipher: string;
}

/** A client's socket over TLS. */
export interface SecureSocket extends ByteSocket {
  /** What the client has shown; null: nothing. */
  clientCertificate(): ClientCertificate | null;
  /** Null once it is closed, and where it cannot be told. */
  agreement(): TlsAgreement | null;
}
