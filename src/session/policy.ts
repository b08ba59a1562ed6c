// What becomes of a request by its verdict: who passes, which paths need no session, and whose cookies are refused outright.
import { latin1Bytes } from '../base/byte-writer.ts';
import type { ExemptPath, OnFail, SessionOptions } from './options.ts';
import { AWAY_REASONS, type Reason, VERDICT_NAMES, type Verdict } from './verdict.ts';

const UNKNOWN = VERDICT_NAMES.indexOf('unknown');

/** Compiled once per session block. */
export class SessionPolicy {
  readonly onFail: OnFail;
  /** By number of the verdict: whether it passes where nothing else is said of its reason. */
  readonly #passes: readonly boolean[];
  readonly #refusesAmbiguous: boolean;
  /** Who cannot be judged because the store is away is answered 503. */
  readonly #refusesAway: boolean;
  readonly #exempt: readonly {
    readonly method: Uint8Array | null;
    readonly path: Uint8Array;
    readonly exact: boolean;
  }[];

  constructor(options: Pick<SessionOptions, 'require' | 'exempt' | 'onFail' | 'ambiguous' | 'outage'>) {
    this.onFail = options.onFail;
    this.#refusesAmbiguous = options.ambiguous === 'refuse' && options.require !== 'nothing';
    this.#refusesAway = options.outage.unjudged === '503' && options.require !== 'nothing';
    this.#passes = VERDICT_NAMES.map((verdict) => passes(options.require, verdict));
    this.#exempt = options.exempt.map(compileExempt);
  }

  /** Whether a verdict, by its number, passes for this reason where the path is not exempt. Hot. */
  mayPass(verdict: number, reason: Reason): boolean {
    if (verdict !== UNKNOWN) return this.#passes[verdict]!;
    if (reason === 'credential.ambiguous') return !this.#refusesAmbiguous;
    return !(this.#refusesAway && AWAY_REASONS.has(reason));
  }

  /** Whether requests of this method and path need no session. Hot: allocates nothing. */
  isExempt(
    bytes: Uint8Array,
    methodStart: number,
    methodEnd: number,
    path: Uint8Array,
    pathStart: number,
    pathEnd: number,
  ): boolean {
    const exempt = this.#exempt;
    for (let i = 0; i < exempt.length; i++) {
      const { method, path: prefix, exact } = exempt[i]!;
      if (method !== null && !isAt(bytes, methodStart, methodEnd, method, true)) continue;
      if (!isAt(path, pathStart, pathEnd, prefix, exact)) continue;
      const rest = pathStart + prefix.length;
      // `/login` is a prefix of `/login/x` and not of `/loginx`; what ends in a slash has its segment's end already.
      if (exact || rest === pathEnd || path[rest] === 0x2f || prefix[prefix.length - 1] === 0x2f) return true;
    }
    return false;
  }

  get hasExempt(): boolean {
    return this.#exempt.length > 0;
  }
}

/** `unknown` passes unless its reason is refused outright: only the app can tell, and nobody is logged out by an outage. */
function passes(require: SessionOptions['require'], verdict: Verdict): boolean {
  if (require === 'nothing' || verdict === 'valid' || verdict === 'unknown') return true;
  return verdict === 'anonymous' && require === 'session';
}

function compileExempt({ method, path, exact }: ExemptPath) {
  return { method: method === null ? null : latin1Bytes(method), path: latin1Bytes(path), exact };
}

function isAt(bytes: Uint8Array, start: number, end: number, word: Uint8Array, whole: boolean): boolean {
  const length = word.length;
  if (end - start < length || (whole && end - start !== length)) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}
