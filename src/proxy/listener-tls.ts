// The TLS of one listener in one worker: its terms, its handshakes, and what becomes of them.
import type { Deadlines } from '../base/deadlines.ts';
import { ContextTable, type ListenerCertificates } from '../certificates/context-table.ts';
import type { ListenerTlsOptions } from '../certificates/options.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { SocketMaker } from '../socket/handle-socket.ts';
import type { SecureSocket } from '../socket/tls-terms.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';
import { hstsLine } from './client-side.ts';
import { type HandshakeHost, type HandshakeResult, Handshakes } from './handshakes.ts';

/** The listener, as its TLS needs it. */
export interface TlsListener {
  readonly plane: {
    readonly deadlines: Deadlines;
    readonly sockets: SocketMaker;
    readonly metrics: { readonly book: MetricBook };
  };
  readonly name: string;
  /** TLS is up. `welcome` false: the client had to show a good certificate, and has not. `header`: what `begin` was told. */
  secured(socket: SecureSocket, welcome: boolean, header: ProxyHeader | null): void;
  /** The client speaks plain HTTP here. */
  plainOnTls(socket: ByteSocket, header: ProxyHeader | null): void;
  /** A connection is gone before it was anybody's. */
  lost(): void;
}

/** TLS of a listener. */
export class ListenerTls implements HandshakeHost {
  readonly #listener: TlsListener;
  readonly #handshakes: Handshakes;
  #options: ListenerTlsOptions;
  terms: ContextTable | null = null;
  /** Lines that every answer has; null: none. */
  answerLines: Uint8Array | null = null;

  constructor(listener: TlsListener, options: ListenerTlsOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#handshakes = new Handshakes(this);
  }

  get deadlines(): Deadlines {
    return this.#listener.plane.deadlines;
  }

  get sockets(): SocketMaker {
    return this.#listener.plane.sockets;
  }

  get timeoutMs(): number {
    return this.#options.handshakeTimeoutMs;
  }

  get handshakesMax(): number {
    return this.#options.handshakes;
  }

  /** Whether apps are told of clients' certificates. */
  get asksCertificate(): boolean {
    return this.#options.clientAuth !== 'none';
  }

  /** What holds for handshakes from now on; `certificates` null: there are none yet. Those under way, and connections, are left alone. */
  use(options: ListenerTlsOptions, certificates: ListenerCertificates | null): void {
    const same = JSON.stringify(options) === JSON.stringify(this.#options);
    this.#options = options;
    this.answerLines = hstsLine(options.hsts);
    this.terms =
      certificates === null ? null : ContextTable.make(options, certificates, same ? this.terms : null);
  }

  /** The same with other certificates. */
  useCertificates(certificates: ListenerCertificates): void {
    this.terms = ContextTable.make(this.#options, certificates, this.terms);
  }

  /** A socket was accepted; `first`: what was read off it already; `header`: what came before, and says who the client is. */
  begin(raw: ByteSocket, first: Uint8Array | null, header: ProxyHeader | null): void {
    this.#handshakes.begin(raw, first, header);
  }

  /** One that has begun before `beforeMs` makes room; false: there is none. */
  giveWay(beforeMs: number): boolean {
    return this.#handshakes.giveWay(beforeMs);
  }

  /** Ends the handshakes that are under way. */
  kill(): void {
    this.#handshakes.kill();
  }

  count(result: HandshakeResult): void {
    const { book } = this.#listener.plane.metrics;
    book.values[book.counter('limpet_tls_handshakes_total', { listener: this.#listener.name, result })]!++;
  }

  secured(socket: SecureSocket, header: ProxyHeader | null): void {
    const welcome = this.#options.clientAuth !== 'required' || socket.clientCertificate()?.verified === true;
    this.#listener.secured(socket, welcome, header);
  }

  plain(socket: ByteSocket, header: ProxyHeader | null): void {
    this.#listener.plainOnTls(socket, header);
  }

  lost(): void {
    this.#listener.lost();
  }
}
