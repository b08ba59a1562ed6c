// The `Cookie` header read as each framework's own parser reads it, so that the edge and the app never see two different sessions.
import { isSpace, percentDecoded, unquotePython, wwwDecoded } from './cookie-values.ts';

export type CookieProfile =
  | 'npm-cookie'
  | 'npm-cookie2'
  | 'npm-cookies'
  | 'django'
  | 'starlette'
  | 'werkzeug'
  | 'rack'
  | 'php'
  | 'go'
  | 'plug'
  | 'tomcat'
  | 'aspnet';

/** One cookie as a parser sees it. */
type Pair = readonly [name: string, value: string];

/** How one parser works: the pairs that it finds, and which of several under one name the app uses. */
interface Profile {
  readonly pairs: (header: string) => Iterable<Pair>;
  readonly uses: 'first' | 'last' | 'all';
}

const PROFILES: Readonly<Record<CookieProfile, Profile>> = {
  'npm-cookie': { pairs: (header) => npmPairs(header, true), uses: 'first' },
  'npm-cookie2': { pairs: (header) => npmPairs(header, false), uses: 'first' },
  'npm-cookies': { pairs: cookiesPairs, uses: 'first' },
  django: { pairs: djangoPairs, uses: 'last' },
  starlette: { pairs: djangoPairs, uses: 'last' },
  werkzeug: { pairs: werkzeugPairs, uses: 'first' },
  rack: { pairs: rackPairs, uses: 'first' },
  php: { pairs: phpPairs, uses: 'first' },
  go: { pairs: goPairs, uses: 'first' },
  plug: { pairs: plugPairs, uses: 'first' },
  tomcat: { pairs: tomcatPairs, uses: 'all' },
  aspnet: { pairs: aspnetPairs, uses: 'last' },
};

/** Every value that this parser finds under `name`, in the order in which the app would use them; empty: none. `header`: one character a byte. */
export function cookieValues(profile: CookieProfile, header: string, name: string): readonly string[] {
  const { pairs, uses } = PROFILES[profile];
  const values: string[] = [];
  for (const [found, value] of pairs(header)) {
    if (found !== name) continue;
    values.push(value);
    if (uses === 'first') break;
  }
  return uses === 'last' ? values.slice(-1) : values;
}

/** The value that the app uses, or null. */
export function cookieValue(profile: CookieProfile, header: string, name: string): string | null {
  return cookieValues(profile, header, name)[0] ?? null;
}

/** What this parser finds: the value that the app uses under each name, in the order of the names. One pass, however many there are. */
export function cookieMap(profile: CookieProfile, header: string): ReadonlyMap<string, string> {
  const { pairs, uses } = PROFILES[profile];
  const found = new Map<string, string>();
  for (const [name, value] of pairs(header)) if (uses === 'last' || !found.has(name)) found.set(name, value);
  return found;
}

/** The names that this parser finds, each once, in order. */
export function cookieNames(profile: CookieProfile, header: string): readonly string[] {
  return [...new Set(Array.from(PROFILES[profile].pairs(header), ([name]) => name))];
}

/**
 * Whether the cookie `name` comes in a way that two parsers may read as two values, or one of them not at all: several times, with blanks,
 * quotes, commas, backslashes or bytes beyond visible ASCII in it, or beside a quote that one of them takes for the begin of a text that
 * holds `;`. Linear.
 */
export function isAmbiguous(header: string, name: string): boolean {
  const wanted = phpName(name);
  let count = 0;
  for (const part of header.split(';')) {
    if (hasOddQuotes(part)) return true;
    for (const piece of part.split(',')) {
      const equals = piece.indexOf('=');
      const written = equals < 0 ? piece : piece.slice(0, equals);
      const found = written.trim();
      if (found === '' || (found !== name && phpName(found) !== wanted)) continue;
      count++;
      const plain = written.trimStart() === name && !written.includes('\t') && !part.includes(',');
      if (!plain || equals < 0 || !isPlainValue(piece.slice(equals + 1))) return true;
    }
  }
  return count > 1;
}

function hasOddQuotes(part: string): boolean {
  let quotes = 0;
  for (let at = part.indexOf('"'); at >= 0; at = part.indexOf('"', at + 1)) quotes++;
  return quotes % 2 === 1;
}

/** Visible ASCII but for quote, comma and backslash. */
function isPlainValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f || c === 0x22 || c === 0x2c || c === 0x5c) return false;
  }
  return true;
}

/** npm `cookie` 0.7 and 2: index.js, `parse`. Blanks around name and value are nobody's; what has no `=` is passed over. */
function* npmPairs(header: string, unquotes: boolean): Iterable<Pair> {
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    let value = trimBlanks(part.slice(equals + 1));
    if (unquotes && value.startsWith('"') && value.endsWith('"')) value = value.slice(1, -1);
    yield [trimBlanks(part.slice(0, equals)), percentDecoded(value)];
  }
}

/** npm `cookies` 0.9: index.js, `get`. The name stands right behind `;` and spaces; the value is taken as it is, but for quotes. */
function* cookiesPairs(header: string): Iterable<Pair> {
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const value = part.slice(equals + 1);
    yield [part.slice(0, equals).replace(/^ +/, ''), value.startsWith('"') ? value.slice(1, -1) : value];
  }
}

/** Django 3.2 http/cookie.py, `parse_cookie`; Starlette's `cookie_parser` is the same. */
function* djangoPairs(header: string): Iterable<Pair> {
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? '' : part.slice(0, equals).trim();
    yield [name, unquotePython(part.slice(equals + 1).trim())];
  }
}

/** Werkzeug 2.2 and 3.1, `_cookie_re`: a quoted value may hold `;` if nothing but blanks follows it. */
function* werkzeugPairs(header: string): Iterable<Pair> {
  for (let at = 0; at < header.length; ) {
    const stop = nextOf(header, at, ';');
    const equals = header.indexOf('=', at);
    if (equals < 0 || equals > stop) {
      yield [header.slice(at, stop).trim(), ''];
      at = stop + 1;
      continue;
    }
    let start = equals + 1;
    while (isSpace(header, start)) start++;
    const end = quotedEnd(header, start) ?? nextOf(header, start, ';');
    yield [header.slice(at, equals).trim(), unquotePython(header.slice(start, end).trimEnd())];
    at = nextOf(header, end, ';') + 1;
  }
}

/** Behind the quoted text that begins at `start`, if `;` or the end follows it. */
function quotedEnd(header: string, start: number): number | null {
  if (header[start] !== '"') return null;
  let at = start + 1;
  while (at < header.length && header[at] !== '"') at += header[at] === '\\' ? 2 : 1;
  if (at >= header.length) return null;
  const end = ++at;
  while (isSpace(header, at)) at++;
  return at >= header.length || header[at] === ';' ? end : null;
}

/** Rack 2.2 and 3.2, utils.rb, `parse_cookies_header`: split at `;` and spaces, names as they are, `+` is a space. */
function* rackPairs(header: string): Iterable<Pair> {
  let first = true;
  for (const part of header.split(';')) {
    const text = first ? part : part.replace(/^ +/, '');
    first = false;
    const equals = text.indexOf('=');
    if (equals >= 0) yield [text.slice(0, equals), wwwDecoded(text.slice(equals + 1))];
  }
}

/** PHP 8.2 main/php_variables.c, `php_default_treat_data`: dots and spaces of names become `_`; arrays are no cookies of their name. */
function* phpPairs(header: string): Iterable<Pair> {
  const arrays = new Set<string>();
  for (const part of header.split(';')) {
    const text = part.trimStart();
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === '') continue;
    const bracket = name.indexOf('[');
    if (bracket > 0) arrays.add(phpName(name.slice(0, bracket)));
    else if (!arrays.has(phpName(name)))
      yield [phpName(name), equals < 0 ? '' : rawDecoded(text.slice(equals + 1))];
  }
}

function phpName(name: string): string {
  return name.replace(/[. ]/g, '_');
}

/** `%XX` to bytes, everything else as it is; one character a byte. */
function rawDecoded(value: string): string {
  return value.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Go 1.19 net/http/cookie.go, `readCookies`: what is no token or holds a byte that may not be is passed over. */
function* goPairs(header: string): Iterable<Pair> {
  for (const part of header.split(';')) {
    const text = trimBlanks(part);
    if (text === '') continue;
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    let value = equals < 0 ? '' : text.slice(equals + 1);
    if (value.length > 1 && value.startsWith('"') && value.endsWith('"')) value = value.slice(1, -1);
    if (TOKEN.test(name) && /^[\x20!#-:<-[\]-~]*$/.test(value)) yield [name, value];
  }
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Plug 1.16 plug/conn/cookies.ex, `decode`: a blank in a name drops it, spaces behind a value are nobody's, other blanks drop it. */
function* plugPairs(header: string): Iterable<Pair> {
  for (const part of header.split(';')) {
    const text = part.replace(/^[ \t]+/, '');
    const equals = text.indexOf('=');
    const name = text.slice(0, Math.max(0, equals));
    const value = text.slice(equals + 1);
    if (equals > 0 && !/[ \t\r\n\v\f]/.test(name) && !/[\t\r\n\v\f]/.test(value))
      yield [name, value.trimEnd()];
  }
}

/** Tomcat 9 http/parser/Cookie.java (RFC 6265): a byte that may not be drops the pair; all of one name are kept. */
function* tomcatPairs(header: string): Iterable<Pair> {
  for (const part of header.split(';')) {
    const text = trimBlanks(part);
    const equals = text.indexOf('=');
    const name = trimBlanks(equals < 0 ? text : text.slice(0, equals));
    if (!TOKEN.test(name)) continue;
    let value = equals < 0 ? '' : trimBlanks(text.slice(equals + 1));
    if (value.startsWith('"')) {
      const close = value.indexOf('"', 1);
      if (close >= 0 && close < value.length - 1) continue;
      value = value.slice(1, close < 0 ? undefined : close);
    }
    if (/^[!#-+\--:<-[\]-~\x80-\xff]*$/.test(value)) yield [name, value];
  }
}

/** ASP.NET Core CookieHeaderParserShared and RequestCookieCollection (read, not run): `,` separates too, values are decoded. */
function* aspnetPairs(header: string): Iterable<Pair> {
  for (const part of header.split(/[;,]/)) {
    const text = trimBlanks(part);
    const equals = text.indexOf('=');
    if (equals > 0) yield [text.slice(0, equals), percentDecoded(text.slice(equals + 1))];
  }
}

function nextOf(text: string, from: number, character: string): number {
  const at = text.indexOf(character, from);
  return at < 0 ? text.length : at;
}

function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && (text[start] === ' ' || text[start] === '\t')) start++;
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  return text.slice(start, end);
}
