import { performance } from 'node:perf_hooks';
import type { Fault } from '../base/fault.ts';
import { UNCOUNTED } from '../limit/address-counts.ts';
import type { ByteSocket, SocketOwner } from '../socket/byte-socket.ts';
import type { UpstreamConnection } from '../upstream/connection.ts';
import { PARSE } from '../wire/head-fields.ts';
import { METHOD } from '../wire/request-method.ts';
import type { ClientSide } from './client-side.ts';
import type { ConnectionHome } from './connection-home.ts';
import type { Exchange } from './exchange.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { PROXY_FAULT } from './faults.ts';
import { PacedConnection, PHASE } from './paced-connection.ts';
import type { SessionMemo } from './session-memo.ts';
import { Tunnel, type TunnelExchange } from './tunnel.ts';

/** A refusal is followed by reading and dropping for so long, so that the client can read the answer. */
const LINGER_MS = 2000;
/** While lingering this much is read; what a client sends beyond it stays in the socket until the time is up. */
const LINGER_BYTES_MAX = 256 * 1024;

/** A client connection. What it holds while idle is this object and its socket, nothing more. */
export class ClientConnection
  extends PacedConnection<ClientConnection>
  implements SocketOwner, ExchangeClient
{
  /** Neighbours in the listener's list. */
  previous: ClientConnection | null = null;
  next: ClientConnection | null = null;
  sessionMemo: SessionMemo | null = null;
  /** Where it is counted by its address. */
  addressRow = UNCOUNTED;
  #side: ClientSide | null = null;
  #tunnel: Tunnel | null = null;
  /** The client has sent its FIN. */
  #ended = false;
  #consuming = false;
  #lingered = 0;
  /** Requests that came, where they are bounded. */
  #requests = 0;
  /** When the head began that is still coming, ms of `performance.now`; 0: none is. */
  #headSinceMs = 0;

  constructor(home: ConnectionHome<ClientConnection>, socket: ByteSocket) {
    super(home, socket);
    socket.owner = this;
    home.plane.deadlines.arm(this, home.plane.deadlines.nowMs + home.idleMs);
  }

  get side(): ClientSide {
    this.#side ??= this.home.sideOf(this.socket);
    return this.#side;
  }

  /** Known from a PROXY header, before the first request. */
  set side(side: ClientSide) {
    this.#side = side;
  }

  get stopping(): boolean {
    return this.home.stopping;
  }

  get listener(): string {
    return this.home.name;
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    switch (this.phase) {
      case PHASE.exchange: {
        let at = start;
        const exchange = this.exchange!;
        if (!exchange.bodyDone) {
          this.times.noteBody(end - start);
          at = exchange.feed(bytes, start, end);
          if (this.phase !== PHASE.exchange || this.exchange !== exchange) {
            if (at < end) this.onBytes(bytes, at, end);
            return;
          }
          if (exchange.bodyDone) this.bodyIn();
        }
        if (at < end) {
          this.held.add(bytes, at, end);
          this.boundReadAhead();
        }
        return;
      }
      case PHASE.tunnel:
        this.#tunnel!.fromClient(bytes, start, end);
        return;
      case PHASE.linger:
        this.#lingered += end - start;
        // Closing with bytes unread would be a reset, which takes the answer from a client that has not read it yet.
        if (this.#lingered > LINGER_BYTES_MAX) this.socket.pause();
        return;
      case PHASE.gone:
        return;
      default:
        if (this.held.empty && this.socket.pendingBytes === 0) this.#consume(bytes, start, end);
        else this.#append(bytes, start, end);
    }
  }

  /** More of a head whose beginning is held. */
  #append(bytes: Uint8Array, start: number, end: number): void {
    this.held.add(bytes, start, end);
    if (this.socket.pendingBytes > 0) {
      this.boundReadAhead();
      return;
    }
    if (this.home.plane.requestHead.knowsMoreBy(bytes, start, end, this.held.length)) this.#consumeHeld();
  }

  #consumeHeld(): void {
    const { length } = this.held;
    const held = this.held.take();
    if (held !== null) this.#consume(held, 0, length);
  }

  /** Reads as many requests as can be answered at once; what is left is held. */
  #consume(bytes: Uint8Array, start: number, end: number): void {
    const plane = this.home.plane;
    this.#consuming = true;
    let at = start;
    while (at < end && this.phase <= PHASE.head && this.socket.pendingBytes === 0) {
      const head = plane.requestHead;
      const state = head.parse(bytes, at, end);
      if (state === PARSE.more) {
        if (this.phase === PHASE.idle) {
          this.phase = PHASE.head;
          this.#headSinceMs = performance.now();
          plane.deadlines.arm(this, plane.deadlines.nowMs + plane.generation.timeouts.headMs);
        }
        break;
      }
      if (state === PARSE.refused) {
        this.#consuming = false;
        const tookMs = this.#headTookMs();
        this.refuse(head.fault!);
        plane.tellUnread(this.side.address, this.home.name, head, bytes, head.fault!, tookMs);
        return;
      }
      at = head.end;
      const { requestsPerConnection } = plane.generation.limits;
      if (requestsPerConnection > 0 && ++this.#requests >= requestsPerConnection) head.keepAlive = false;
      if (this.side.gone) {
        this.#consuming = false;
        this.abandon();
        return;
      }
      this.phase = PHASE.exchange;
      plane.deadlines.disarm(this);
      const admission = this.home.admit(this);
      if (admission === 'closing') {
        this.#consuming = false;
        return;
      }
      if (admission === 'answered') {
        this.#backToIdle();
        continue;
      }
      at = this.#feedFirst(bytes, at, end);
    }
    this.#consuming = false;
    if (this.phase === PHASE.tunnel || this.phase >= PHASE.linger) return;
    if (at < end) {
      this.held.add(bytes, at, end);
      if (this.phase === PHASE.exchange) this.boundReadAhead();
    }
    // Nothing more comes, not even the rest of a head.
    if (this.#ended && this.phase <= PHASE.head && this.socket.pendingBytes === 0) this.#closeNow();
  }

  /** When the first byte of the request came that was just read, ms of `performance.now`. */
  takeStartMs(): number {
    const sinceMs = this.#headSinceMs;
    if (sinceMs === 0) return performance.now();
    this.#headSinceMs = 0;
    return sinceMs;
  }

  #headTookMs(): number {
    return this.#headSinceMs === 0 ? 0 : performance.now() - this.#headSinceMs;
  }

  /** The exchange has begun: it gets what there is of its body. Returns the offset behind that. */
  #feedFirst(bytes: Uint8Array, start: number, end: number): number {
    const exchange = this.exchange;
    if (exchange === null || this.phase !== PHASE.exchange) return start;
    if (exchange.bodyDone) return start;
    this.times.beginBody(exchange.plan!, this.deadlines.nowMs);
    const at = start < end ? exchange.feed(bytes, start, end) : start;
    if (this.exchange !== exchange || this.phase !== PHASE.exchange) return at;
    if (exchange.bodyDone) this.bodyIn();
    else this.armExchange();
    return at;
  }

  /** Takes the exchange that `admit` made. */
  begin(exchange: Exchange): void {
    this.exchange = exchange;
    this.times.begin();
  }

  onDeadline(nowMs: number): void {
    switch (this.phase) {
      case PHASE.idle:
        if (this.home.stopping && this.socket.pendingBytes > 0) this.drain();
        else this.#closeNow();
        return;
      case PHASE.head: {
        const { headMs } = this.home.plane.generation.timeouts;
        const { headTimeout } = PROXY_FAULT;
        this.refuse(headTimeout, false);
        this.home.plane.tellUnread(this.side.address, this.home.name, null, null, headTimeout, headMs);
        return;
      }
      case PHASE.exchange:
        this.exchangeDeadline(nowMs);
        return;
      case PHASE.tunnel:
        this.#tunnel!.onQuiet(nowMs);
        return;
      default:
        this.socket.destroy();
    }
  }

  onEnd(): void {
    this.#ended = true;
    switch (this.phase) {
      case PHASE.exchange: {
        const exchange = this.exchange!;
        const abortOnClose = exchange.plan?.http.abortOnClose ?? false;
        // A complete request still gets its answer (rule C8); an incomplete one must not look complete upstream (F9).
        if (!exchange.bodyDone || abortOnClose) this.abandon();
        return;
      }
      case PHASE.tunnel:
        this.#tunnel!.clientEnded();
        return;
      case PHASE.linger:
      case PHASE.idle:
      case PHASE.head:
        if (this.socket.pendingBytes === 0) this.#closeNow();
        // What it asked before its end is answered first: it is read once the answers before have left.
        else if (this.held.empty) this.socket.end();
        return;
      default:
    }
  }

  #closeNow(): void {
    this.socket.end();
    this.socket.destroy();
  }

  onDrain(): void {
    if (this.phase === PHASE.tunnel) this.#tunnel!.clientDrained();
    else if (this.phase === PHASE.exchange) this.exchange?.onClientDrain();
    else if (this.phase <= PHASE.head && !this.held.empty) this.#consumeHeld();
    else if (this.phase <= PHASE.head && this.#ended) this.#closeNow();
  }

  onClosed(): void {
    const phase = this.phase;
    this.phase = PHASE.gone;
    this.deadlines.drop(this);
    if (phase === PHASE.exchange) this.exchange?.abort();
    if (phase === PHASE.tunnel) this.#tunnel!.clientGone();
    this.dropExchange();
    this.held.take();
    this.sessionMemo?.release();
    const side = this.#side;
    if (side !== null && side.herald !== null) side.herald.end();
    this.home.gone(this);
  }

  /** From the exchange: the answer is with the client. */
  onAnswered(keep: boolean): void {
    this.dropExchange();
    if (!keep) {
      this.close();
      return;
    }
    this.#backToIdle();
    if (this.#consuming) return;
    if (!this.held.empty && this.socket.pendingBytes === 0) this.#consumeHeld();
    else if (this.#ended && this.socket.pendingBytes === 0 && this.phase === PHASE.idle) this.#closeNow();
  }

  #backToIdle(): void {
    const plane = this.home.plane;
    this.phase = PHASE.idle;
    this.times.begin();
    this.resume();
    plane.deadlines.arm(this, plane.deadlines.nowMs + this.home.idleMs);
  }

  /**
   * Refuses what the client sends: answers with the fault's status and closes, lingering. `toHead`: the answer has no body; it may be left
   * out while the worker's one parser still holds this client's request.
   */
  refuse(fault: Fault, toHead = this.home.plane.requestHead.method === METHOD.HEAD): void {
    const plane = this.home.plane;
    plane.refused(fault);
    plane.replies.refusal(plane.out, fault, toHead, this.side.answerLines);
    this.socket.write(plane.out);
    this.close();
  }

  /** Closes once all has left: our FIN, then a while of reading and dropping, so that the answer is not lost to a reset. */
  close(): void {
    this.phase = PHASE.linger;
    this.held.take();
    this.times.endBody();
    this.resume();
    this.socket.end();
    if (this.#ended && this.socket.pendingBytes === 0) {
      this.socket.destroy();
      return;
    }
    this.deadlines.arm(this, this.deadlines.nowMs + LINGER_MS);
  }

  /** From the exchange: the answer is cut short. `hard`: only a reset tells the client so. */
  cut(hard: boolean): void {
    this.dropExchange();
    this.phase = PHASE.linger;
    if (hard) this.socket.reset();
    else this.socket.destroy();
  }

  openTunnel(connection: UpstreamConnection, exchange: TunnelExchange): Tunnel {
    const tunnel = new Tunnel(this, this.socket, connection, exchange, this.deadlines);
    this.phase = PHASE.tunnel;
    this.#tunnel = tunnel;
    this.resume();
    const { length } = this.held;
    const held = this.held.take();
    if (held !== null) tunnel.fromClient(held, 0, length);
    tunnel.arm();
    if (this.#ended) tunnel.clientEnded();
    return tunnel;
  }

  /** The worker stops: an idle connection has a little time for a request that is on its way, and closes after the answer, as a busy one does. */
  drain(): void {
    if (this.phase === PHASE.idle) this.deadlines.arm(this, this.deadlines.nowMs + this.home.idleMs);
  }

  /** Since when nobody has asked anything whole on it, ms; Infinity while a request is under way. */
  get waitingSinceMs(): number {
    if (this.socket.pendingBytes > 0) return Number.POSITIVE_INFINITY;
    if (this.phase === PHASE.idle) return this.deadlineMs - this.home.idleMs;
    if (this.phase === PHASE.head) return this.deadlineMs - this.home.plane.generation.timeouts.headMs;
    return Number.POSITIVE_INFINITY;
  }

  /** Gives way to another connection, for want of room. */
  giveWay(): void {
    this.#closeNow();
  }

  /** The deadline of the shutdown comes soon. */
  leave(): void {
    if (this.phase === PHASE.tunnel) this.exchange!.tunnel.leave();
  }

  /** The deadline of the shutdown has come. */
  kill(): void {
    if (this.phase === PHASE.tunnel) {
      this.exchange!.tunnel.stop();
      this.#tunnel!.clientGone();
    }
    if (this.phase === PHASE.exchange) this.abandon(PROXY_FAULT.shutdown);
    else this.socket.destroy();
  }
}
