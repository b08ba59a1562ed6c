// TLS as the server on a stream, by Node's own TLSSocket: for a Node whose handles are not as expected.
import type { Socket } from 'node:net';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import { noOwner } from './byte-socket.ts';
import { StreamSocket } from './stream-socket.ts';
import type { ClientCertificate, Handshaker, SecureSocket, SecureTerms, TlsAgreement } from './tls-terms.ts';

/** So long the end of a stream is waited for that is to be destroyed behind it, ms. */
const PARTING_MS = 1000;

/** A stream socket whose bytes are the plain ones. */
class SecureStream extends StreamSocket implements SecureSocket {
  readonly #tls: TLSSocket;
  #parting = false;

  constructor(tls: TLSSocket) {
    super(tls, noOwner);
    this.#tls = tls;
  }

  override get destroyed(): boolean {
    return this.#parting || super.destroyed;
  }

  /** What was ended has its close_notify on the way, which would be lost, and the answer be taken for cut. */
  override destroy(): void {
    const tls = this.#tls;
    if (!tls.writableEnded || tls.writableFinished || tls.destroyed) {
      super.destroy();
      return;
    }
    if (this.#parting) return;
    this.#parting = true;
    const timer = setTimeout(() => super.destroy(), PARTING_MS);
    tls.once('finish', () => super.destroy());
    tls.once('close', () => clearTimeout(timer));
  }

  agreement(): TlsAgreement | null {
    const version = this.#tls.getProtocol();
    return version === null || this.#tls.destroyed ? null : { version, cipher: this.#tls.getCipher().name };
  }

  clientCertificate(): ClientCertificate | null {
    // Because: Node's types have no server that shows nothing; its object is empty then.
    const { raw } = this.#tls.getPeerCertificate(false) as { raw?: Uint8Array };
    if (raw === undefined) return null;
    // Because: `authorized` is only set by tls.Server; what it asks is undocumented, and where it is not there nobody is trusted.
    const { ssl } = this.#tls as unknown as { ssl?: { verifyError?: () => unknown } | null };
    if (ssl === null || ssl === undefined || typeof ssl.verifyError !== 'function')
      return { der: raw, verified: false };
    const error = ssl.verifyError();
    return { der: raw, verified: error === null || error === undefined };
  }
}

/** See SocketMaker.secure. */
export function secureStream(
  socket: Socket,
  first: Uint8Array,
  terms: SecureTerms,
  name: string | null,
  handshaker: Handshaker,
): SecureSocket {
  const options: TLSSocketOptions = {
    isServer: true,
    secureContext: terms.contextFor(name),
    requestCert: terms.asksCertificate,
    // Who shows nothing is refused by OpenSSL where that is asked for; who shows something bad, by the owner.
    rejectUnauthorized: false,
    ALPNProtocols: terms.protocols,
  };
  // A stream that flows would drop what is put back, for want of a listener.
  socket.pause();
  if (first.length > 0) socket.unshift(Buffer.from(first));
  const tls = new TLSSocket(socket, options);
  tls.setNoDelay(true);
  const secure = new SecureStream(tls);
  let told = false;
  const fail = (code: string): void => {
    if (told) return;
    told = true;
    tls.destroy();
    handshaker.onInsecure(code);
  };
  tls.once('secure', () => {
    if (told) return;
    if (terms.needsCertificate && secure.clientCertificate() === null) {
      fail('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
      return;
    }
    told = true;
    handshaker.onSecure(secure, tls.isSessionReused());
  });
  tls.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'ERR_SSL'));
  tls.once('close', () => fail('closed'));
  tls.once('end', () => fail('closed'));
  return secure;
}
