// A tunnel behind a 101: bytes both ways, with back-pressure and half-closes, until it ends, stays silent, or has lasted long enough, or its session is over.

import { ByteWriter } from '../base/byte-writer.ts';
import type { Deadlines, Timed } from '../base/deadlines.ts';
import type { LaterJob, LaterWork } from '../base/later-work.ts';
import type { RandomBytes } from '../base/random.ts';
import type { ByteSocket } from '../socket/byte-socket.ts';
import type { ConnectionUser, UpstreamConnection } from '../upstream/connection.ts';
import { layClose, WebSocketFrames } from '../wire/websocket-frames.ts';
import { WHO } from './end-code.ts';

/** What both sides of a WebSocket are told by the close frame that ends it. */
export interface Farewell {
  readonly code: number;
  readonly reason: string;
}

/** Its session is over: a code of those that are free for use (RFC 6455 section 7.4.2), after HTTP's 401. */
export const SESSION_OVER: Farewell = { code: 4401, reason: 'session ended' };
/** It has lasted as long as it may: we go away (RFC 6455 section 7.4.1), and the client may come again. */
export const TIME_OVER: Farewell = { code: 1001, reason: 'time is up' };
/** This process ends, and the client finds another at the same address. */
export const GOING_AWAY: Farewell = { code: 1001, reason: 'going away' };
/** So long the end of a frame is waited for, and a client that has not read what came before; then the connection is cut, ms. */
const BOUNDARY_MS = 200;
/** So long each side has to close behind its close frame, ms. */
const FAREWELL_MS = 1000;
const MASK_BYTES = 4;

/** The exchange that the tunnel grew out of, as the tunnel needs it. */
export interface TunnelExchange {
  readonly plan: {
    readonly timeouts: {
      readonly streamMs: number;
      readonly tunnelMs: number;
      readonly tunnelTotalMs: number;
    };
  } | null;
  readonly plane: { readonly randomBytes: RandomBytes };
  /** It is a WebSocket: its frames are followed, so that it can be told between two of them that it is over. */
  readonly framed: boolean;
  /** It has lasted as long as it may, and is to be closed. */
  onTunnelTime(): void;
  /** It has ended; `brokenBy` (WHO): who broke it off; nobody, where it was closed in order. */
  tunnelOver(bytesUp: number, bytesDown: number, brokenBy: number): void;
}

/** One tunnel. The client connection hands it what comes from the client; the upstream's side it hears itself. */
export class Tunnel implements ConnectionUser, LaterJob {
  readonly #timed: Timed;
  readonly #client: ByteSocket;
  readonly #upstream: UpstreamConnection;
  readonly #exchange: TunnelExchange;
  readonly #deadlines: Deadlines;
  readonly #out = new ByteWriter(1024);
  /** Infinity: it may be silent for ever. */
  readonly #tunnelMs: number;
  /** So long the client has to read the end, ms. */
  readonly #lastMs: number;
  /** When it has lasted as long as it may, ms. */
  readonly #totalAtMs: number;
  #farewell: Farewell = SESSION_OVER;
  /** Null: nothing is known of its bytes. */
  readonly #framesUp: WebSocketFrames | null;
  readonly #framesDown: WebSocketFrames | null;
  #heardMs: number;
  #up = 0;
  #down = 0;
  #clientEnded = false;
  #upstreamEnded = false;
  /** It is being closed. */
  #closing = false;
  /** Nothing more is sent to that side. */
  #clientTold = false;
  #upstreamTold = false;
  /** The app is told later, and nothing of the client's next frame passes until then. */
  #tellsLater = false;
  /** The client was told in time, and has a while to close. */
  #parting = false;
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
    const { streamMs = 0, tunnelMs = 0, tunnelTotalMs = 0 } = exchange.plan?.timeouts ?? {};
    this.#lastMs = streamMs > 0 ? streamMs : FAREWELL_MS;
    this.#tunnelMs = tunnelMs > 0 ? tunnelMs : Number.POSITIVE_INFINITY;
    this.#totalAtMs = tunnelTotalMs > 0 ? deadlines.nowMs + tunnelTotalMs : Number.POSITIVE_INFINITY;
    this.#framesUp = exchange.framed ? new WebSocketFrames() : null;
    this.#framesDown = exchange.framed ? new WebSocketFrames() : null;
    this.#heardMs = deadlines.nowMs;
    upstream.user = this;
    deadlines.disarm(upstream);
    if (client.pendingBytes > 0) upstream.socket.pause();
  }

  get isOver(): boolean {
    return this.#over;
  }

  arm(): void {
    const atMs = Math.min(this.#heardMs + this.#tunnelMs, this.#totalAtMs);
    if (!this.#over && atMs < Number.POSITIVE_INFINITY) this.#deadlines.arm(this.#timed, atMs);
  }

  /** A deadline came: over, unless bytes passed meanwhile. */
  onQuiet(nowMs: number): void {
    if (this.#over) this.#client.destroy();
    else if (this.#closing) this.#onPatienceOver(nowMs);
    else if (nowMs >= this.#totalAtMs) this.#exchange.onTunnelTime();
    else if (nowMs - this.#heardMs >= this.#tunnelMs) this.#end(WHO.limpetTime);
    else this.arm();
  }

  fromClient(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over || this.#upstreamTold) return;
    if (this.#tellsLater && this.#framesUp!.atBoundary) return;
    let upTo = end;
    const frames = this.#framesUp;
    if (this.#closing && frames !== null) upTo = frames.frame(bytes, start, end);
    else frames?.follow(bytes, start, end);
    this.#heardMs = this.#deadlines.nowMs;
    this.#up += upTo - start;
    this.#out.copy(bytes, start, upTo);
    if (!this.#upstream.socket.write(this.#out)) this.#client.pause();
    if (this.#closing && !this.#tellsLater) this.#tellUpstream();
  }

  onUpstreamBytes(_connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void {
    if (this.#clientTold) return;
    let upTo = end;
    const frames = this.#framesDown;
    if (this.#closing && frames !== null) upTo = frames.frame(bytes, start, end);
    else frames?.follow(bytes, start, end);
    this.#heardMs = this.#deadlines.nowMs;
    this.#down += upTo - start;
    this.#out.copy(bytes, start, upTo);
    if (!this.#client.write(this.#out)) this.#upstream.socket.pause();
    if (this.#closing) this.#tellClient();
  }

  clientDrained(): void {
    if (this.#over) this.#client.destroy();
    else this.#upstream.socket.resume();
  }

  onUpstreamDrain(): void {
    this.#client.resume();
  }

  clientEnded(): void {
    // An end that nobody has vouched for is no end to pass on: it closes like a connection that breaks.
    if (this.#client.cutShort) {
      this.#client.destroy();
      return;
    }
    this.#clientEnded = true;
    if (this.#upstreamEnded) this.#end(WHO.nobody);
    else if (!this.#tellsLater) this.#endUpstream();
  }

  #endUpstream(): void {
    if (!this.#upstreamTold) this.#upstream.socket.end();
    this.#upstreamTold = true;
  }

  onUpstreamEnd(): void {
    if (this.#upstream.socket.cutShort) {
      this.onUpstreamClosed(this.#upstream, 'EPROTO');
      this.#upstream.destroy();
      return;
    }
    this.#upstreamEnded = true;
    if (this.#over) this.#upstream.destroy();
    else if (this.#clientEnded) this.#end(WHO.nobody);
    else if (!this.#clientTold) this.#client.end();
    this.#clientTold = true;
  }

  onUpstreamClosed(_connection: UpstreamConnection, code: string | null): void {
    if (this.#over) return;
    this.#upstreamEnded = true;
    // The client still has its time to close.
    if (this.#closing && this.#clientTold && !this.#clientEnded) return;
    this.#over = true;
    this.#exchange.tunnelOver(this.#up, this.#down, code === null ? WHO.nobody : WHO.upstream);
    if (code === null) this.#endClient();
    else this.#client.destroy();
  }

  /** The client's socket is gone. */
  clientGone(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leaveUpstream();
    this.#exchange.tunnelOver(this.#up, this.#down, WHO.client);
  }

  onConnected(): void {}

  /** It has not closed behind its close frame. */
  onUpstreamDeadline(): void {
    this.#upstreamEnded = true;
    this.#upstream.destroy();
  }

  /** A hung upstream's tunnels stay: only their silence can tell, and it may wake. */
  onUpstreamHung(): void {}

  /** This process ends soon: a WebSocket is told so, while there is time to hear it. What passes here otherwise nobody could tell. */
  leave(): void {
    if (this.#framesDown !== null) this.close(GOING_AWAY);
  }

  /**
   * It is over. Each side of a WebSocket is told so by a close frame as soon as the frame ends that it is being sent, and nothing passes any
   * more; another tunnel is cut. `later`: the client alone is told now, and the app when it is that job's turn.
   */
  close(farewell: Farewell = SESSION_OVER, later: LaterWork | null = null): void {
    if (this.#over || this.#closing) return;
    this.#farewell = farewell;
    this.#closing = true;
    if (this.#framesDown === null) {
      this.#cut(later);
      return;
    }
    this.#deadlines.arm(this.#timed, this.#deadlines.nowMs + BOUNDARY_MS);
    this.#tellClient();
    if (later === null) {
      this.#partUpstream();
      return;
    }
    this.#tellsLater = true;
    later.add(this);
  }

  /** The app's turn to be told. */
  doLater(): void {
    this.#tellsLater = false;
    if (this.#upstream.gone) return;
    this.#partUpstream();
    if (this.#clientEnded) this.#endUpstream();
  }

  #partUpstream(): void {
    this.#deadlines.arm(this.#upstream, this.#deadlines.nowMs + FAREWELL_MS);
    this.#tellUpstream();
  }

  #tellClient(): void {
    const frames = this.#framesDown!;
    if (this.#clientTold || !frames.atBoundary) return;
    this.#clientTold = true;
    if (!frames.closed) {
      layClose(this.#out, this.#farewell.code, this.#farewell.reason, null);
      this.#client.write(this.#out);
    }
    this.#client.end();
    // It is read on to its end, which is dropped.
    this.#upstream.socket.resume();
  }

  #tellUpstream(): void {
    const frames = this.#framesUp!;
    if (this.#upstreamTold || !frames.atBoundary) return;
    this.#upstreamTold = true;
    if (!frames.closed) {
      const { randomBytes } = this.#exchange.plane;
      const maskAt = randomBytes.take(MASK_BYTES);
      layClose(this.#out, this.#farewell.code, this.#farewell.reason, randomBytes.bytes, maskAt);
      this.#upstream.socket.write(this.#out);
    }
    this.#upstream.socket.end();
    this.#client.resume();
  }

  /** The time is up: for the frame that was waited for, or for a client that has been told. */
  #onPatienceOver(nowMs: number): void {
    if (this.#parting) {
      this.#end(WHO.nobody);
    } else if (!this.#clientTold || this.#client.pendingBytes > 0) {
      this.#cut();
    } else {
      this.#parting = true;
      this.#deadlines.arm(this.#timed, nowMs + FAREWELL_MS - BOUNDARY_MS);
    }
  }

  #cut(later: LaterWork | null = null): void {
    this.#over = true;
    this.#leaveUpstream(later);
    this.#exchange.tunnelOver(this.#up, this.#down, WHO.nobody);
    this.#client.destroy();
  }

  #end(brokenBy: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#leaveUpstream();
    this.#exchange.tunnelOver(this.#up, this.#down, brokenBy);
    this.#endClient();
  }

  /** One that was told that it is over reads that, and closes itself. */
  #leaveUpstream(later: LaterWork | null = null): void {
    const toBeTold = this.#tellsLater && this.#framesUp!.atBoundary;
    if (toBeTold && !this.#upstreamTold && !this.#upstreamEnded) return;
    if (this.#closing && this.#upstreamTold && !this.#upstreamEnded) return;
    if (later === null) this.#upstream.destroy();
    else this.#upstream.destroyLater(later);
  }

  /** What is still on its way to the client goes before its connection does, unless he has stopped reading. */
  #endClient(): void {
    this.#client.end();
    if (this.#client.pendingBytes === 0) this.#client.destroy();
    else this.#deadlines.arm(this.#timed, this.#deadlines.nowMs + this.#lastMs);
  }
}
