// Where in an answer something stands: which instance gave it, whether the user is logged out, how often a request was handled.

import { quote, type Reading } from '../config/units.ts';
import { isToken } from '../config/words.ts';

/** What an extractor may look at. */
export interface Answer {
  readonly status: number;
  /** The first value of a field; null without one. `name` is in lower case. */
  field(name: string): string | null;
  /** The value of the user's cookie after this answer; null without one. */
  cookie(name: string): string | null;
  /** The first `BODY_BYTES_KEPT` of the body, as UTF-8. */
  readonly body: string;
}

/** More of a body is not looked at. */
export const BODY_BYTES_KEPT = 65_536;
/** Longer values are cut: no instance has such a name. */
const VALUE_CHARS_MAX = 64;

/** Finds a value in an answer; null where it has none. */
export interface Extractor {
  /** As it was written. */
  readonly text: string;
  find(answer: Answer): string | null;
}

/** What an extractor may be, for hints. */
export const PLACES = 'header:NAME, cookie:NAME, json:FIELD or body:REGEX';

/**
 * Reads `header:NAME`, `cookie:NAME`, `json:FIELD` (dots go deeper) or `body:REGEX` (its first group, or the whole match).
 * With `~REGEX` behind a name or field, only what that finds in the value: `cookie:limpet~^[^.]+`.
 */
export function parseExtractor(text: string): Reading<Extractor> {
  const match = /^(header|cookie|json|body):(.+)$/s.exec(text);
  if (match === null) return { wrong: `${quote(text)} is no place in an answer`, right: PLACES };
  const [, kind, rest = ''] = match;
  if (kind === 'body') {
    const pattern = regex(rest);
    if ('wrong' in pattern) return pattern;
    return { value: { text, find: (answer) => cut(firstOf(pattern.value, answer.body)) } };
  }
  const tilde = rest.indexOf('~');
  const name = tilde < 0 ? rest : rest.slice(0, tilde);
  const pattern = tilde < 0 ? null : regex(rest.slice(tilde + 1));
  if (pattern !== null && 'wrong' in pattern) return pattern;
  if (kind === 'json' ? !/^[\w$-]+(\.[\w$-]+)*$/.test(name) : !isToken(name)) {
    return {
      wrong: `${quote(name)} is not the name of a ${kind === 'json' ? 'field' : kind}`,
      right: PLACES,
    };
  }
  const raw = rawReader(kind as 'header' | 'cookie' | 'json', name); // the pattern above lets nothing else through
  const find = (answer: Answer): string | null => {
    const value = raw(answer);
    return cut(value === null || pattern === null ? value : firstOf(pattern.value, value));
  };
  return { value: { text, find } };
}

function rawReader(kind: 'header' | 'cookie' | 'json', name: string): (answer: Answer) => string | null {
  if (kind === 'header') {
    const lower = name.toLowerCase();
    return (answer) => answer.field(lower);
  }
  if (kind === 'cookie') return (answer) => answer.cookie(name);
  const path = name.split('.');
  return (answer) => jsonValue(answer.body, path);
}

/** A scalar inside a JSON body as text, `null` among them; null where the body is no JSON or has no such field. */
function jsonValue(body: string, path: readonly string[]): string | null {
  // Most answers that are no JSON show it by their first byte, and cost nothing more.
  if (!/^\s*[[{]/.test(body)) return null;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return null;
    value = (value as Record<string, unknown>)[step]; // an object with that property: checked above
  }
  return typeof value === 'object' && value !== null ? null : String(value);
}

function regex(source: string): Reading<RegExp> {
  try {
    return { value: new RegExp(source) };
  } catch {
    return { wrong: `${quote(source)} is not a regular expression`, right: 'body:served by (\\w+)' };
  }
}

function firstOf(pattern: RegExp, text: string): string | null {
  const match = pattern.exec(text);
  return match === null ? null : (match[1] ?? match[0]);
}

function cut(value: string | null): string | null {
  return value === null || value === '' ? null : value.slice(0, VALUE_CHARS_MAX);
}

/** True or false of an answer. */
export interface Condition {
  readonly text: string;
  holds(answer: Answer): boolean;
}

/** Reads `status:401`, or a place in an answer that must be there, or with `=VALUE` at its end must have that value. */
export function parseCondition(text: string): Reading<Condition> {
  const status = /^status:(\d{3})$/.exec(text);
  if (status !== null) {
    const wanted = Number(status[1]);
    return { value: { text, holds: (answer) => answer.status === wanted } };
  }
  const equals = text.startsWith('body:') ? -1 : text.lastIndexOf('=');
  const place = parseExtractor(equals < 0 ? text : text.slice(0, equals));
  if ('wrong' in place) {
    return {
      wrong: `${quote(text)} says nothing of an answer`,
      right: `status:401, ${PLACES}, or =VALUE behind`,
    };
  }
  const wanted = equals < 0 ? null : text.slice(equals + 1);
  const { find } = place.value;
  return {
    value: {
      text,
      holds: (answer) => {
        const value = find(answer);
        return wanted === null ? value !== null : value === wanted;
      },
    },
  };
}
