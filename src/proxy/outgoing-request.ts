// A request on its way to an upstream: its head, and what is held of its body so that another upstream can be sent the same.
import { performance } from 'node:perf_hooks';
import { type ByteWriter, latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import { ACTION } from '../plan/field-edits.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { PhantomToken } from '../session/phantom/phantom-token.ts';
import type { UpstreamConnection } from '../upstream/connection.ts';
import { FIELD } from '../wire/fields.ts';
import { FRAMING, type RequestHead } from '../wire/request-head.ts';
import { BODY } from '../wire/response-head.ts';
import { BodyRelay, layUnchunked } from './body-relay.ts';
import type { ClientSide } from './client-side.ts';
import type { Plane } from './plane.ts';
import { type CookieWriter, layRequest, type RequestMark } from './request-writer.ts';
import type { SessionMemo } from './session-memo.ts';
import { layParent, type OwnTrace } from './trace-writer.ts';
import { withholdSession } from './withholding.ts';

const CRLF = latin1Bytes('\r\n');
const MOVED = latin1Bytes('Limpet-Affinity: moved\r\n');
const CHUNKED = latin1Bytes('Transfer-Encoding: chunked\r\n');
const CONTENT_LENGTH = latin1Bytes('Content-Length: ');
const EXPECT = latin1Bytes('Expect: 100-continue\r\n');
/** Body bytes that ride along in the head's write; more go in a write of their own. */
const CARRIED_BYTES_MAX = 16 * 1024;

/** What the upstream is told of the session, and not shown of it. SessionCheck has it. */
export interface SessionTold {
  /** Field lines; empty: none. */
  readonly lines: string;
  /** Who has them ready as bytes; null: nobody. */
  readonly linesOf: SessionMemo | null;
  /** Whose credentials are kept from the app; null: nobody's. */
  readonly withheld: SessionGuard | null;
  /** Whose `Authorization`, which came in several lines, is; null: nobody's. */
  readonly doubled: SessionGuard | null;
}

/** Part of an exchange, and reused with it. */
export class OutgoingRequest {
  readonly body = new BodyRelay('request');
  readonly mark: RequestMark = {
    idStart: 0,
    idEnd: 0,
    targetEnd: 0,
    hostStart: 0,
    hostEnd: 0,
    traceStart: 0,
    upgradeStart: 0,
    upgradeEnd: 0,
  };
  /** The outgoing head, kept until no retry and no log can want it. */
  head: ByteWriter | null = null;
  /** All that was sent is still held. */
  replayable = true;
  /** Bytes of this attempt were written. */
  sent = false;
  /** When bytes were written last, ms. */
  sentMs = 0;
  /** The client waits for a 100 that nobody has sent yet. */
  expects = false;
  /** Protocols that a tunnel is asked for, as forwarded; empty: none. */
  upgradeTo = '';
  /** What tells the upstream of the session; null: nothing. Because: kept whole, since to keep its parts costs more with each of them. */
  #told: SessionTold | null = null;
  /** What the app is given in place of the session; null: nothing. */
  token: PhantomToken | null = null;
  /** The body came chunked and goes on with a length, since this attempt's upstream speaks HTTP/1.0 (rule F10). */
  unchunked = false;

  readonly #plane: Plane;
  #plan: RoutePlan | null = null;
  #headLength = 0;
  #hostFromUpstream = false;
  #chunked = false;
  #expectLine = false;
  /** The encoded body so far, while it may be sent again; null when there is none or it became too long. */
  #hold: ByteWriter | null = null;
  #holdSent = 0;
  /** Encoded body bytes on their way. */
  #pump: ByteWriter | null = null;

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  /**
   * Lays the head out. False when it does not fit, which only edits and affinity together could bring about. `trace`: of a request that
   * is traced.
   */
  begin(
    head: RequestHead,
    plan: RoutePlan,
    side: ClientSide,
    cookie: CookieWriter,
    trace: OwnTrace | null = null,
  ): boolean {
    const plane = this.#plane;
    const out = plane.writers.take();
    const upgrade = head.upgrade >= 0;
    const mark = this.mark;
    this.head = out;
    this.#plan = plan;
    layRequest(out, head, plan, side, cookie, plane.randomBytes, mark, upgrade, trace);
    this.#headLength = out.length;
    this.#told = null;
    this.token = null;
    this.upgradeTo = upgrade ? latin1Text(out.bytes, mark.upgradeStart, mark.upgradeEnd) : '';
    this.replayable = true;
    this.unchunked = false;
    this.#hostFromUpstream =
      plan.hostMode === 'upstream' ||
      (plan.hostMode === 'keep' && head.hostIsMissing && head.authorityEnd === 0);
    const { actions, trailerNames } = side.trusted ? plan.trustedEdits : plan.requestEdits;
    this.#expectLine =
      head.minor === 1 && head.fields.first[FIELD.expect]! >= 0 && actions[FIELD.expect] !== ACTION.drop;
    this.expects = head.expectContinue;
    const chunked = head.framing === FRAMING.chunked;
    this.#chunked = chunked;
    this.body.begin(
      chunked ? BODY.chunked : head.framing === FRAMING.length ? BODY.length : BODY.none,
      head.contentLength,
      chunked,
      plan.http.dropUnderscores,
      plan.limits.tinyChunks,
      trailerNames,
    );
    this.#hold = this.body.done ? null : plane.writers.take();
    this.#holdSent = 0;
    return !out.overflow;
  }

  /** Tells the upstream of the session, and keeps from it what it is not to see. Before anything is sent. */
  tellSession(told: SessionTold): void {
    this.#told = told;
    const { withheld, doubled } = told;
    const guard = withheld ?? doubled;
    if (guard === null || this.head === null) return;
    withholdSession(this.head, this.mark, guard, withheld !== null);
    this.#headLength = this.head.length;
  }

  /** Names the span of the try that comes next as the parent of the upstream's own. Before its head is sent. */
  tellSpan(id: string): void {
    if (this.head !== null) layParent(this.head.bytes, this.mark, id);
  }

  /** Body bytes from the client. Returns the offset behind the last byte that is the body's; see `body` for its end and its faults. */
  take(bytes: Uint8Array, start: number, end: number): number {
    let out = this.#hold;
    if (out === null) {
      this.#pump ??= this.#plane.writers.take();
      out = this.#pump;
    }
    return this.body.feed(out, bytes, start, end);
  }

  /** Whether there is a body of which something may have to be sent. */
  get hasBody(): boolean {
    return this.#hold !== null || this.#pump !== null;
  }

  /** Body bytes that are held or on their way. */
  get waitingBytes(): number {
    return this.#hold?.length ?? this.#pump?.length ?? 0;
  }

  /** Drops body bytes, as those behind an early answer (rule C4). Returns as `take` does. */
  drop(bytes: Uint8Array, start: number, end: number): number {
    const scrap = this.#plane.writers.take();
    const at = this.body.feed(scrap, bytes, start, end);
    this.#plane.writers.give(scrap);
    return at;
  }

  /**
   * Settles how the body goes to an upstream that does or does not speak HTTP/1.0. True: all of it must have come before anything is
   * sent, and it has not.
   */
  mustGather(speaksOld: boolean): boolean {
    this.unchunked = speaksOld && this.#chunked;
    return this.unchunked && !this.body.done;
  }

  /**
   * Writes the head, and with it what there is of the body, for one attempt. `moved`: the app is told that this user comes from
   * elsewhere. True when all of it has left and `flush` may follow.
   */
  send(connection: UpstreamConnection, moved: boolean): boolean {
    const out = this.head!;
    out.truncate(this.#headLength);
    if (this.#hostFromUpstream) out.block(connection.upstream.hostLine);
    const { token } = this;
    const told = this.#told;
    if (told !== null && told.linesOf?.layLines(out) !== true && told.lines !== '') out.latin1(told.lines);
    if (token !== null && token.untilMs > this.#plane.deadlines.nowMs) out.block(token.line);
    if (moved) out.block(MOVED);
    if (this.unchunked) {
      out.block(CONTENT_LENGTH);
      out.decimal(this.body.payload);
      out.block(CRLF);
    } else if (this.#chunked) {
      out.block(CHUNKED);
    }
    if (this.#expectLine && !connection.upstream.speaksOld) out.block(EXPECT);
    out.block(CRLF);
    this.sent = true;
    this.sentMs = performance.now();
    const hold = this.#hold;
    if (hold === null) return this.#writeHead(connection, out);
    if (this.unchunked) {
      this.#pump ??= this.#plane.writers.take();
      layUnchunked(this.#pump, hold.bytes, hold.length);
      this.#holdSent = hold.length;
      return this.#writeHead(connection, out);
    }
    // Body bytes that wait go out in the same write.
    const carried = hold.length > 0 && hold.length <= CARRIED_BYTES_MAX;
    if (carried) out.copy(hold.bytes, 0, hold.length);
    this.#holdSent = carried ? hold.length : 0;
    return this.#writeHead(connection, out);
  }

  /** Writes the head without losing it: a retry writes it again. */
  #writeHead(connection: UpstreamConnection, out: ByteWriter): boolean {
    const length = out.length;
    const bytes = out.bytes;
    const flushed = connection.socket.write(out);
    if (out.bytes !== bytes) {
      // The kernel still reads the old memory; it is only read from here on, so the head may be copied from it.
      out.reset();
      out.copy(bytes, 0, this.#headLength);
    } else {
      out.length = length;
    }
    return flushed;
  }

  /** Sends body bytes that have not been sent. False: the upstream takes no more for now. */
  flush(connection: UpstreamConnection): boolean {
    const hold = this.#hold;
    let pump = this.#pump;
    if (hold !== null) {
      if (hold.length > this.#holdSent) {
        pump ??= this.#pump = this.#plane.writers.take();
        pump.copy(hold.bytes, this.#holdSent, hold.length);
        this.#holdSent = hold.length;
      }
      if (hold.length > this.#plan!.retries.bodyBufferBytes) {
        this.#hold = null;
        this.replayable = false;
        this.#plane.writers.give(hold);
      }
    }
    if (pump === null || pump.length === 0) return true;
    if (this.#hold === null) this.replayable = false;
    this.sentMs = performance.now();
    return connection.socket.write(pump);
  }

  /** Back to before the attempt: everything is to be sent again. */
  rewind(): void {
    this.sent = false;
    this.#holdSent = 0;
    this.#pump?.reset();
  }

  /** Forgets the request, and gives its memory back. */
  reset(): void {
    const writers = this.#plane.writers;
    if (this.head !== null) writers.give(this.head);
    if (this.#hold !== null) writers.give(this.#hold);
    if (this.#pump !== null) writers.give(this.#pump);
    this.head = null;
    this.#hold = null;
    this.#pump = null;
    this.#plan = null;
    this.token = null;
    this.sent = false;
  }
}
