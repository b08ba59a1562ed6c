// Signed, opaque names of upstreams, made when a plan is built, so that reading one is a comparison of bytes.
import { createHmac } from 'node:crypto';
import { sign, unsign } from 'cookie-signature';
import { latin1Bytes } from '../base/byte-writer.ts';
import { invariant } from '../base/invariant.ts';
import { TokenTable } from './token-table.ts';

/** What reading gives where it does not give a position. */
export const AFFINITY = {
  /** Nothing that says anything: absent, or past its life. */
  none: -1,
  /** Not one of ours: forged, of another pool or secret, or damaged. As good as none, but counted. */
  forged: -2,
  /** Ours, but its upstream is not in the pool any more. */
  lost: -3,
} as const;

/*
 * TOKEN = ID [TIME] "." SIGNATURE, as cookie-signature's sign(ID TIME, secret) writes it.
 *   ID         8 characters that stand for the pool, 12 for the upstream: HMAC-SHA256 of their names under the secret, cut to 48 and
 *              72 bits in base64url. Nobody without the secret learns a name from them, and every replica with it makes the same.
 *   TIME       6 characters, only with a maximum age: the second (since 1970) at which its epoch began.
 *   SIGNATURE  43 characters: HMAC-SHA256 of what stands before it, in base64.
 */
const POOL_CHARS = 8;
const UPSTREAM_CHARS = 12;
const ID_CHARS = POOL_CHARS + UPSTREAM_CHARS;
const TIME_CHARS = 6;
const SIGNATURE_CHARS = 43;
const PLAIN_BYTES = ID_CHARS + 1 + SIGNATURE_CHARS;
const TIMED_BYTES = PLAIN_BYTES + TIME_CHARS;

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const DOT = 0x2e;

/** A life has four epochs: a token is set anew after between two and three of them, and lives for four at least, five at most. */
const EPOCHS_PER_LIFE = 4;
const RENEW_AFTER_EPOCHS = 3;

/** Signatures checked per second, at most, for tokens that no table knows: 200 x 5 µs is a thousandth of a core. */
const CHECKS_PER_SECOND = 200;
/** Genuine tokens outside the main table that are remembered, so that users of one lost upstream cost one check together. */
const REMEMBERED_MAX = 256;

/** Everything that one secret makes for one pool. */
interface Keyring {
  readonly secret: string;
  readonly poolChars: string;
  /** Position by upstream characters. */
  readonly positions: ReadonlyMap<string, number>;
  /** Upstream characters by position. */
  readonly upstreamChars: readonly string[];
}

/**
 * Length of the token that begins at `start` and ends before `end`, told by where its dot stands and by the room for
 * a signature; 0: none begins there.
 */
export function tokenLength(bytes: Uint8Array, start: number, end: number): number {
  const room = end - start;
  if (room >= PLAIN_BYTES && bytes[start + ID_CHARS] === DOT) return PLAIN_BYTES;
  if (room >= TIMED_BYTES && bytes[start + ID_CHARS + TIME_CHARS] === DOT) return TIMED_BYTES;
  return 0;
}

/**
 * The tokens of one pool's upstreams under all accepted secrets. Reading one that is current costs one probe and one
 * comparison of full length; nothing is allocated and no HMAC computed. Others (an upstream that left, an epoch of another
 * `maxAge`) are checked with cookie-signature's unsign, within a bounded allowance; what exceeds it counts as forged.
 * Holds no socket and no clock: `tick` brings the time. One per worker.
 */
export class HomeTokens {
  /** Set by `read`: the home stands, but the user should be given a new token for it. */
  renew = false;

  readonly #keyrings: readonly Keyring[];
  /** Length of an epoch in seconds; 0: tokens carry no time. */
  readonly #epochS: number;
  readonly #upstreams: number;
  readonly #remembered: TokenTable;
  #current: TokenTable;
  /** Accepted tokens by the epoch's start, each by keyring x upstreams + position. */
  readonly #made = new Map<number, Uint8Array[]>();
  /** Those of the current epoch. */
  #written: Uint8Array[] = [];
  #epochStartS = -1;
  #nowS = 0;
  #checksLeft = CHECKS_PER_SECOND;
  #checksFilledMs = 0;

  /**
   * `secrets`: the first signs, all are accepted; at least one, none empty. `upstreams`: unique names; a position is
   * an index into them. `maxAgeS`: life of a token, null for no end. Costs two HMACs per upstream, secret and epoch
   * (5 µs each).
   */
  constructor(
    secrets: readonly string[],
    pool: string,
    upstreams: readonly string[],
    maxAgeS: number | null,
    wallMs: number,
  ) {
    invariant(secrets.length > 0 && !secrets.includes(''), 'affinity has a secret');
    this.#keyrings = secrets.map((secret) => keyring(secret, pool, upstreams));
    this.#epochS = maxAgeS === null ? 0 : Math.max(1, Math.ceil(maxAgeS / EPOCHS_PER_LIFE));
    this.#upstreams = upstreams.length;
    this.#remembered = new TokenTable(REMEMBERED_MAX, TIMED_BYTES);
    this.#current = new TokenTable(0, TIMED_BYTES);
    this.#checksFilledMs = wallMs;
    this.tick(wallMs);
  }

  /**
   * Brings the wall time, ms; call it about once a second. Makes the tokens of a new epoch when one has begun, and
   * fills the allowance of signature checks.
   */
  tick(wallMs: number): void {
    this.#nowS = Math.floor(wallMs / 1000);
    const gained = Math.floor(((wallMs - this.#checksFilledMs) * CHECKS_PER_SECOND) / 1000);
    // Below zero: the wall clock was set back.
    if (gained !== 0) {
      this.#checksLeft = Math.min(CHECKS_PER_SECOND, this.#checksLeft + Math.max(0, gained));
      this.#checksFilledMs = wallMs;
    }
    const startS = this.#epochS === 0 ? 0 : this.#nowS - (this.#nowS % this.#epochS);
    if (startS !== this.#epochStartS) this.#make(startS);
  }

  /**
   * Reads the token in `bytes[start, start + length)`, where `length` is what tokenLength said: the upstream's position, or
   * AFFINITY.none, forged or lost. Sets `renew`. Hot: test/alloc/affinity.test.ts.
   */
  read(bytes: Uint8Array, start: number, length: number): number {
    this.renew = false;
    const found = this.#current.find(bytes, start, length);
    if (found < 0) return this.#judge(bytes, start, length);
    // The mark is position x 2, plus 1 where the token should be set anew.
    this.renew = (found & 1) === 1;
    return found >> 1;
  }

  /** The token to give to users of the upstream at `position`. Owned by this object, good until the next tick. */
  token(position: number): Uint8Array {
    return this.#written[position]!;
  }

  /** Off the common path: shaped like a token, but not one of the current ones. */
  #judge(bytes: Uint8Array, start: number, length: number): number {
    const text = latin1(bytes, start, length);
    const ring = this.#keyrings.find((k) => text.startsWith(k.poolChars));
    if (ring === undefined) return AFFINITY.forged;
    if (length === TIMED_BYTES && this.#epochS !== 0) {
      const startS = timeOf(text);
      // Genuine or not: out of its life it means nothing.
      if (startS + (EPOCHS_PER_LIFE + 1) * this.#epochS <= this.#nowS) return AFFINITY.none;
      if (startS > this.#nowS + this.#epochS) return AFFINITY.none;
    }
    const known = this.#remembered.find(bytes, start, length);
    if (known < 0) {
      if (this.#checksLeft <= 0) return AFFINITY.forged;
      this.#checksLeft--;
      if (unsign(text, ring.secret) === false) return AFFINITY.forged;
    }
    const position = ring.positions.get(text.slice(POOL_CHARS, ID_CHARS)) ?? AFFINITY.lost;
    if (known < 0) this.#remembered.put(bytes, start, length, 0);
    // It has the form of another `maxAge` than today's.
    this.renew = position >= 0;
    return position;
  }

  /** Accepts the epochs around the one that began at `startS`; only tokens of epochs that are new are made. */
  #make(startS: number): void {
    this.#epochStartS = startS;
    const oldest = this.#epochS === 0 ? 0 : EPOCHS_PER_LIFE;
    // One epoch ahead, too: another replica's clock may be.
    const ahead = this.#epochS === 0 ? 0 : 1;
    const perEpoch = this.#upstreams * this.#keyrings.length;
    const table = new TokenTable((oldest + 1 + ahead) * perEpoch, TIMED_BYTES);
    for (const known of this.#made.keys()) {
      if (known < startS - oldest * this.#epochS || known > startS + ahead * this.#epochS)
        this.#made.delete(known);
    }
    for (let age = oldest; age >= -ahead; age--) {
      const beganS = startS - age * this.#epochS;
      const tokens = this.#made.get(beganS) ?? this.#sign(beganS);
      this.#made.set(beganS, tokens);
      if (age === 0) this.#written = tokens;
      for (let i = 0; i < perEpoch; i++) {
        const token = tokens[i]!;
        const renew = i >= this.#upstreams || age >= RENEW_AFTER_EPOCHS ? 1 : 0;
        table.put(token, 0, token.length, (i % this.#upstreams) * 2 + renew);
      }
    }
    this.#current = table;
  }

  /** The tokens of one epoch under every secret. */
  #sign(beganS: number): Uint8Array[] {
    const time = this.#epochS === 0 ? '' : timeChars(beganS);
    return this.#keyrings.flatMap((ring) =>
      ring.upstreamChars.map((chars) => latin1Bytes(sign(ring.poolChars + chars + time, ring.secret))),
    );
  }
}

function keyring(secret: string, pool: string, upstreams: readonly string[]): Keyring {
  const upstreamChars = upstreams.map((name) => opaque(secret, `upstream\0${pool}\0${name}`, UPSTREAM_CHARS));
  return {
    secret,
    poolChars: opaque(secret, `pool\0${pool}`, POOL_CHARS),
    positions: new Map(upstreamChars.map((chars, position) => [chars, position])),
    upstreamChars,
  };
}

/** `chars` base64url characters that only holders of the secret can link to `what`. The zero byte keeps it apart from all signed texts. */
function opaque(secret: string, what: string, chars: number): string {
  return createHmac('sha256', secret).update(`limpet affinity\0${what}`).digest('base64url').slice(0, chars);
}

function latin1(bytes: Uint8Array, start: number, length: number): string {
  let text = '';
  for (let i = start; i < start + length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** Seconds since 1970 as 6 base64url characters: 36 bits, good for two thousand years. */
function timeChars(seconds: number): string {
  let text = '';
  let rest = seconds;
  for (let i = 0; i < TIME_CHARS; i++) {
    text = BASE64URL[rest % 64]! + text;
    rest = Math.floor(rest / 64);
  }
  return text;
}

/** The time of a timed token's text; a foreign character gives a time out of any life. */
function timeOf(text: string): number {
  let seconds = 0;
  for (let i = ID_CHARS; i < ID_CHARS + TIME_CHARS; i++) {
    const digit = BASE64URL.indexOf(text[i]!);
    if (digit < 0) return 0;
    seconds = seconds * 64 + digit;
  }
  return seconds;
}
