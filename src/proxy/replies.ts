// Answers of Limpet's own: faults with their pages, redirects and fixed texts, laid out whole.
import type { ByteWriter } from '../base/byte-writer.ts';
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import type { ErrorPage } from '../config/config.ts';
import type { FixedAnswer } from '../plan/route-plan.ts';
import type { Pool } from '../pool/pool.ts';
import type { StandingOwner } from '../session/standing.ts';
import { FIELD } from '../wire/fields.ts';
import { type DateField, prefersJson, writeLocalReply } from '../wire/local-reply.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { reasonOf } from '../wire/status.ts';

/** What a reply must know of its request. */
export interface ReplyTo {
  readonly requestId: string;
  readonly json: boolean;
  readonly toHead: boolean;
  /** The connection stays open. */
  readonly keep: boolean;
  /** Minor version of the client. */
  readonly minor: number;
  readonly pool: Pool | null;
  /** Value of `Allow`; '' for none. */
  readonly allow: string;
  /** Seconds for `Retry-After`; 0: as the status says. */
  readonly retryAfterS: number;
  /** Field lines that the edge adds: for pages of other origins, and what its listener says (HSTS); null: none. */
  readonly ownLines: Uint8Array | null;
  /** GET or HEAD: a redirect may lead to the same method. */
  readonly repeatable: boolean;
}

const EMPTY = new Uint8Array(0);
const BEARER_CHALLENGE = latin1Bytes('WWW-Authenticate: Bearer\r\n');
const COOKIE_CHALLENGE = latin1Bytes('WWW-Authenticate: Cookie realm="session"\r\n');

/** Seconds that a client is asked to wait when nobody can serve it. */
const RETRY_AFTER_S = 2;

/** Made once a generation. */
export class Replies {
  /** Also for answers of apps that say no time. */
  readonly date: DateField;
  /** Of the body of the answer that was laid out last. */
  bodyBytes = 0;
  readonly #pages: Readonly<Record<string, ErrorPage>>;
  readonly #maintenance: ReadonlyMap<string, ErrorPage>;

  /** `pages`: by status or class, as configured; `maintenance`: by pool name. */
  constructor(
    date: DateField,
    pages: Readonly<Record<string, ErrorPage>>,
    maintenance: ReadonlyMap<string, ErrorPage>,
  ) {
    this.date = date;
    this.#pages = pages;
    this.#maintenance = maintenance;
  }

  /** Whether the client would rather read JSON. */
  prefersJson(head: RequestHead): boolean {
    const at = head.fields.first[FIELD.accept]!;
    if (at < 0) return false;
    return prefersJson(head.fields.bytes, head.fields.valueStart[at]!, head.fields.valueEnd[at]!);
  }

  /** Lays out the answer to what was refused before anybody looked at it; the connection closes behind it. `ownLines`: see ReplyTo. */
  refusal(out: ByteWriter, fault: Fault, toHead: boolean, ownLines: Uint8Array | null): void {
    this.fault(out, fault, {
      requestId: '',
      json: false,
      toHead,
      keep: false,
      minor: 1,
      pool: null,
      allow: '',
      retryAfterS: 0,
      repeatable: false,
      ownLines,
    });
  }

  /** Lays out the answer to a fault. `lines`: further fields; `html`: where there is no page of the operator's, a plain one. */
  fault(out: ByteWriter, fault: Fault, to: ReplyTo, lines: Uint8Array | null = null, html = false): void {
    const status = fault.status;
    const page =
      (fault.code === 'pool.maintenance' && to.pool !== null
        ? this.#maintenance.get(to.pool.name)
        : undefined) ??
      this.#pages[String(status)] ??
      this.#pages[`${Math.floor(status / 100)}xx`] ??
      (html ? plainPage(fault, to.requestId) : undefined);
    this.bodyBytes = writeLocalReply(out, this.date, {
      status,
      code: fault.code,
      text: fault.text,
      requestId: to.requestId,
      json: to.json,
      toHead: to.toHead,
      connection: connectionOf(to),
      retryAfterS: to.retryAfterS > 0 ? to.retryAfterS : status === 503 ? RETRY_AFTER_S : 0,
      ...(to.allow === '' ? {} : { allow: to.allow }),
      ...(lines === null && to.ownLines === null ? {} : { lines: joined(to.ownLines, lines) }),
      ...(page === undefined ? {} : { page }),
    });
  }

  /**
   * Lays out the answer to a request whose session may not pass, as its block says; returns the status. `target`: path and query that
   * were asked for; `html`: it is a browser that asks.
   */
  denied(
    out: ByteWriter,
    fault: Fault,
    by: StandingOwner,
    target: string,
    html: boolean,
    to: ReplyTo,
  ): number {
    const { onFail } = by.policy;
    if (fault.status !== 401 || onFail.kind === 'auto') {
      // RFC 9110 section 15.5.2: a 401 challenges. Browsers ask nobody for schemes that they do not know.
      const challenge = by.bearer ? BEARER_CHALLENGE : COOKIE_CHALLENGE;
      this.fault(out, fault, to, fault.status === 401 ? challenge : null, html);
      return fault.status;
    }
    const redirects = onFail.kind === 'redirect';
    // A form that was sent is not to be sent again to a login page (RFC 9110 section 15.4.4).
    const status = redirects ? (to.repeatable ? 302 : 303) : onFail.status;
    const fields = redirects ? ([['Location', fillHome(onFail.to, target)]] as const) : onFail.headers;
    const type = fields.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
    const lines = fields.filter(([name]) => name.toLowerCase() !== 'content-type');
    this.bodyBytes = writeLocalReply(out, this.date, {
      status,
      code: fault.code,
      text: fault.text,
      requestId: to.requestId,
      json: to.json,
      toHead: to.toHead,
      connection: connectionOf(to),
      lines: joined(to.ownLines, latin1Bytes(lines.map(([name, value]) => `${name}: ${value}\r\n`).join(''))),
      ...(redirects || onFail.body !== ''
        ? { page: { contentType: type ?? 'text/plain; charset=utf-8', body: redirects ? '' : onFail.body } }
        : {}),
    });
    return status;
  }

  /** Lays out a 204 with `Allow`, for `OPTIONS *` and requests that may go no further. */
  noContent(out: ByteWriter, to: ReplyTo): void {
    this.bodyBytes = writeLocalReply(out, this.date, {
      status: 204,
      code: '',
      text: '',
      requestId: '',
      json: false,
      toHead: to.toHead,
      connection: connectionOf(to),
      ...(to.ownLines === null ? {} : { lines: to.ownLines }),
      ...(to.allow === '' ? {} : { allow: to.allow }),
    });
  }

  /** Lays out a redirect to `location`, which keeps the method (RFC 9110 section 15.4.9). */
  moved(out: ByteWriter, location: string, to: ReplyTo): void {
    this.bodyBytes = writeLocalReply(out, this.date, {
      status: 308,
      code: '',
      text: '',
      requestId: '',
      json: false,
      toHead: to.toHead,
      connection: connectionOf(to),
      lines: joined(to.ownLines, latin1Bytes(`Location: ${location}\r\n`)),
      page: { contentType: 'text/plain; charset=utf-8', body: '' },
    });
  }

  /** Lays out a redirect or a fixed answer of a route. */
  fixed(out: ByteWriter, answer: FixedAnswer, head: RequestHead, to: ReplyTo): void {
    let lines = answer.fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    if (answer.redirectTo !== null) lines = `Location: ${fillTemplate(answer.redirectTo, head)}\r\n`;
    const type = answer.fields.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
    if (type !== undefined) {
      lines = answer.fields
        .filter(([name]) => name.toLowerCase() !== 'content-type')
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('');
    }
    this.bodyBytes = writeLocalReply(out, this.date, {
      status: answer.status,
      code: '',
      text: '',
      requestId: '',
      json: false,
      toHead: to.toHead,
      connection: connectionOf(to),
      lines: joined(to.ownLines, latin1Bytes(lines)),
      page: { contentType: type ?? 'text/plain; charset=utf-8', body: answer.body },
    });
  }
}

/** A page for people, where a browser would show bare text. */
function plainPage({ status, text }: Fault, requestId: string): ErrorPage {
  const title = `${status} ${reasonOf(status)}`;
  const id = requestId.replace(/[^\w.:-]/g, '');
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em}small{color:#666}</style>
<h1>${title}</h1><p>${text}</p>${id === '' ? '' : `<small>Request ${id}</small>`}</html>
`;
  return { contentType: 'text/html; charset=utf-8', body };
}

function joined(one: Uint8Array | null, two: Uint8Array | null): Uint8Array {
  return Buffer.concat([one ?? EMPTY, two ?? EMPTY]);
}

function connectionOf(to: ReplyTo): '' | 'close' | 'keep-alive' {
  if (!to.keep) return 'close';
  return to.minor === 0 ? 'keep-alive' : '';
}

/**
 * Fills the path and query that were asked for into the `{path}` of a login page's address, encoded as a query's value. It can only lead
 * home: it begins with one slash, so that `//evil.example` and `/\\evil.example` are no other host, whatever the page does with it.
 */
function fillHome(template: string, target: string): string {
  const home = `/${target.replace(/^[/\\]+/, '')}`;
  // Bytes of the target beyond ASCII are taken as they came: each is one character here.
  return template.replace('{path}', Array.from(home, encodeByte).join(''));
}

function encodeByte(character: string): string {
  if (/[A-Za-z0-9_.~/-]/.test(character)) return character;
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/**
 * Fills `{path}`, `{query}` (with its `?`, or nothing) and `{host}` into a redirect. The request's bytes were checked by the
 * parser: no control byte can be among them. A path of several slashes is folded into one, so that `//evil.example` never leads away.
 */
function fillTemplate(template: string, head: RequestHead): string {
  const bytes = head.fields.bytes;
  return template.replace(/\{(path|query|host)\}/g, (_, name: string) => {
    if (name === 'path') {
      const path = latin1Text(bytes, head.pathStart, head.pathEnd) || '/';
      return path.replace(/^[/\\]+/, '/');
    }
    if (name === 'query')
      return head.queryStart < 0 ? '' : latin1Text(bytes, head.queryStart, head.targetEnd);
    return latin1Text(bytes, head.authorityStart, head.authorityEnd);
  });
}
