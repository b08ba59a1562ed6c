// A request as one line of a scenario says it, `POST /login user={user}`, and as it is sent for one user.

import { quote, type Reading } from '../config/units.ts';
import { parseMethod } from '../config/words.ts';

/** Largest body that a line may hold, in bytes. */
const BODY_BYTES_MAX = 8192;
/** Methods that ask for nothing to be done (RFC 9110 section 9.2.1): such a request may be sent again. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const RIGHT = '"GET /path" or "POST /path body"';

/** One line of a scenario, taken apart. `{user}` and `{id}` in path and body are still to be filled in. */
export interface RequestText {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Null for a request without one. */
  readonly body: string | null;
  /** Guessed from the body: JSON, a form, or plain text. Null without a body. */
  readonly contentType: string | null;
  /** False for one that changes something: it carries an id, and is never sent again by the drill. */
  readonly safe: boolean;
}

/** Reads `METHOD /path [body]`; the body is the rest of the line. */
export function parseRequest(text: string): Reading<RequestText> {
  const match = /^(\S+) +(\S+)(?: +(.*))?$/s.exec(text.trim());
  if (match === null) return { wrong: `${quote(text)} is not a request`, right: RIGHT };
  const [, word = '', path = '', rest = ''] = match;
  const method = parseMethod(word);
  if ('wrong' in method) return method;
  if (!path.startsWith('/') || !/^[\x21-\x7e]{1,2048}$/.test(path) || path.includes('#')) {
    return {
      wrong: `${quote(path)} is not a path that can be asked for`,
      right: '/path or /path?query=value',
    };
  }
  if (Buffer.byteLength(rest) > BODY_BYTES_MAX) {
    return { wrong: `the body has more than ${BODY_BYTES_MAX} bytes`, right: 'a shorter body' };
  }
  const safe = SAFE.has(method.value);
  if (safe && rest !== '') return { wrong: `${method.value} has no body`, right: `${method.value} ${path}` };
  const hole = /\{(?!user\}|id\})([A-Za-z]+)\}/.exec(`${path} ${rest}`);
  if (hole !== null) {
    return { wrong: `${quote(hole[0])} is not a place to fill in`, right: '{user} or {id}' };
  }
  const body = safe ? null : rest;
  return { value: { method: method.value, path, body, contentType: contentTypeOf(body), safe } };
}

function contentTypeOf(body: string | null): string | null {
  if (body === null || body === '') return null;
  if (/^[[{]/.test(body) && !/^\{(user|id)\}/.test(body)) return 'application/json';
  return /^[\w.{}-]+=/.test(body) ? 'application/x-www-form-urlencoded' : 'text/plain; charset=utf-8';
}

/** `{user}` and `{id}` filled in. Both are plain words, which need no escape in a form, a path or JSON. */
export function fillIn(text: string, user: string, id: string): string {
  return text.includes('{') ? text.replaceAll('{user}', user).replaceAll('{id}', id) : text;
}

/** As it was written, without the body, which may hold a password. */
export function nameOf(request: RequestText): string {
  return `${request.method} ${request.path}`;
}
