// Turns what checks find into standings, remembers those that may be, and lets an old one stand in where the store is away.
import { Grace } from './grace.ts';
import type { TokenMaker } from './phantom/phantom-token.ts';
import type { RevocationCheck } from './revocation-check.ts';
import type { Revocations } from './revocations.ts';
import { areInLines, factsOf, isTracked, type Standing } from './standing.ts';
import { isOfSomebody, type StandingMaker } from './standing-maker.ts';
import type { StoreWatch } from './store-watch.ts';
import type { Tracked, TrackingReader } from './tracked.ts';
import { AWAY_REASONS, type Finding } from './verdict.ts';
import type { VerdictMemory } from './verdict-memory.ts';
import type { VerifierInput } from './verifier-input.ts';

/** A check that was begun, and all that its end needs. */
export interface Check {
  /** SHA-256 of the identity, one character a byte. */
  readonly key: string;
  readonly session: string | null;
  /** Notes what is read, where the store tells of changes. */
  readonly reader: TrackingReader | null;
  /** What was remembered, and may stand in where the store is away. */
  readonly kept: Standing | null;
}

/** What a keeper is made of: parts of its verifier. */
export interface StandingKeeperInput extends Pick<VerifierInput, 'options' | 'store' | 'nowMs' | 'wallMs'> {
  readonly make: StandingMaker;
  readonly revocations: Revocations;
  readonly revoked: RevocationCheck;
  /** Null where nothing is remembered. */
  readonly memory: VerdictMemory | null;
  /** Null: the store is not asked to tell of changes, or cannot. */
  readonly watch: StoreWatch | null;
  /** Null: the app is given no tokens. */
  readonly tokens: TokenMaker | null;
}

/** One a verifier. */
export class StandingKeeper {
  readonly #in: StandingKeeperInput;
  /** Null where nothing is remembered. */
  readonly #grace: Grace | null;

  constructor(input: StandingKeeperInput) {
    const { options, nowMs, wallMs } = input;
    this.#in = input;
    this.#grace =
      options.cache === null
        ? null
        : new Grace({ graceMs: options.outage.graceMs, ttlMs: options.cache.ttlMs, nowMs, wallMs });
  }

  /** A check begins; `settle` is to end it. `kept`: what is remembered by the same key. */
  begin(key: string, session: string | null, kept: Standing | null): Check {
    const { watch } = this.#in;
    return { key, session, reader: watch?.reader() ?? null, kept };
  }

  /**
   * The standing for a finding, remembered where that does no harm: only a valid session is, and one that lives in its cookie
   * or token whole. Who is anonymous may log in under the same id in a moment; who is invalid costs nothing to refuse again, and would
   * push real sessions out of the cache; what is unknown should be known soon.
   */
  settle(found: Finding, check: Check): Standing {
    const { options, store, make, revocations, revoked, memory, watch, tokens } = this.#in;
    const finding = check.reader?.bounded(found) ?? found;
    if (check.reader !== null) watch?.release(check.reader);
    // Before it is compared: what is revoked in between is seen the next time.
    const { sequence } = revocations;
    const facts = factsOf(finding, check.session);
    const ended = isOfSomebody(finding) ? revoked.ended(check.key, facts) : null;
    if (ended !== null) return ended;
    // With a store the cookie stays as it is, and is known before it is checked. Without one it changes with what it holds.
    const home = make.home(check.key, store === null ? facts.session : check.session, finding.user);
    // Who it was when that was known: an outage moves nobody.
    if (finding.verdict === 'unknown')
      return this.#stale(finding, check.kept, check.key) ?? make.once(finding, check.kept?.home ?? home);
    const token = tokens?.tokenFor(finding, facts.session ?? check.key, check.kept?.token ?? null) ?? null;
    if (memory === null || (finding.verdict !== 'valid' && store !== null)) {
      // It was logged out: an outage must not bring it back.
      if (check.kept !== null) memory?.refute(check.key, check.kept);
      const once = make.once(finding, home, token);
      // What holds nothing of a session is the same for all, and says nothing of one.
      if (isOfSomebody(finding)) once.facts = facts;
      return once;
    }
    const nowS = Math.floor(this.#in.nowMs() / 1000);
    const tracked = trackedBy(check, found, nowS);
    const untilMs = memory.untilMs(
      finding.endsAtS,
      tracked !== null && check.reader !== null && watch?.vouchesFor(check.reader) === true,
    );
    const standing = make.make(finding, untilMs);
    standing.seen = sequence;
    standing.heldS = nowS;
    if (finding.endsAtS !== null) standing.endsS = Math.floor(finding.endsAtS);
    standing.tracked = tracked;
    standing.home = home;
    standing.token = token;
    if (!areInLines(facts, options.pass.user)) standing.facts = facts;
    if (finding.verdict === 'invalid') return standing;
    memory.set(check.key, standing);
    // It may have been read just before the change that was told meanwhile.
    if (isTracked(standing) && check.reader?.changed === true) watch?.doubt(standing);
    return standing;
  }

  /** The standing where no check can be begun, and `finding` says why. */
  unchecked(finding: Finding, key: string, session: string | null, kept: Standing | null): Standing {
    const { make } = this.#in;
    const home = kept?.home ?? make.home(key, session, null);
    return this.#stale(finding, kept, key) ?? make.once(finding, home);
  }

  /** The last verdict, where the store is away and it was true not long ago; null: there is none. */
  #stale(finding: Finding, kept: Standing | null, key: string): Standing | null {
    if (kept === null) return null;
    if (!AWAY_REASONS.has(finding.reason)) {
      // Something else is there now than what it was read from.
      kept.heldS = -1;
      return null;
    }
    // First of all: who was revoked is known to be, however long ago he was last seen.
    const standing = this.#in.revoked.compared(kept, key);
    if (standing !== kept || kept.reason === 'revoked') return standing;
    return this.#grace?.covers(kept) === true ? kept.asStale() : null;
  }
}

function trackedBy({ reader, key }: Check, finding: Finding, nowS: number): Tracked | null {
  return reader === null || finding.verdict !== 'valid' ? null : reader.tracked(key, finding.endsAtS, nowS);
}
