// A tunnel behind a 101: bytes both ways, with back-pressure and half-closes, until it ends or stays silent.

import { ByteWriter } from '../base/byte-writer.ts';
import type { Deadlines, Timed } from '../base/deadlines.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { ConnectionUser, UpstreamConnection } from '../upstream/connection.ts';

/** The exchange that the tunnel grew out of, as the tunnel needs it. */
export interface TunnelExchange {
  readonly plan: { readonly timeouts: { readonly tunnelMs: number } } | null;
  tunnelOver(bytesUp: number, bytesDown: number): void;
}

/** One tunnel. The client connection hands it what comes from the client; the upstream's side it hears itself. */
export class Tunnel implements ConnectionUser {
  readonly #timed: Timed;
  readonly #client: ByteSocket;
  readonly #upstream: UpstreamConnection;
  readonly #exchange: TunnelExchange;
  readonly #deadlines: Deadlines;
  readonly #out = new ByteWriter(1024);
  readonly #tunnelMs: number;
  #heardMs: number;
  #up = 0;
  #down = 0;
  #clientEnded = false;
  #upstreamEnded = false;
  #over = false;

  constructor(
    timed: Timed,
    client: ByteSocket,
    upstream: UpstreamConnection,
    exchange: TunnelExchange,
    deadlines: Deadlines,
  ) {
    this.#timed = timed;
    this.#client = client;
    this.#upstream = upstream;
    this.#exchange = exchange;
    this.#deadlines = deadlines;
    this.#tunnelMs = exchange.plan?.timeouts.tunnelMs ?? 0;
    this.#heardMs = deadlines.nowMs;
    upstream.user = this;
    deadlines.disarm(upstream);
    if (client.pendingBytes > 0) upstream.socket.pause();
  }

  arm(): void {
    if (!this.#over && this.#tunnelMs > 0) this.#deadlines.arm(this.#timed, this.#heardMs + this.#tunnelMs);
  }

  /** The deadline came: over, unless bytes passed meanwhile. */
  onQuiet(nowMs: number): void {
    if (nowMs - this.#heardMs >= this.#tunnelMs) this.#end();
    else this.arm();
  }

  fromClient(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    this.#heardMs = this.#deadlines.nowMs;
    this.#up += end - start;
    this.#out.copy(bytes, start, end);
    if (!this.#upstream.socket.write(this.#out)) this.#client.pause();
  }

  onUpstreamBytes(_connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void {
    this.#heardMs = this.#deadlines.nowMs;
    this.#down += end - start;
    this.#out.copy(bytes, start, end);
    if (!this.#client.write(this.#out)) this.#upstream.socket.pause();
  }

  clientDrained(): void {
    if (this.#over) this.#client.destroy();
    else this.#upstream.socket.resume();
  }

  onUpstreamDrain(): void {
    this.#client.resume();
  }

  clientEnded(): void {
    this.#clientEnded = true;
    if (this.#upstreamEnded) this.#end();
    else this.#upstream.socket.end();
  }

  onUpstreamEnd(): void {
    this.#upstreamEnded = true;
    if (this.#clientEnded) this.#end();
    else this.#client.end();
  }

  onUpstreamClosed(_connection: UpstreamConnection, code: string | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#exchange.tunnelOver(this.#up, this.#down);
    if (code === null) this.#endClient();
    else this.#client.destroy();
  }

  /** The client's socket is gone. */
  clientGone(): void {
    if (this.#over) return;
    this.#over = true;
    this.#upstream.destroy();
    this.#exchange.tunnelOver(this.#up, this.#down);
  }

  onConnected(): void {}

  onUpstreamDeadline(): void {}

  /** A hung upstream's tunnels stay: only their silence can tell, and it may wake. */
  onUpstreamHung(): void {}

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#upstream.destroy();
    this.#exchange.tunnelOver(this.#up, this.#down);
    this.#endClient();
  }

  /** What is still on its way to the client goes before its connection does. */
  #endClient(): void {
    this.#client.end();
    if (this.#client.pendingBytes === 0) this.#client.destroy();
  }
}
