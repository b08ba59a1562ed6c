// The token that an app is given in place of a session: one for each remembered verdict, signed once and anew before it ends.
import { hash } from 'node:crypto';
import { latin1Bytes } from '../../base/byte-writer.ts';
import { lookAt } from '../data.ts';
import { isOfType, jsonOf } from '../passed-fields.ts';
import type { Finding } from '../verdict.ts';
import type { TokenOptions } from './token-options.ts';
import type { TokenSigner } from './token-signer.ts';

/** Longest claim of a session, characters of JSON; a longer one is left out, since half of it would say something else. */
const CLAIM_MAX = 1024;
/** All claims of a session together: what comes on top is left out, so that no session makes a field that apps refuse. */
const CLAIMS_MAX = 4096;
/** Share of its life that a token must have left to be passed on: time for its way, and for a clock that goes before ours. */
const LEFT_SHARE = 0.25;
/** And no more than this, ms. */
const LEFT_MOST_MS = 15_000;

/** As much is left of one that ends with its session, ms. */
const CUT_MS = 50;

const NO_LINE = new Uint8Array(0);

/** Shared by all who hold the verdict; only TokenMaker writes it. */
export class PhantomToken {
  /** What it says, as JSON without the times and the closing brace. */
  readonly claims: string;
  /** The field line with its CRLF. Good until `untilMs`. */
  line: Uint8Array = NO_LINE;
  /** Until when it may be passed on, monotonic ms; 0: it has never been signed. */
  untilMs = 0;
  /** From when on its use has it signed anew, monotonic ms. */
  renewMs = 0;
  /** Its `exp`, unix s. */
  expiresS = 0;
  /** The signature under way; settles without an error. */
  signing: Promise<void> | null = null;

  constructor(claims: string) {
    this.claims = claims;
  }
}

export interface TokenMakerInput {
  readonly options: TokenOptions;
  readonly signer: Pick<TokenSigner, 'sign'>;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  /** Wall clock, ms. */
  readonly wallMs: () => number;
  /** Told of each signature. */
  readonly onSigned: () => void;
  /** Told of one that failed, which is a fault of ours. */
  readonly onBug: (error: unknown) => void;
}

/** The tokens of one session block in one worker. */
export class TokenMaker {
  readonly #in: TokenMakerInput;
  /** The claims that are the same for all, as JSON without the closing brace. */
  readonly #common: string;
  readonly #head: string;

  constructor(input: TokenMakerInput) {
    const { issuer, audience, field } = input.options;
    this.#in = input;
    const common = JSON.stringify({ iss: issuer, aud: audience.length === 1 ? audience[0] : audience });
    this.#common = common.slice(0, -1);
    this.#head = /^authorization$/i.test(field) ? `${field}: Bearer ` : `${field}: `;
  }

  /**
   * A token to be signed, for a valid finding; null for any other. `session`: what names the session, which is only told as a digest. `last`: that
   * of the verdict before, which is used on where it says the same.
   */
  tokenFor(finding: Finding, session: string, last: PhantomToken | null): PhantomToken | null {
    if (finding.verdict !== 'valid' || finding.user === null) return null;
    // Half of a SHA-256 is enough to tell sessions apart. It begins with a word of its own, so that it is no digest that anybody else takes.
    const sid = hash('sha256', `limpet sid\0${session}`, 'buffer').subarray(0, 16).toString('base64url');
    let claims = `${this.#common},"sub":${JSON.stringify(String(finding.user))},"sid":"${sid}"`;
    let left = CLAIMS_MAX;
    for (const { name, path, type } of this.#in.options.claims) {
      const value = lookAt(finding.data ?? undefined, path);
      if (value === undefined || !isOfType(value, type)) continue;
      const text = jsonOf(value);
      if (text === null || text.length > CLAIM_MAX || text.length > left) continue;
      left -= text.length;
      claims += `,${JSON.stringify(name)}:${text}`;
    }
    if (last?.claims === claims) return last;
    // Put together from pieces it would be a tree of them, larger to keep.
    return new PhantomToken(Buffer.from(claims).toString());
  }

  /** A verdict is about to be told: true where its token cannot be passed on any more. One whose life is half over is signed anew meanwhile. Hot. */
  lacks(token: PhantomToken, endsS: number): boolean {
    const nowMs = this.#in.nowMs();
    if (token.untilMs <= nowMs || (endsS >= 0 && token.expiresS > endsS)) return true;
    if (token.renewMs <= nowMs) void this.sign(token, endsS);
    return false;
  }

  /** Signs it; `endsS`: when the session itself ends, unix s, −1: not known. Resolves when it is there, or could not be had; never rejects. */
  sign(token: PhantomToken, endsS: number): Promise<void> {
    token.signing ??= this.#sign(token, endsS).finally(() => {
      token.signing = null;
    });
    return token.signing;
  }

  async #sign(token: PhantomToken, endsS: number): Promise<void> {
    const { options, signer, nowMs, wallMs, onSigned, onBug } = this.#in;
    const beganMs = nowMs();
    const beganWallMs = wallMs();
    const issuedS = Math.floor(beganWallMs / 1000);
    const ownEnd = issuedS + options.ttlS;
    const isCut = endsS >= 0 && endsS <= ownEnd;
    const expiresS = isCut ? endsS : ownEnd;
    const lifeMs = expiresS * 1000 - beganWallMs;
    if (lifeMs <= CUT_MS) return;
    let text: string;
    try {
      text = await signer.sign(`${token.claims},"iat":${issuedS},"exp":${expiresS}}`);
    } catch (error) {
      onBug(error);
      return;
    }
    onSigned();
    const keptMs = Math.min(lifeMs * LEFT_SHARE, LEFT_MOST_MS);
    token.expiresS = expiresS;
    token.line = latin1Bytes(`${this.#head}${text}\r\n`);
    // One that ends with its session could only be signed for the same end again.
    token.untilMs = Math.floor(beganMs + lifeMs - (isCut ? CUT_MS : keptMs));
    token.renewMs = isCut ? token.untilMs : Math.floor(beganMs + lifeMs / 2);
  }
}
