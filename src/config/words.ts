// The HTTP words a config may hold: methods, field names and values, cookie attributes, paths and redirect targets.
import type { HashOn } from '../balance/options.ts';
import type { RoutePath } from './addresses.ts';
import { nearest } from './nearest.ts';
import { quote, type Reading } from './units.ts';

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** A token of at most `max` characters; `what` names it in the message. */
export function parseToken(text: string, what: string, right: string, max = 256): Reading<string> {
  if (text.length > max) return { wrong: `${what} has at most ${max} characters`, right };
  if (!isToken(text)) return { wrong: `${quote(text)} is not ${what}`, right };
  return { value: text };
}

/** A method, in upper case since methods are, by RFC 9110 section 9.1, told apart by case and all common ones are upper. */
export function parseMethod(text: string): Reading<string> {
  if (!isToken(text) || text.length > 32) return { wrong: `${quote(text)} is not a method`, right: 'GET' };
  if (text !== text.toUpperCase()) {
    return {
      wrong: `${quote(text)} is not a method, since methods are upper case`,
      right: text.toUpperCase(),
    };
  }
  if (text === 'CONNECT' || text === 'TRACE') {
    return {
      wrong: `${text} is refused before any route is looked up`,
      right: 'GET, POST or another method',
    };
  }
  return { value: text };
}

/** A field value by RFC 9110 section 5.5: visible characters, spaces and tabs inside; no space at either end. */
export function parseFieldValue(text: string): Reading<string> {
  const right = 'one line of printable characters';
  if (text.length > 8192) return { wrong: 'a field value has at most 8192 characters', right };
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 9) || code === 0x7f)
      return { wrong: 'a field value has no control characters', right };
    if (code > 0xff)
      return { wrong: `a field value cannot hold ${quote(text[i]!)}`, right: 'characters of Latin-1' };
  }
  if (text !== text.trim()) return { wrong: 'a field value does not begin or end with a space', right };
  return { value: text };
}

/** `Path` of a cookie (RFC 6265bis section 4.1.1): begins with `/`, printable ASCII without `;`. */
export function parseCookiePath(text: string): Reading<string> {
  if (!text.startsWith('/')) return { wrong: `${quote(text)} does not begin with \`/\``, right: '/' };
  if (!/^[\x20-\x3a\x3c-\x7e]{1,1024}$/.test(text))
    return { wrong: `${quote(text)} is not the path of a cookie`, right: '/' };
  return { value: text };
}

/** `Domain` of a cookie: a name with a dot (browsers refuse others), in lower case; a leading dot means nothing and is dropped. */
export function parseCookieDomain(text: string): Reading<string> {
  const right = 'example.com';
  const domain = text.toLowerCase().replace(/^\./, '');
  const labels = domain.split('.');
  const sound = labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (!sound || domain.length > 253) return { wrong: `${quote(text)} is not a domain`, right };
  if (/^[\d.]+$/.test(domain))
    return { wrong: `${quote(text)} is an address, and cookies have no \`Domain\` for those`, right };
  if (labels.length < 2 && domain !== 'localhost') {
    return { wrong: `${quote(text)} is a top-level domain, for which browsers refuse cookies`, right };
  }
  return { value: domain };
}

/** Characters that a path shows unescaped: RFC 3986 section 2.3. */
const UNRESERVED = /[A-Za-z0-9._~-]/;

/**
 * A path (with `query`, also `?…`) that means the same however it is read: no empty or dot segments, no escapes of
 * characters that need none or that would be read as separators.
 */
export function parsePath(text: string, query: boolean): Reading<string> {
  const right = `/${text.replace(/^\/+/, '')}`;
  if (!text.startsWith('/')) return { wrong: `${quote(text)} does not begin with \`/\``, right };
  if (text.length > 2048) return { wrong: 'a path has at most 2048 characters', right: 'a shorter path' };
  const mark = text.indexOf('?');
  if (mark >= 0 && !query)
    return {
      wrong: `${quote(text)} has a query, which a path is matched without`,
      right: text.slice(0, mark),
    };
  if (text.includes('#'))
    return {
      wrong: `${quote(text)} has a fragment, which is never sent`,
      right: text.slice(0, text.indexOf('#')),
    };
  const path = mark >= 0 ? text.slice(0, mark) : text;
  if (!/^[\x21-\x7e]*$/.test(text)) {
    return {
      wrong: `${quote(text)} holds characters that are sent escaped`,
      right: 'its UTF-8 bytes as %XX',
    };
  }
  if (path.includes('\\'))
    return { wrong: `${quote(text)} holds a \`\\\``, right: text.replaceAll('\\', '/') };
  for (const [whole, hex] of path.matchAll(/%(..?)?/g)) {
    if (hex === undefined || !/^[0-9A-Fa-f]{2}$/.test(hex))
      return { wrong: `${quote(whole)} is not an escape`, right: '%25 for a `%`' };
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    if (UNRESERVED.test(character)) {
      return {
        wrong: `${quote(whole)} stands for ${quote(character)}, which needs no escape`,
        right: path.replaceAll(whole, character),
      };
    }
    if (character === '/' || character === '\\' || character === '\0') {
      return { wrong: `${quote(whole)} is read differently by different apps`, right: 'a path without it' };
    }
  }
  const segments = path.split('/').slice(1);
  const sound = segments.filter(
    (segment, i) => segment !== '.' && segment !== '..' && (segment !== '' || i === segments.length - 1),
  );
  if (sound.length !== segments.length) {
    return { wrong: `${quote(text)} is not in its simplest form`, right: `/${sound.join('/')}` };
  }
  return { value: text };
}

/** `/prefix` or `= /exact`. The `/` at the end of a prefix says nothing and is dropped. */
export function parseRoutePath(text: string): Reading<RoutePath> {
  const exact = text.startsWith('=');
  const reading = parsePath(exact ? text.slice(1).trimStart() : text, false);
  if ('wrong' in reading) return exact ? { wrong: reading.wrong, right: `= ${reading.right}` } : reading;
  const path = reading.value;
  const star = path.indexOf('*');
  if (star >= 0) {
    return {
      wrong: `${quote(text)} holds a \`*\`, but a path is a prefix by itself`,
      right: path.slice(0, star).replace(/(.)\/$/, '$1'),
    };
  }
  return { value: { path: exact || path === '/' ? path : path.replace(/\/$/, ''), exact } };
}

/** Places of a redirect target that are filled in. */
export const REDIRECT_PLACES = ['path', 'query', 'host'] as const;

/** A `Location` with `{path}`, `{query}` and `{host}`: absolute, or a path that cannot be turned into another host. */
export function parseRedirect(text: string): Reading<string> {
  const right = 'https://example.com{path}{query}';
  if (text.length > 2048 || !/^[\x21-\x7e]+$/.test(text))
    return { wrong: `${quote(text)} is not an address`, right };
  for (const [whole, name] of text.matchAll(/\{([^{}]*)\}?|\}/g)) {
    if (name !== undefined && whole.endsWith('}') && (REDIRECT_PLACES as readonly string[]).includes(name))
      continue;
    const likely = name === undefined ? null : nearest(name, REDIRECT_PLACES);
    return {
      wrong: `${quote(whole)} is not a place to fill in`,
      right: likely === null ? '{path}, {query} or {host}' : `{${likely}}`,
    };
  }
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(text);
  if (absolute !== null) {
    // `{host}.evil` and `good{path}` would let a client choose where it, or its victim, is sent.
    const authority =
      /^(\{host\}|[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?((?:\{path\})?)(\{query\})?$/.exec(
        absolute[1]!,
      );
    if (authority === null) return { wrong: `${quote(absolute[1]!)} is not a host`, right };
    return { value: text };
  }
  // A path that is sent may begin with `//`, and `//host` is an address elsewhere.
  if (!text.startsWith('/') || /^\/(\/|\\|\{path\})/.test(text)) {
    return {
      wrong: `${quote(text)} could lead to another site`,
      right: '/new{path} or https://{host}{path}{query}',
    };
  }
  return { value: text };
}

/** `address`, `path`, `header NAME`, `cookie NAME`, `query NAME`. */
export function parseHashOn(text: string): Reading<HashOn> {
  const right = 'address, path, header NAME, cookie NAME or query NAME';
  const [on, name, ...more] = text.trim().split(/\s+/);
  if (on === 'address' || on === 'path') {
    return name === undefined ? { value: { on } } : { wrong: `\`${on}\` takes no name`, right: on };
  }
  if (on !== 'header' && on !== 'cookie' && on !== 'query')
    return { wrong: `${quote(text)} cannot be hashed`, right };
  if (name === undefined) return { wrong: `\`${on}\` needs a name`, right: `${on} NAME` };
  if (more.length > 0 || !/^[\x21-\x7e]{1,256}$/.test(name) || (on !== 'query' && !isToken(name))) {
    return {
      wrong: `${quote(text.slice(on.length).trim())} is not the name of a ${on}`,
      right: `${on} NAME`,
    };
  }
  return { value: { on, name } };
}

/** A name for metrics, logs and the API: printable, without what they would have to escape. */
export function parseName(text: string): Reading<string> {
  const right = text.replace(/[^A-Za-z0-9._:/[\]-]+/g, '-').slice(0, 128);
  if (text === '' || text.length > 128)
    return { wrong: 'a name has 1 to 128 characters', right: right === '' ? 'app-1' : right };
  if (!/^[A-Za-z0-9._:/[\]-]+$/.test(text)) return { wrong: `${quote(text)} is not a name`, right };
  return { value: text };
}
