// One reader for each kind of scalar: from what stands in the YAML to the value, or what is wrong and what would be right.
import { parseAuthority, parseBind, parseHostPattern, parseNetwork, parseUpstream } from './addresses.ts';
import type { Leaf, LeafValues, Meta } from './schema/meta.ts';
import {
  bounded,
  isWrong,
  parseCount,
  parseDuration,
  parsePace,
  parsePercent,
  parseRate,
  parseSize,
  parseStatuses,
  quote,
  type Reading,
} from './units.ts';
import {
  parseCookieDomain,
  parseCookiePath,
  parseFieldValue,
  parseHashOn,
  parseMethod,
  parseName,
  parsePath,
  parseRedirect,
  parseRoutePath,
  parseToken,
} from './words.ts';

/** A scalar of the document. */
export interface Written {
  /** As YAML sees it. A plain scalar from the environment has its YAML type here and its text below. */
  readonly value: unknown;
  /** As text. */
  readonly text: string;
}

type Reader<T> = (written: Written, meta: Meta, limits: TextLimits) => Reading<T>;

/** Bounds on a text, from JSON Schema's own keywords. */
export interface TextLimits {
  readonly minLength?: number;
  readonly maxLength?: number;
}

const readers: { readonly [K in Leaf]: Reader<LeafValues[K]> } = {
  text: (written, _meta, limits) => {
    const { minLength = 0, maxLength = 65_536 } = limits;
    if (written.text.length < minLength) return { wrong: 'an empty text says nothing', right: 'some text' };
    if (Buffer.byteLength(written.text) > maxLength) {
      return { wrong: `the text has more than ${maxLength} bytes`, right: 'a shorter text' };
    }
    return { value: written.text };
  },
  flag: ({ value, text }) =>
    typeof value === 'boolean'
      ? { value }
      : {
          wrong: `${quote(text)} is neither true nor false`,
          right: /^(no|off|n|0)$/i.test(text) ? 'false' : 'true',
        },
  number: ({ value, text }, meta) => {
    if (typeof value !== 'number' || !Number.isFinite(value))
      return { wrong: `${quote(text)} is not a number`, right: '1.5' };
    return bounded(value, boundsOf(meta), text, String);
  },
  count: ({ text }, meta) => parseCount(text, boundsOf(meta)),
  duration: ({ text }, meta) => parseDuration(text, boundsOf(meta)),
  size: ({ text }, meta) => parseSize(text, boundsOf(meta)),
  rate: ({ text }, meta) => parseRate(text, boundsOf(meta)),
  pace: ({ text }) => parsePace(text),
  percent: ({ text }, meta) => parsePercent(text, boundsOf(meta)),
  statuses: ({ text }) => parseStatuses(text),
  bind: ({ text }) => parseBind(text),
  address: text(parseUpstream),
  host: text(parseHostPattern),
  authority: text(parseAuthority),
  hashOn: text(parseHashOn),
  routePath: text(parseRoutePath),
  path: text((path) => parsePath(path, false)),
  pathAndQuery: text((path) => parsePath(path, true)),
  network: text(parseNetwork),
  method: text(parseMethod),
  cookieName: text((name) => parseToken(name, 'a cookie name', 'limpet')),
  cookiePath: text(parseCookiePath),
  cookieDomain: text(parseCookieDomain),
  fieldName: ({ text: name }) => parseToken(name, 'a field name', 'X-Name'),
  fieldValue: ({ text: value }) => parseFieldValue(value),
  redirect: text(parseRedirect),
  token: ({ text: token }) => parseToken(token, 'a name for `Via`', 'limpet', 64),
  name: ({ text: name }) => parseName(name),
  errorStatus: ({ text: status }) =>
    /^([45]xx|[45]\d\d)$/.test(status)
      ? { value: status }
      : { wrong: `${quote(status)} is not a status of an error`, right: '503, 4xx or 5xx' },
};

/** Reads one scalar. Words that stand for a number come first. */
export function readLeaf(kind: Leaf, written: Written, meta: Meta, limits: TextLimits): Reading<unknown> {
  const words = meta.words ?? {};
  const word = written.value === false && 'off' in words ? 'off' : written.text;
  if (Object.hasOwn(words, word)) return { value: words[word] };
  if (words.off === 0 && written.text === '0') return { value: 0 };
  if (typeof written.value === 'boolean' && kind !== 'flag' && kind !== 'fieldValue') {
    return { wrong: `${quote(written.text)} is not ${meta.takes}`, right: meta.takes };
  }
  const reading: Reading<unknown> = readers[kind](written, meta, limits);
  if (!isWrong(reading) || Object.keys(words).length === 0) return reading;
  const others = Object.keys(words).map((name) => `, or ${name}`);
  return { wrong: reading.wrong, right: `${reading.right}${others.join('')}` };
}

function text<T>(parse: (text: string) => Reading<T>): Reader<T> {
  return (written) => parse(written.text);
}

function boundsOf(meta: Meta): { min: number; max: number } {
  return { min: meta.min ?? 0, max: meta.max ?? Number.MAX_SAFE_INTEGER };
}
