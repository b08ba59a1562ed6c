// The session of one request: checked before it is placed, its verdict told to the upstream or answered to the client.
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { preflightMethod } from '../plan/cross-origin.ts';
import type { CredentialSource } from '../session/format.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { PhantomToken } from '../session/phantom/phantom-token.ts';
import { ENDED_MS, type Standing, type VerdictWaiter } from '../session/standing.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { METHOD } from '../wire/request-method.ts';
import { readAsApp } from '../wire/target.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { PROXY_FAULT } from './faults.ts';
import type { Plane } from './plane.ts';
import { SessionMemo } from './session-memo.ts';

/** What the check of a request came to. */
export const CHECK = { passed: 0, waits: 1, refused: 2 } as const;

const ANONYMOUS = VERDICT_NAMES.indexOf('anonymous');
const UNKNOWN = VERDICT_NAMES.indexOf('unknown');
const ROOT = latin1Bytes('/');
/** What the upstream is told of a request that was not checked. */
const UNCHECKED = 'Limpet-Session: unknown\r\n';

/** The exchange, as its check sees it. */
export interface CheckOwner {
  /** The verdict is there. `passed`: go on; else `SessionCheck.fault` says why not. */
  onChecked(passed: boolean): void;
}

/** Part of an exchange, and reused with it. */
export class SessionCheck implements VerdictWaiter {
  waitsFor: object | null = null;
  /** Field lines that tell the upstream of the verdict; empty on routes without a session. */
  lines = '';
  /** What the app is given in place of the session; null: nothing. */
  token: PhantomToken | null = null;
  /** Why the request was refused. */
  fault: Fault = PROXY_FAULT.sessionNone;
  /** The request's standing; null before it is known, and where nothing was checked. */
  standing: Standing | null = null;
  /** What the connection remembers of these very credentials; null: nothing. */
  memo: SessionMemo | null = null;
  /** `Revocations.sequence` before it was asked for; 0: it was remembered, and knows it itself. */
  seen = 0;
  /** The path needs no session, so that a verdict which would refuse does not. */
  exempt = false;
  /**
   * Whose credentials are kept from the app, since somebody revoked what was shown, or nobody has checked it, and the request goes on as a
   * visitor's; null: nobody's.
   */
  withheld: SessionGuard | null = null;
  /**
   * `Authorization` came in several lines, of which each server takes its own: none of them was checked, and none that these blocks would
   * read goes to the app. Null: it did not.
   */
  doubled: SessionGuard | null = null;
  /** Path and query that were asked for, for a redirect; empty until somebody is refused or waits. */
  target = '';
  /** The client is a browser that shows a page: known when `target` is. */
  html = false;

  readonly #plane: Plane;
  readonly #owner: CheckOwner;
  #guard: SessionGuard | null = null;
  /** What was checked; null: the connection remembers it. */
  #source: CredentialSource | null = null;
  /** What its verdict is remembered by; null: nobody has asked yet. */
  #key: string | null = null;
  /** The try that the token was signed anew for; −1: none. */
  #renewedFor = -1;

  constructor(plane: Plane, owner: CheckOwner) {
    this.#plane = plane;
    this.#owner = owner;
  }

  /**
   * Checks the request in `head`, whose offsets are used up before this returns. `cookies`: as the app has set them, where they came
   * otherwise; null: as they came.
   */
  begin(
    guard: SessionGuard,
    head: RequestHead,
    client: ExchangeClient,
    address: string,
    cookies: string | null = null,
  ): number {
    const { fields } = head;
    this.#guard = guard;
    if (isPreflight(head)) {
      this.lines = UNCHECKED;
      // Browsers show none with it. What somebody else shows, revoked or not, would reach the app unchecked and might come back renewed.
      if (fields.seen[FIELD.cookie]! + fields.seen[FIELD.authorization]! > 0) this.withheld = guard;
      return CHECK.passed;
    }
    if (fields.seen[FIELD.authorization]! > 1) this.doubled = guard;
    // What the connection remembers are fields as they came.
    let standing: Standing | null =
      cookies === null
        ? (client.sessionMemo?.find(guard, fields, this.#plane.deadlines.nowMs) ?? null)
        : null;
    if (standing !== null) {
      standing.verifier.countAgain(standing);
      this.memo = client.sessionMemo;
    } else {
      this.#source = sourceOf(fields, address, cookies);
      this.seen = guard.sequence;
      standing = guard.check(this.#source, this);
      if (standing === null) {
        this.exempt = isExempt(guard, head);
        this.#noteAsked(head);
        return CHECK.waits;
      }
      if (guard.memorable && cookies === null) {
        client.sessionMemo ??= new SessionMemo();
        client.sessionMemo.keep(guard, fields, standing);
        this.memo = client.sessionMemo;
      }
    }
    this.exempt = isExempt(guard, head);
    if (this.#passes(standing)) return CHECK.passed;
    this.#noteAsked(head);
    return CHECK.refused;
  }

  /** Who has `lines` ready as bytes: the connection that remembered the verdict; null: nobody. Hot. */
  get linesOf(): SessionMemo | null {
    return this.#source === null ? this.memo : null;
  }

  onVerdict(standing: Standing): void {
    this.#owner.onChecked(this.#passes(standing));
  }

  /**
   * A try is about to be made, perhaps long after the check: the body was waited for, a place, or another try. Whoever was revoked or logged
   * out meanwhile is checked anew (CHECK). `client`, `address`: whose it is. Hot.
   */
  stillStands(client: ExchangeClient, address: string): number {
    const { standing } = this;
    if (standing === null) return CHECK.passed;
    const guard = this.#guard!;
    const since = this.seen > 0 ? this.seen : standing.seen;
    if (standing.untilMs !== ENDED_MS && guard.isAt(since)) return CHECK.passed;
    this.seen = guard.sequence;
    let now = standing.untilMs === ENDED_MS ? null : this.compared(standing, client, address);
    if (now === standing) return CHECK.passed;
    now ??= guard.check(this.shown(client, address), this);
    if (now === null) return CHECK.waits;
    return this.#passes(now) ? CHECK.passed : CHECK.refused;
  }

  /** A try is about to be made: true where the token of the check would be too old by now, and a new one is waited for. */
  renewsToken(attempt: number): boolean {
    const { standing } = this;
    if (standing === null || standing.token === null || this.#renewedFor === attempt) return false;
    this.#renewedFor = attempt;
    return standing.verifier.awaitToken(standing, this);
  }

  /** True: the request goes on, with `lines`. False: it is refused, with `fault`. */
  #passes(standing: Standing): boolean {
    this.standing = standing;
    if (this.exempt || mayPass(standing)) {
      this.lines = standing.lines;
      if (standing.reason === 'revoked') this.withheld = this.#guard;
      this.token = standing.token;
      return true;
    }
    if (standing.reason === 'credential.ambiguous') this.fault = PROXY_FAULT.sessionAmbiguous;
    else if (standing.verdict === UNKNOWN) this.fault = PROXY_FAULT.sessionStoreAway;
    else if (standing.verdict === ANONYMOUS) this.fault = PROXY_FAULT.sessionLogin;
    else this.fault = PROXY_FAULT.sessionNone;
    return false;
  }

  /** What an answer to a refused request goes by. */
  #noteAsked(head: RequestHead): void {
    this.target = targetOf(head);
    const at = head.fields.first[FIELD.accept]!;
    this.html =
      at >= 0 && !this.#plane.replies.prefersJson(head) && valueAt(head.fields, at).includes('text/html');
  }

  /** Checks what the request showed again while it goes on. `client`, `address`: whose it is. As SessionGuard.check. */
  again(client: ExchangeClient, address: string, waiter: VerdictWaiter): Standing | null {
    return this.#guard!.check(this.shown(client, address), waiter);
  }

  /**
   * A verdict on it that stands otherwise, as the revocations leave it: the same where none ends it, which takes a hundredth of a check, for
   * thousands that something was revoked beside. Null: it must be checked.
   */
  compared(standing: Standing, client: ExchangeClient, address: string): Standing | null {
    const { verifiers } = this.#guard!;
    // Of several blocks each has a word in it.
    if (verifiers.length > 1) return null;
    this.#key ??= verifiers[0]!.credentials.keyOf(this.shown(client, address));
    return this.#key === null ? null : verifiers[0]!.compared(standing, this.#key);
  }

  /** The credentials that the request showed. `client`, `address`: whose it is. */
  shown(client: ExchangeClient, address: string): CredentialSource {
    // Without one it was found by what the connection remembers, which is of this request until the next begins.
    this.#source ??= client.sessionMemo!.source(address);
    return this.#source;
  }

  /** The session ended while the request went on. */
  over(standing: Standing): void {
    this.standing = standing;
    this.fault = PROXY_FAULT.sessionEnded;
  }

  reset(): void {
    this.waitsFor = null;
    this.withheld = null;
    this.doubled = null;
    this.#guard = null;
    this.memo = null;
    this.#source = null;
    this.#key = null;
    this.seen = 0;
    this.standing = null;
    this.lines = '';
    this.token = null;
    this.#renewedFor = -1;
    this.target = '';
    this.exempt = false;
  }
}

function mayPass({ verifier, verdict, reason }: Standing): boolean {
  return verifier.policy.mayPass(verdict, reason);
}

/** A CORS preflight (Fetch standard, 3.3.2): browsers send it without credentials, so no session can be asked of it. */
function isPreflight(head: RequestHead): boolean {
  return head.method === METHOD.OPTIONS && preflightMethod(head.fields) >= 0;
}

/** Whether one of the blocks exempts the path, however an app may read it. */
export function isExempt(guard: SessionGuard, head: RequestHead): boolean {
  for (let i = 0; i < guard.verifiers.length; i++) {
    const { policy } = guard.verifiers[i]!;
    if (!policy.hasExempt) continue;
    const bytes = head.fields.bytes;
    const rooted = head.pathEnd === head.pathStart;
    const path = rooted ? ROOT : bytes;
    const start = rooted ? 0 : head.pathStart;
    const end = rooted ? 1 : head.pathEnd;
    if (!policy.isExempt(bytes, head.methodStart, head.methodEnd, path, start, end)) continue;
    if (!head.pathSpecial) return true;
    const read = readAsApp(bytes, start, end);
    if (typeof read !== 'string') continue;
    const other = latin1Bytes(read);
    if (policy.isExempt(bytes, head.methodStart, head.methodEnd, other, 0, other.length)) return true;
  }
  return false;
}

/** What formats read, as texts of their own: the request's bytes are gone when a verdict comes later. */
function sourceOf(fields: HeadFields, address: string, cookies: string | null): CredentialSource {
  return {
    cookies: cookies ?? (fields.seen[FIELD.cookie]! === 0 ? '' : joined(fields)),
    // Several lines are a message that two servers would read differently: none of them counts.
    authorization: fields.seen[FIELD.authorization]! === 1 ? firstValue(fields, FIELD.authorization) : null,
    userAgent: fields.seen[FIELD.userAgent]! === 0 ? null : firstValue(fields, FIELD.userAgent),
    clientAddress: address,
  };
}

function joined(fields: HeadFields): string {
  const lines: string[] = [];
  for (let i = fields.first[FIELD.cookie]!; i < fields.count; i++) {
    if (fields.id[i] !== FIELD.cookie || fields.valueEnd[i] === fields.valueStart[i]) continue;
    lines.push(latin1Text(fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!));
  }
  return lines.join('; ');
}

function firstValue(fields: HeadFields, id: number): string {
  return valueAt(fields, fields.first[id]!);
}

function valueAt(fields: HeadFields, at: number): string {
  return latin1Text(fields.bytes, fields.valueStart[at]!, fields.valueEnd[at]!);
}

function targetOf(head: RequestHead): string {
  if (head.pathEnd === head.pathStart) return '/';
  return latin1Text(head.fields.bytes, head.pathStart, head.targetEnd);
}
