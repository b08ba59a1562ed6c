// Affinity by a cookie of our own: TOKEN.NONCE, where TOKEN names the upstream and NONCE the user.
import { createHmac } from 'node:crypto';
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import type { RandomBytes } from '../base/random.ts';
import { AFFINITY, HomeTokens, tokenLength } from './home-tokens.ts';
import type { CookieOptions } from './options.ts';

/** 64 bits in base64url. */
const NONCE_CHARS = 11;
const DOT = 0x2e;

const DIGITS = latin1Bytes('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
/** Value of a base64url character; −1: not one. */
const VALUES = new Int8Array(256).fill(-1);
DIGITS.forEach((digit, value) => {
  VALUES[digit] = value;
});

/**
 * Reads and writes the cookie of one pool. The token is the same for all users of an upstream (see HomeTokens); the
 * nonce is 64 random bits by which users are counted and, when their home is lost, spread anew. It is not signed: a
 * user who changes it changes nothing but where he goes himself. Holds no socket; one per pool and worker, made with
 * each plan.
 */
export class CookieAffinity {
  /** Set by `read` (after a position, or AFFINITY.lost) and by `draw`: the user's nonce, two signed 32-bit halves. */
  nonceHi = 0;
  nonceLo = 0;
  /** Set by `read`: the home stands, but the cookie is to be set anew, with the same nonce (rotated secret, past half its life). */
  renew = false;
  /** Keyed, for noteUser: without the secret nobody can choose nonces that spoil the count. */
  readonly userSeed: number;

  readonly #tokens: HomeTokens;
  readonly #secure: 'auto' | boolean;
  /** `Set-Cookie: name=` */
  readonly #head: Uint8Array;
  /** The attributes and the line's end, for a plain channel and for a secure one. */
  readonly #tailPlain: Uint8Array;
  readonly #tailSecure: Uint8Array;

  /**
   * `options.secrets` must not be empty here; `upstreams`: the pool's upstream names, by position, those that are
   * down or backup included; `wallMs`: now.
   */
  constructor(options: CookieOptions, pool: string, upstreams: readonly string[], wallMs: number) {
    this.#tokens = new HomeTokens(options.secrets, pool, upstreams, options.maxAgeS, wallMs);
    this.#secure = options.secure;
    this.#head = latin1Bytes(`Set-Cookie: ${options.name}=`);
    this.#tailPlain = latin1Bytes(`${attributes(options, false)}\r\n`);
    this.#tailSecure = latin1Bytes(`${attributes(options, true)}\r\n`);
    this.userSeed = userSeed(options.secrets[0]!, pool);
  }

  /** Brings the wall time, ms; about once a second. See HomeTokens.tick. */
  tick(wallMs: number): void {
    this.#tokens.tick(wallMs);
  }

  /**
   * The upstream's position that the cookie value `bytes[start, end)` names, or AFFINITY.none, forged or lost. Sets
   * `renew`, and the nonce unless forged. Hot: test/alloc/affinity.test.ts.
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    this.renew = false;
    const length = tokenLength(bytes, start, end);
    const dot = start + length;
    if (length === 0 || end - dot !== NONCE_CHARS + 1 || bytes[dot] !== DOT) return AFFINITY.forged;
    if (!this.#readNonce(bytes, dot + 1)) return AFFINITY.forged;
    const position = this.#tokens.read(bytes, start, length);
    this.renew = this.#tokens.renew;
    return position;
  }

  /** Reads the nonce alone, whoever signed the token before it. False: this is no cookie of the form. Hot. */
  readUser(bytes: Uint8Array, start: number, end: number): boolean {
    const length = tokenLength(bytes, start, end);
    const dot = start + length;
    if (length === 0 || end - dot !== NONCE_CHARS + 1 || bytes[dot] !== DOT) return false;
    return this.#readNonce(bytes, dot + 1);
  }

  /** A new user's nonce, into `nonceHi` and `nonceLo`. */
  draw(random: RandomBytes): void {
    const at = random.take(8);
    const b = random.bytes;
    this.nonceHi = b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24);
    this.nonceLo = b[at + 4]! | (b[at + 5]! << 8) | (b[at + 6]! << 16) | (b[at + 7]! << 24);
  }

  /**
   * Appends the whole line `Set-Cookie: …` with its CRLF. `position`: the home; the nonce is the one that the
   * exchange kept from `read` or `draw`; `secureChannel`: the client's side is TLS, which decides where `secure` is
   * `auto`.
   */
  write(out: ByteWriter, position: number, nonceHi: number, nonceLo: number, secureChannel: boolean): void {
    out.block(this.#head);
    out.block(this.#tokens.token(position));
    out.byte(DOT);
    writeNonce(out, nonceHi, nonceLo);
    const secure = this.#secure === 'auto' ? secureChannel : this.#secure;
    out.block(secure ? this.#tailSecure : this.#tailPlain);
  }

  #readNonce(bytes: Uint8Array, at: number): boolean {
    let all = 0;
    let hi = 0;
    for (let i = 0; i < 5; i++) {
      const value = VALUES[bytes[at + i]!]!;
      all |= value;
      hi = (hi << 6) | value;
    }
    const middle = VALUES[bytes[at + 5]!]!;
    let lo = middle;
    for (let i = 6; i < 10; i++) {
      const value = VALUES[bytes[at + i]!]!;
      all |= value;
      lo = (lo << 6) | value;
    }
    const last = VALUES[bytes[at + 10]!]!;
    if ((all | middle | last) < 0) return false;
    this.nonceHi = (hi << 2) | (middle >> 4);
    this.nonceLo = (lo << 4) | (last >> 2);
    return true;
  }
}

/** The key under which a pool's users are counted. */
export function userSeed(secret: string, pool: string): number {
  return createHmac('sha256', secret).update(`limpet affinity\0users\0${pool}`).digest().readInt32LE(0);
}

/** 64 bits as 11 characters of base64url, the first bits first. */
function writeNonce(out: ByteWriter, hi: number, lo: number): void {
  if (!out.ensure(NONCE_CHARS)) return;
  const bytes = out.bytes;
  const at = out.length;
  bytes[at] = DIGITS[hi >>> 26]!;
  bytes[at + 1] = DIGITS[(hi >>> 20) & 63]!;
  bytes[at + 2] = DIGITS[(hi >>> 14) & 63]!;
  bytes[at + 3] = DIGITS[(hi >>> 8) & 63]!;
  bytes[at + 4] = DIGITS[(hi >>> 2) & 63]!;
  bytes[at + 5] = DIGITS[((hi & 3) << 4) | (lo >>> 28)]!;
  bytes[at + 6] = DIGITS[(lo >>> 22) & 63]!;
  bytes[at + 7] = DIGITS[(lo >>> 16) & 63]!;
  bytes[at + 8] = DIGITS[(lo >>> 10) & 63]!;
  bytes[at + 9] = DIGITS[(lo >>> 4) & 63]!;
  bytes[at + 10] = DIGITS[(lo & 15) << 2]!;
  out.length = at + NONCE_CHARS;
}

/**
 * The attributes (RFC 6265 section 5.2; SameSite and Partitioned by its successor's draft). Browsers refuse
 * `SameSite=None` and `Partitioned` without `Secure`, so both are left out where the channel is plain: a user on such
 * a channel keeps a home, too.
 */
function attributes(options: CookieOptions, secure: boolean): string {
  let text = `; Path=${options.path}`;
  if (options.domain !== null) text += `; Domain=${options.domain}`;
  if (options.maxAgeS !== null) text += `; Max-Age=${options.maxAgeS}`;
  if (options.sameSite === 'lax') text += '; SameSite=Lax';
  if (options.sameSite === 'strict') text += '; SameSite=Strict';
  if (options.sameSite === 'none' && secure) text += '; SameSite=None';
  if (options.httpOnly) text += '; HttpOnly';
  if (secure) text += '; Secure';
  if (options.partitioned && secure) text += '; Partitioned';
  return text;
}
