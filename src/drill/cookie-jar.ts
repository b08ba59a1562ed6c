// The cookies of one pretended user, kept and sent as a browser does (RFC 6265bis), for the one host that a drill asks.
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** What a jar holds at most; the one that was set longest ago goes first. RFC 6265bis section 6.1 asks for fifty a domain. */
export const COOKIES_MAX = 50;
/** RFC 6265bis section 5.6: name and value together; a longer cookie is ignored. */
const PAIR_BYTES_MAX = 4096;
/** The same for an attribute's value; a longer one is ignored. */
const ATTRIBUTE_BYTES_MAX = 1024;
/** Browsers cap a lifetime at 400 days (RFC 6265bis section 5.5). */
const LIFETIME_MS_MAX = 400 * 24 * 3_600_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a line that holds one of these is ignored, section 5.6 step 1.
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** Only where `Domain` was given; it tells this cookie from one of the same name for the host alone. */
  readonly domain: string;
  /** Wall-clock ms at which it ends; Infinity for one that lives as long as the user. */
  readonly expiresMs: number;
}

/** One user's jar. */
export class CookieJar {
  readonly #host: string;
  readonly #mayBeSecure: boolean;
  readonly #clock: Clock;
  /** By name, domain and path; in the order in which they were first set. */
  readonly #cookies = new Map<string, Cookie>();

  /**
   * For one host, a name or an address without brackets. `mayBeSecure`: whether cookies marked `Secure` are taken, as by https
   * and, in browsers, by this machine itself.
   */
  constructor(host: string, mayBeSecure: boolean, clock: Clock) {
    this.#host = host.toLowerCase();
    this.#mayBeSecure = mayBeSecure;
    this.#clock = clock;
  }

  get size(): number {
    return this.#cookies.size;
  }

  /** Keeps, replaces or drops what one `Set-Cookie` line of an answer to `path` says. A line that breaks a rule is ignored. */
  store(line: string, path: string): void {
    if (CONTROL.test(line)) return;
    const [pair = '', ...attributes] = line.split(';');
    const equals = pair.indexOf('=');
    const name = equals < 0 ? '' : pair.slice(0, equals).trim();
    const value = (equals < 0 ? pair : pair.slice(equals + 1)).trim();
    if (name === '' && value === '') return;
    if (Buffer.byteLength(name) + Buffer.byteLength(value) > PAIR_BYTES_MAX) return;
    const said = readAttributes(attributes);
    const secure = said.has('secure');
    if (secure && !this.#mayBeSecure) return;
    const domain = (said.get('domain') ?? '').replace(/^\./, '').toLowerCase();
    if (domain !== '' && !this.#belongsTo(domain)) return;
    const asked = said.get('path') ?? '';
    const own = asked.startsWith('/') ? asked : defaultPath(path);
    if (!keepsPrefix(name, secure, domain, said.get('path') ?? '')) return;
    const key = `${name}\0${domain}\0${own}`;
    const expiresMs = this.#expiry(said);
    if (expiresMs <= this.#clock.wallMs()) {
      this.#cookies.delete(key);
      return;
    }
    // A replaced cookie keeps its place: its time of creation is the old one's (section 5.7 step 23).
    this.#cookies.set(key, { name, value, path: own, domain, expiresMs });
    if (this.#cookies.size > COOKIES_MAX) this.#makeRoom();
  }

  /** The `Cookie` field for a request of `path` (without its query); empty when there is none to send. */
  line(path: string): string {
    const nowMs = this.#clock.wallMs();
    const fitting: Cookie[] = [];
    for (const [key, cookie] of this.#cookies) {
      if (cookie.expiresMs <= nowMs) this.#cookies.delete(key);
      else if (isBelow(path, cookie.path)) fitting.push(cookie);
    }
    // Longer paths first, then in the order of creation (section 5.8.3), which a stable sort keeps.
    fitting.sort((a, b) => b.path.length - a.path.length);
    return fitting.map(({ name, value }) => (name === '' ? value : `${name}=${value}`)).join('; ');
  }

  /** The value of the cookie that is sent first under `name` for `path`; null without one. */
  value(name: string, path: string): string | null {
    const nowMs = this.#clock.wallMs();
    let found: Cookie | null = null;
    for (const cookie of this.#cookies.values()) {
      if (cookie.name !== name || cookie.expiresMs <= nowMs || !isBelow(path, cookie.path)) continue;
      if (found === null || cookie.path.length > found.path.length) found = cookie;
    }
    return found?.value ?? null;
  }

  #expiry(said: ReadonlyMap<string, string>): number {
    const nowMs = this.#clock.wallMs();
    const age = said.get('max-age');
    // Max-Age wins over Expires where it is a number.
    if (age !== undefined && /^-?\d+$/.test(age))
      return nowMs + Math.min(Number(age) * 1000, LIFETIME_MS_MAX);
    const date = Date.parse(said.get('expires') ?? '');
    return Number.isNaN(date) ? Infinity : Math.min(date, nowMs + LIFETIME_MS_MAX);
  }

  /** Whether the host is `domain` or below it (section 5.1.3); an address has nothing below it. */
  #belongsTo(domain: string): boolean {
    if (this.#host === domain) return true;
    return isIP(this.#host) === 0 && domain.includes('.') && this.#host.endsWith(`.${domain}`);
  }

  #makeRoom(): void {
    const nowMs = this.#clock.wallMs();
    for (const [key, cookie] of this.#cookies) if (cookie.expiresMs <= nowMs) this.#cookies.delete(key);
    for (const key of this.#cookies.keys()) {
      if (this.#cookies.size <= COOKIES_MAX) return;
      this.#cookies.delete(key);
    }
  }
}

/** Attributes by their name in lower case; of two of one name the last holds. */
function readAttributes(attributes: readonly string[]): Map<string, string> {
  const said = new Map<string, string>();
  for (const attribute of attributes) {
    const equals = attribute.indexOf('=');
    const name = (equals < 0 ? attribute : attribute.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : attribute.slice(equals + 1).trim();
    if (Buffer.byteLength(value) <= ATTRIBUTE_BYTES_MAX) said.set(name, value);
  }
  return said;
}

/** Section 5.1.4: the folder of the path that was asked for. */
function defaultPath(path: string): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}

/** Section 5.1.4: whether a request of `path` is one for a cookie of `cookiePath`. */
function isBelow(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true;
  if (!path.startsWith(cookiePath)) return false;
  return cookiePath.endsWith('/') || path[cookiePath.length] === '/';
}

/** Section 5.7 steps 20 and 21: what names that begin with `__Secure-` and `__Host-` promise. */
function keepsPrefix(name: string, secure: boolean, domain: string, path: string): boolean {
  const lower = name.toLowerCase();
  if (lower.startsWith('__host-')) return secure && domain === '' && path === '/';
  return !lower.startsWith('__secure-') || secure;
}
