// What an exchange needs of the client connection that it belongs to.
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { UpstreamConnection } from '../upstream/connection.ts';
import type { ClientSide } from './client-side.ts';
import type { SessionMemo } from './session-memo.ts';
import type { Tunnel, TunnelExchange } from './tunnel.ts';

/** The client's side of an exchange. */
export interface ExchangeClient {
  readonly socket: ByteSocket;
  readonly side: ClientSide;
  /** Name of the listener that it came through. */
  readonly listener: string;
  /** Its listener stops: the connection says so, and closes after its answer. */
  readonly stopping: boolean;
  /** What the connection remembers of its last check; null before the first. */
  sessionMemo: SessionMemo | null;
  /** The answer is complete. `keep`: the connection may serve on; else it closes once all has left. */
  onAnswered(keep: boolean): void;
  /** The answer cannot be completed: the connection must end so that nobody takes it for complete. */
  cut(hard: boolean): void;
  /** Stop or go on reading the request's body. */
  pauseBody(): void;
  resumeBody(): void;
  /** 101 went out: both sides are bytes from now on. */
  openTunnel(connection: UpstreamConnection, exchange: TunnelExchange): Tunnel;
  /** Sets when this request must be over, ms. */
  armRequest(atMs: number): void;
}
