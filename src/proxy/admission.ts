// Decides about a request whose head is there: answered here, refused, or given to an exchange.
import { performance } from 'node:perf_hooks';
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { preflightMethod } from '../plan/cross-origin.ts';
import type { FixedAnswer, RoutePlan } from '../plan/route-plan.ts';
import type { Split } from '../plan/split.ts';
import { FIELD } from '../wire/fields.ts';
import { REQUEST_REFUSAL } from '../wire/refusals.ts';
import { FORM, FRAMING, type RequestHead } from '../wire/request-head.ts';
import { METHOD } from '../wire/request-method.ts';
import { isStrictTarget, readAsApp } from '../wire/target.ts';
import { clientWordsOf, forwardedAddress } from './client-address.ts';
import type { ClientConnection } from './client-connection.ts';
import type { Admission, ConnectionHome } from './connection-home.ts';
import type { Exchange } from './exchange.ts';
import { PROXY_FAULT } from './faults.ts';
import type { Plane } from './plane.ts';
import { requestIdOf } from './request-id.ts';
import { maxForwardsOf } from './request-writer.ts';
import { listHasVia } from './via.ts';

/** Where answers of our own are told. */
export interface AdmissionBooks {
  answeredHere(
    connection: ClientConnection,
    plan: RoutePlan | null,
    status: number,
    fault: Fault | null,
    startedMs: number,
    /** '' where the answer tells none. */
    requestId: string,
  ): void;
}

/** The first stage of every request. One a worker. */
export class AdmissionDesk {
  readonly #plane: Plane;
  readonly #books: AdmissionBooks;

  constructor(plane: Plane, books: AdmissionBooks) {
    this.#plane = plane;
    this.#books = books;
  }

  /** Looks at `plane.requestHead`. See ConnectionHome.admit. */
  admit(home: ConnectionHome<ClientConnection>, connection: ClientConnection): Admission {
    const plane = this.#plane;
    const head = plane.requestHead;
    const startedMs = connection.takeStartMs();
    plane.metrics.accepted();
    if (head.form === FORM.asterisk || (head.method === METHOD.OPTIONS && maxForwardsOf(head) === 0)) {
      return this.#here(connection, null, 204, startedMs, null);
    }
    if (head.method === METHOD.OPTIONS) {
      const admission = this.#preflight(connection, startedMs);
      if (admission !== null) return admission;
    }
    const routes = plane.generation.routes;
    const bytes = head.fields.bytes;
    let plan = routes.find(
      bytes,
      head.methodStart,
      head.methodEnd,
      head.hostStart,
      head.hostEnd,
      head.pathEnd > head.pathStart ? bytes : ROOT,
      head.pathEnd > head.pathStart ? head.pathStart : 0,
      head.pathEnd > head.pathStart ? head.pathEnd : 1,
    );
    if (head.pathSpecial) {
      const refusal = this.#readTwice(head, plan);
      if (refusal !== null) return this.#refuse(connection, plan, refusal, startedMs);
      plan = this.#found;
    }
    if (plan === null) {
      const fault = routes.methodMismatch === null ? PROXY_FAULT.noRoute : PROXY_FAULT.methodNotAllowed;
      return this.#here(connection, null, fault.status, startedMs, fault);
    }
    if (plan.gate !== null) {
      const fault = plane.gates.judge(
        plan.gate,
        plan,
        head,
        connection.side,
        plane.generation.trustedProxies,
        startedMs,
      );
      if (fault !== null) return this.#here(connection, plan, fault.status, startedMs, fault);
    }
    if (plan.http.strictTarget && !isStrictTarget(bytes, head.pathStart, head.targetEnd)) {
      return this.#refuse(connection, plan, REQUEST_REFUSAL.targetBytes, startedMs);
    }
    if (head.contentLength > plan.limits.bodyBytes) {
      return this.#refuse(connection, plan, PROXY_FAULT.bodyTooLarge, startedMs);
    }
    if (plan.via !== null && head.fields.first[FIELD.via]! >= 0 && listHasVia(head.fields, plan.via)) {
      return this.#here(connection, plan, 508, startedMs, PROXY_FAULT.loop);
    }
    if (plan.pool === null) return this.#here(connection, plan, plan.fixed!.status, startedMs, null);
    const exchange = home.takeExchange();
    connection.begin(exchange);
    const side = plan.split === null ? plan : this.#sideOf(plan.split, connection, exchange);
    exchange.begin(connection, head, side, side.pool!, startedMs);
    return 'begun';
  }

  /** The side of a split that the request's user belongs to. */
  #sideOf(split: Split<RoutePlan>, { side }: ClientConnection, { homing }: Exchange): RoutePlan {
    const { requestHead, randomBytes, generation } = this.#plane;
    const address = side.trusted
      ? forwardedAddress(requestHead.fields, side.address, generation.trustedProxies)
      : side.address;
    const plan = split.choose(requestHead.fields, address, randomBytes);
    homing.isKnownAs(split);
    return plan;
  }

  /** Answers with a redirect to the same address by HTTPS, at `port`. */
  toHttps(connection: ClientConnection, port: number): Admission {
    const head = this.#plane.requestHead;
    const startedMs = performance.now();
    this.#plane.metrics.accepted();
    if (head.hostEnd === head.hostStart)
      return this.#here(connection, null, 404, startedMs, PROXY_FAULT.noRoute);
    return this.#here(connection, null, 308, startedMs, null, null, httpsAddress(head, port));
  }

  /** Answers an authority that asks whether a name is ours. */
  toAuthority(connection: ClientConnection, answer: FixedAnswer): Admission {
    const startedMs = connection.takeStartMs();
    this.#plane.metrics.accepted();
    return this.#here(connection, null, answer.status, startedMs, null, null, null, answer);
  }

  /** The plan that `readTwice` agreed to. */
  #found: RoutePlan | null = null;

  /** Looks the route up again for the path as an app may read it (rule R6). */
  #readTwice(head: RequestHead, plan: RoutePlan | null): Fault | null {
    this.#found = plan;
    const read = readAsApp(head.fields.bytes, head.pathStart, head.pathEnd);
    if (typeof read !== 'string') return read;
    const routes = this.#plane.generation.routes;
    if (!routes.ambiguityMatters) return null;
    const mismatch = routes.methodMismatch;
    const path = latin1Bytes(read);
    const other = routes.find(
      head.fields.bytes,
      head.methodStart,
      head.methodEnd,
      head.hostStart,
      head.hostEnd,
      path,
      0,
      path.length,
    );
    routes.methodMismatch = mismatch;
    return other === plan ? null : REQUEST_REFUSAL.targetAmbiguous;
  }

  #refuse(connection: ClientConnection, plan: RoutePlan | null, fault: Fault, startedMs: number): Admission {
    connection.refuse(fault);
    this.#books.answeredHere(connection, plan, fault.status, fault, startedMs, '');
    return 'closing';
  }

  /** Answers a preflight of a route that says what other origins may do; null: it is none, or of another route. */
  #preflight(connection: ClientConnection, startedMs: number): Admission | null {
    const { requestHead: head, generation } = this.#plane;
    const { fields } = head;
    const method = preflightMethod(fields);
    if (method < 0 || head.pathSpecial) return null;
    // The route is that of the request to come, which has another method.
    const rooted = head.pathEnd === head.pathStart;
    const plan = generation.routes.find(
      fields.bytes,
      fields.valueStart[method]!,
      fields.valueEnd[method]!,
      head.hostStart,
      head.hostEnd,
      rooted ? ROOT : fields.bytes,
      rooted ? 0 : head.pathStart,
      rooted ? 1 : head.pathEnd,
    );
    if (plan === null || plan.cors === null) return null;
    if (plan.gate !== null && plan.gate.access !== null) {
      const { side } = connection;
      const address = clientWordsOf(fields, side, generation.trustedProxies);
      const denied = PROXY_FAULT.addressDenied;
      if (!this.#plane.gates.mayCome(plan.gate, side, address))
        return this.#here(connection, plan, denied.status, startedMs, denied);
    }
    const lines = plan.cors.preflightLines(fields, method);
    const fault = lines === null ? PROXY_FAULT.corsRefused : null;
    return this.#here(connection, plan, fault?.status ?? 204, startedMs, fault, lines);
  }

  /** Answers without an upstream; `lines`: for pages of other origins, those of a preflight; `location`: of a redirect; `answer`: what is said where none of those. A request with a body is not read further: its connection closes. */
  #here(
    connection: ClientConnection,
    plan: RoutePlan | null,
    status: number,
    startedMs: number,
    fault: Fault | null,
    lines: Uint8Array | null = null,
    location: string | null = null,
    answer: FixedAnswer | null = plan?.fixed ?? null,
  ): Admission {
    const plane = this.#plane;
    const head = plane.requestHead;
    const bodyless =
      head.framing === FRAMING.none || (head.framing === FRAMING.length && head.contentLength === 0);
    const keep = head.keepAlive && bodyless && !connection.stopping;
    const requestId = requestIdOf(head, connection.side, plane.randomBytes);
    const to = {
      requestId,
      json: plane.replies.prefersJson(head),
      toHead: head.method === METHOD.HEAD,
      repeatable: head.method === METHOD.GET || head.method === METHOD.HEAD,
      ownLines: connection.side.ownLines(
        lines ?? (plan?.cors == null ? null : plan.cors.answerLines(head.fields)),
      ),
      keep,
      minor: head.minor,
      pool: null,
      allow: fault === PROXY_FAULT.methodNotAllowed ? this.#allowed() : '',
      retryAfterS: fault === PROXY_FAULT.rateLimited ? plane.gates.retryAfterS : 0,
    };
    const out = plane.out;
    if (fault !== null) {
      plane.refused(fault);
      plane.replies.fault(out, fault, to);
    } else if (location !== null) {
      plane.replies.moved(out, location, to);
    } else if (answer !== null && lines === null) {
      plane.replies.fixed(out, answer, head, to);
    } else {
      plane.replies.noContent(out, lines === null ? { ...to, allow: ALLOW_ALL } : to);
    }
    connection.socket.write(out);
    this.#books.answeredHere(connection, plan, status, fault, startedMs, requestId);
    if (keep) return 'answered';
    connection.close();
    return 'closing';
  }

  #allowed(): string {
    const mismatch = this.#plane.generation.routes.methodMismatch ?? [];
    return [...new Set(mismatch.flatMap((route) => route.methods ?? []))].join(', ');
  }
}

/** The address that was asked for, by HTTPS. The parser let no control byte through. */
function httpsAddress(head: RequestHead, port: number): string {
  const { bytes } = head.fields;
  const host = latin1Text(bytes, head.hostStart, head.hostEnd);
  const path = head.pathEnd > head.pathStart ? latin1Text(bytes, head.pathStart, head.pathEnd) : '/';
  const query = head.queryStart < 0 ? '' : latin1Text(bytes, head.queryStart, head.targetEnd);
  return `https://${host}${port === 443 ? '' : `:${port}`}${path}${query}`;
}

const ROOT = latin1Bytes('/');
const ALLOW_ALL = 'GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH';
