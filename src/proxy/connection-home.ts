// What a client connection needs of the listener that it came through.
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { ClientSide } from './client-side.ts';
import type { Exchange } from './exchange.ts';
import type { Plane } from './plane.ts';

/** The listener, as its connections (`C`) see it. */
export interface ConnectionHome<C> {
  readonly plane: Plane;
  readonly name: string;
  /** It stops: connections say so, and close after their answer. */
  readonly stopping: boolean;
  /** How long a client may be idle, ms; short once it stops. */
  readonly idleMs: number;
  /** What is known of a peer, for its forwarding fields. */
  sideOf(socket: ByteSocket): ClientSide;
  takeExchange(): Exchange;
  giveExchange(exchange: Exchange): void;
  /** Decides about the request in `plane.requestHead`: begins the exchange, or has answered it (true: keep the connection). */
  admit(connection: C): Admission;
  gone(connection: C): void;
}

/** What became of a request that was read. */
export type Admission = 'begun' | 'answered' | 'closing';
