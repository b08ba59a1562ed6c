// Affinity by the app's own session cookie: TOKEN~ goes before its value on the way out and is taken off on the way in.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import { hashBytes } from '../base/hash.ts';
import { userSeed } from './cookie-affinity.ts';
import { AFFINITY, HomeTokens, tokenLength } from './home-tokens.ts';
import type { CookieOptions } from './options.ts';

const TILDE = 0x7e;
const EQUALS = 0x3d;
const SEMICOLON = 0x3b;
const SPACE = 0x20;
const TAB = 0x09;

/** Two seeds that make 64 bits of an app's value. */
const SEED_HI = 0x51ab_1e57;
const SEED_LO = 0x2b7e_1516;

const FIELD = latin1Bytes('Set-Cookie: ');
const CRLF = latin1Bytes('\r\n');

/**
 * Reads the mark and writes it into the app's `Set-Cookie`. There is no nonce: the hash of the app's own value stands
 * for the user. The mark lives as long as the app's cookie does, so it has no time. A user whose home is lost keeps
 * the old mark until the app sets its cookie again; until then all his requests go to the same new home by
 * rendezvous. One per pool and worker, made with each plan.
 */
export class PrefixAffinity {
  /** Set by `read`: 64 bits that stand for the user, two signed halves. */
  nonceHi = 0;
  nonceLo = 0;
  /** Set by `read`: where the app's own value begins; `[start, appStart)` is to be cut from the `Cookie` field. */
  appStart = 0;
  /** Keyed, for noteUser. */
  readonly userSeed: number;

  readonly #tokens: HomeTokens;
  readonly #name: Uint8Array;

  /** `options.of` names the app's cookie; `options.secrets` must not be empty. The rest as for CookieAffinity. */
  constructor(options: CookieOptions, pool: string, upstreams: readonly string[], wallMs: number) {
    this.#tokens = new HomeTokens(options.secrets, pool, upstreams, null, wallMs);
    this.#name = latin1Bytes(options.of ?? options.name);
    this.userSeed = userSeed(options.secrets[0]!, pool);
  }

  /** Brings the wall time, ms; about once a second. See HomeTokens.tick. */
  tick(wallMs: number): void {
    this.#tokens.tick(wallMs);
  }

  /**
   * The upstream's position that the app cookie's value `bytes[start, end)` is marked with; AFFINITY.none where it
   * has no mark, else forged or lost. Sets `appStart` and the nonce. Whatever has the shape of a mark is cut, genuine
   * or not, so that a change of secrets costs users their home but not their session. Hot:
   * test/alloc/affinity.test.ts.
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    const appStart = appValueOf(bytes, start, end);
    const marked = appStart > start;
    this.appStart = appStart;
    this.nonceHi = hashBytes(bytes, appStart, end, SEED_HI) | 0;
    this.nonceLo = hashBytes(bytes, appStart, end, SEED_LO) | 0;
    return marked ? this.#tokens.read(bytes, start, appStart - 1 - start) : AFFINITY.none;
  }

  /** True when this `Set-Cookie` value is one that `rewrite` marks. */
  marks(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#valueOf(bytes, start, end) >= 0;
  }

  /**
   * Given the value of a `Set-Cookie` field, `bytes[start, end)`: when it sets the app's session cookie to something,
   * appends the whole new line, marked for the upstream at `position`, and returns true. Else appends nothing and
   * returns false, and the field is to be passed as it is (another cookie, or this one deleted by an empty value).
   */
  rewrite(out: ByteWriter, bytes: Uint8Array, start: number, end: number, position: number): boolean {
    const valueStart = this.#valueOf(bytes, start, end);
    if (valueStart < 0) return false;
    out.block(FIELD);
    out.copy(bytes, start, valueStart);
    out.block(this.#tokens.token(position));
    out.byte(TILDE);
    out.copy(bytes, valueStart, end);
    out.block(CRLF);
    return true;
  }

  /**
   * Where the value begins if the field sets our cookie to something, else −1. White space around name and value is
   * as browsers take it (RFC 6265 section 5.2, steps 2 to 4).
   */
  #valueOf(bytes: Uint8Array, start: number, end: number): number {
    const name = this.#name;
    let at = skipBlank(bytes, start, end);
    if (end - at < name.length) return -1;
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return -1;
    at = skipBlank(bytes, at + name.length, end);
    if (at >= end || bytes[at] !== EQUALS) return -1;
    at = skipBlank(bytes, at + 1, end);
    return at >= end || bytes[at] === SEMICOLON ? -1 : at;
  }
}

/** Where the app's own part of its cookie's value `bytes[start, end)` begins: behind the mark, where there is one. */
export function appValueOf(bytes: Uint8Array, start: number, end: number): number {
  const tilde = start + tokenLength(bytes, start, end);
  return tilde > start && tilde < end && bytes[tilde] === TILDE ? tilde + 1 : start;
}

function skipBlank(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  return at;
}
