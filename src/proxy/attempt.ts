// One try of a request at one upstream: takes or dials a connection, sends, and says what came of it.
import type { Fault } from '../base/fault.ts';
import type { LaterWork } from '../base/later-work.ts';
import { STAGE } from '../observe/stages.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { type ConnectionUser, UpstreamConnection } from '../upstream/connection.ts';
import { dialFault, UPSTREAM_FAULT } from '../upstream/faults.ts';
import type { Herald } from '../upstream/herald.ts';
import type { Address, Upstream } from '../upstream/upstream.ts';
import { keptForMs } from '../wire/keep-alive.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { heraldOf } from './client-side.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { PROXY_FAULT } from './faults.ts';
import type { AnswerReader, IncomingAnswer } from './incoming-answer.ts';
import type { OutgoingRequest } from './outgoing-request.ts';
import type { FailureKind, Plane } from './plane.ts';

/** Whose attempt it is: told of everything that is not the attempt's own business. */
export interface AttemptOwner extends AnswerReader {
  readonly client: ExchangeClient | null;
  readonly plan: RoutePlan | null;
  readonly toHead: boolean;
  readonly movedHere: boolean;
  /** Nothing of an answer went to the client. `kind`: what the upstream is blamed for; null for nothing. */
  onAttemptFailed(fault: Fault, kind: FailureKind | null): void;
  /** The answer broke off after its head went to the client. */
  onBrokenOff(fault: Fault, kind: FailureKind | null): void;
  /** More of the body of the answer that is being relayed. */
  onBodyBytes(bytes: Uint8Array, start: number, end: number): void;
  /** The connection has ended, and with it a close-delimited answer. */
  onBodyEnd(): void;
  /** The upstream was found hung before a byte of the answer came. */
  onHung(): void;
  /** The request is in this stage (STAGE) from now on, or since `nowMs`. */
  enter(stage: number): void;
  enterAt(stage: number, nowMs: number): void;
  /** The request's body moves on, or stands since the upstream does not take it (`blocked`). */
  noteBody(blocked: boolean): void;
}

/** However little waits for a client, it has so long to take it, ms. */
const READ_MS_MIN = 1000;

/** Part of an exchange, and reused for each of its attempts. */
export class Attempt implements ConnectionUser {
  /** The connection that is used; null before, between and after attempts. */
  connection: UpstreamConnection | null = null;
  /** The answer's head went to the client; what comes is its body. */
  relaying = false;
  /** The next attempt takes no kept connection (rule T2). */
  dialsFresh = false;
  readonly #plane: Plane;
  readonly #owner: AttemptOwner;
  readonly #request: OutgoingRequest;
  readonly #answer: IncomingAnswer;
  /** The upstream is not read while the client is slow. */
  #clientBlocked = false;

  constructor(plane: Plane, owner: AttemptOwner, request: OutgoingRequest, answer: IncomingAnswer) {
    this.#plane = plane;
    this.#owner = owner;
    this.#request = request;
    this.#answer = answer;
  }

  /** Asks `upstream`. What comes of it is told to the owner, at once where nothing can be dialled. */
  start(upstream: Upstream): void {
    this.relaying = false;
    this.#clientBlocked = false;
    const herald = upstream.spec.proxyProtocol === null ? null : heraldOf(this.#owner.client!);
    const idle = this.dialsFresh ? null : UpstreamConnection.takeIdle(upstream, herald);
    this.dialsFresh = false;
    if (idle !== null) {
      this.connection = idle;
      idle.use(this);
      this.#send(idle);
      return;
    }
    const address = upstream.address;
    if (address === null) {
      this.#owner.onAttemptFailed(UPSTREAM_FAULT.unresolved, 'unresolved');
      return;
    }
    this.#dial(upstream, address, herald);
  }

  #dial(upstream: Upstream, address: Address, herald: Herald | null): void {
    const { deadlines } = this.#plane;
    this.#owner.enter(STAGE.connect);
    const connection = UpstreamConnection.dial(this.#plane, upstream, address, this, herald);
    this.connection = connection;
    deadlines.arm(connection, deadlines.nowMs + this.#owner.plan!.timeouts.connectMs);
  }

  onConnected(connection: UpstreamConnection): void {
    this.#send(connection);
  }

  #send(connection: UpstreamConnection): void {
    connection.owe(this.#plane.deadlines.nowMs);
    const flushed = this.#request.send(connection, this.#owner.movedHere);
    this.#owner.enterAt(this.#request.body.done ? STAGE.wait : STAGE.body, this.#request.sentMs);
    if (flushed && this.#request.hasBody) this.flushBody();
    this.#armAnswer(connection);
  }

  #armAnswer(connection: UpstreamConnection): void {
    const { timeouts } = this.#owner.plan!;
    const ms = this.#request.body.done ? timeouts.responseMs : timeouts.streamMs;
    this.#plane.deadlines.arm(connection, this.#plane.deadlines.nowMs + ms);
  }

  /** Sends body bytes that have not been sent. Pauses the client while the upstream is slow. */
  flushBody(): void {
    const connection = this.connection;
    if (connection === null || !this.#request.sent) return;
    const client = this.#owner.client!;
    if (connection.socket.pendingBytes > 0) {
      client.pauseBody();
      this.#owner.noteBody(true);
      return;
    }
    const flushed = this.#request.flush(connection);
    if (flushed) client.resumeBody();
    else client.pauseBody();
    this.#owner.noteBody(!flushed);
    this.#armAnswer(connection);
  }

  /** The final head is there. On a connection's first answer its server may say how long it keeps it. */
  noteKeepAlive(head: ResponseHead): void {
    const { connection } = this;
    if (connection !== null && connection.served === 0) connection.keptForMs = keptForMs(head.fields);
  }

  onUpstreamDrain(_connection: UpstreamConnection): void {
    this.flushBody();
  }

  onUpstreamBytes(connection: UpstreamConnection, bytes: Uint8Array, start: number, end: number): void {
    const owner = this.#owner;
    if (this.relaying) {
      owner.onBodyBytes(bytes, start, end);
      return;
    }
    connection.settle();
    this.#answer.read(owner, bytes, start, end, owner.toHead, owner.plan!.limits.responseHeadBytes);
  }

  /** Part of the answer's body went to the client. `flushed` false: it takes no more for now. */
  relayed(flushed: boolean): void {
    const connection = this.connection!;
    const { deadlines } = this.#plane;
    const { timeouts, limits } = this.#owner.plan!;
    let ms = timeouts.streamMs;
    if (!flushed && limits.minReadRateBytes > 0) {
      // What waits for the client must be taken at the rate that is asked for; the system's own buffer comes on top, in its favour.
      const { pendingBytes } = this.#owner.client!.socket;
      ms = Math.min(ms, Math.max(READ_MS_MIN, (pendingBytes * 1000) / limits.minReadRateBytes));
    }
    deadlines.arm(connection, deadlines.nowMs + ms);
    if (flushed) return;
    this.#clientBlocked = true;
    this.#owner.enter(STAGE.client);
    connection.socket.pause();
  }

  /** The client has taken all: the upstream may go on. */
  clientDrained(): void {
    if (!this.#clientBlocked) return;
    this.#clientBlocked = false;
    this.#owner.enter(STAGE.answer);
    this.connection?.socket.resume();
  }

  onUpstreamEnd(connection: UpstreamConnection): void {
    // By TLS an end that nobody has vouched for may be a cut (RFC 9112 section 9.8).
    if (this.relaying && this.#answer.body.endsWithConnection && !connection.socket.cutShort) {
      this.#owner.onBodyEnd();
      return;
    }
    this.#lost(connection, null);
    connection.destroy();
  }

  onUpstreamClosed(connection: UpstreamConnection, code: string | null): void {
    this.#lost(connection, code);
  }

  /** The connection is gone, or of no use any more, before the answer was complete. */
  #lost(connection: UpstreamConnection, code: string | null): void {
    const owner = this.#owner;
    if (!connection.connected) {
      this.#notConnected(connection, dialFault(code));
    } else if (this.relaying) {
      owner.onBrokenOff(UPSTREAM_FAULT.closedMidBody, 'reset');
    } else if (this.#answer.begun) {
      owner.onAttemptFailed(UPSTREAM_FAULT.closedMidHead, 'reset');
    } else if (connection.reused) {
      // An idle timeout of the upstream's, most likely: no fault of its.
      owner.onAttemptFailed(UPSTREAM_FAULT.closedReused, null);
    } else {
      owner.onAttemptFailed(UPSTREAM_FAULT.closedUnanswered, 'reset');
    }
  }

  #notConnected({ upstream, herald }: UpstreamConnection, fault: Fault): void {
    const owner = this.#owner;
    if (fault === UPSTREAM_FAULT.shortage) {
      // What nobody uses gives its descriptors back. Each time it is fewer, so this ends.
      const { address } = upstream;
      if (address !== null && this.#plane.freeIdle()) this.#dial(upstream, address, herald);
      else owner.onAttemptFailed(fault, null);
      return;
    }
    const timedOut = fault === UPSTREAM_FAULT.connectTimeout;
    const refused = fault === UPSTREAM_FAULT.refused;
    owner.onAttemptFailed(fault, refused ? 'refused' : timedOut ? 'timeout' : 'unreachable');
  }

  onUpstreamDeadline(connection: UpstreamConnection): void {
    const owner = this.#owner;
    if (!connection.connected) {
      owner.onAttemptFailed(UPSTREAM_FAULT.connectTimeout, 'timeout');
    } else if (this.relaying) {
      owner.onBrokenOff(this.#clientBlocked ? PROXY_FAULT.clientStalled : UPSTREAM_FAULT.streamTimeout, null);
    } else {
      owner.onAttemptFailed(UPSTREAM_FAULT.responseTimeout, 'timeout');
    }
  }

  onUpstreamHung(_connection: UpstreamConnection): void {
    if (!this.relaying && !this.#answer.begun) this.#owner.onHung();
  }

  /** Lets go of the connection, which is closed; what came on it is forgotten. */
  drop(): void {
    const connection = this.connection;
    this.connection = null;
    this.relaying = false;
    this.#answer.reset();
    if (connection !== null && !connection.gone) connection.destroy();
  }

  /** Lets go of the connection alone, which is closed later. */
  leave(later: LaterWork): void {
    const connection = this.connection;
    this.connection = null;
    if (connection !== null && !connection.gone) connection.destroyLater(later);
  }

  /** The answer is complete: the connection is kept if nothing on it is open, else closed. */
  finish(): void {
    const connection = this.connection!;
    this.connection = null;
    this.relaying = false;
    const clean = this.#answer.reusable && this.#request.body.done && connection.socket.pendingBytes === 0;
    if (clean) connection.release();
    else connection.destroy();
  }

  /** The connection becomes a tunnel's. */
  handOver(): UpstreamConnection {
    const connection = this.connection!;
    this.connection = null;
    this.relaying = false;
    return connection;
  }
}
