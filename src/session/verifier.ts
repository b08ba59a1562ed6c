// One session block at work in one worker: verdicts remembered for a while, one check in flight per session, and no way to crash.
import { isAmbiguous } from './cookie-profiles.ts';
import { CredentialReader } from './credential-reader.ts';
import type { CredentialSource, Pending } from './format.ts';
import { Grace } from './grace.ts';
import { keyOf, LoginNoter } from './login-noter.ts';
import type { TokenMaker } from './phantom/phantom-token.ts';
import { SessionPolicy } from './policy.ts';
import { NO_REVOCATIONS, type Revocations } from './revocations.ts';
import { RevokedOrNot } from './revoked-or-not.ts';
import {
  areInLines,
  CheckFlight,
  ENDED_MS,
  factsOf,
  type Standing,
  type StandingFacts,
  type StandingOwner,
  type VerdictWaiter,
  WANTED,
} from './standing.ts';
import { isOfSomebody, StandingMaker } from './standing-maker.ts';
import { NO_STORE, StoreFault } from './store.ts';
import type { StoreWatch } from './store-watch.ts';
import type { TrackingReader } from './tracked.ts';
import { AWAY_REASONS, type Finding, REVOKED, unknown, VERDICT_NAMES } from './verdict.ts';
import { VerdictMemory } from './verdict-memory.ts';
import { tokenMakerOf, type VerifierInput, watchStore } from './verifier-input.ts';

/** Where a verdict came from, by number: remembered, from the store, or from the cookie or token alone. */
export const SOURCE_NAMES = ['cache', 'store', 'token'] as const;
const SOURCE = { cache: 0, store: 1, token: 2 } as const;

const INVALID = VERDICT_NAMES.indexOf('invalid');
const UNKNOWN = VERDICT_NAMES.indexOf('unknown');

/** Checks in flight at once, per session block and worker; more are `unknown` at once. */
const FLIGHTS_MAX = 10_000;

/** Where no verdict is remembered, what stays open is asked for again this often, ms. */
const UNREMEMBERED_AGAIN_MS = 1000;

/** A check that was begun, and all that its end needs. */
interface Check {
  /** SHA-256 of the identity, one character a byte. */
  readonly key: string;
  readonly session: string | null;
  /** Notes what is read, where the store tells of changes. */
  readonly reader: TrackingReader | null;
  /** The watch's generation when it began. */
  readonly generation: number;
  /** What was remembered, and may stand in where the store is away. */
  readonly kept: Standing | null;
}

export class SessionVerifier implements StandingOwner {
  readonly name: string;
  readonly policy: SessionPolicy;
  readonly cookie: string;
  /** Names of the fields that the upstream is told of, beside `Limpet-Session`. */
  readonly passedNames: readonly string[];
  /** The client's credentials are kept from the app. */
  readonly withholds: boolean;
  /** Whether its credentials may come as bearer tokens: how a refusal challenges. */
  readonly bearer: boolean;
  readonly againMs: number;
  /** Whether it reads `Authorization` whatever its scheme. */
  readonly authorization: boolean;
  /** Names of the cookies that it reads, as `SessionFormat.alsoReads` has them. */
  readonly carriers: readonly string[];
  /** Whether a connection may remember its last verdict by `Cookie` and `Authorization` alone. */
  readonly memorable: boolean;
  /** What requests and answers show, read without a verdict. */
  readonly credentials: CredentialReader;
  readonly #input: VerifierInput;
  readonly #make: StandingMaker;
  readonly #revocations: Revocations;
  readonly #memory: VerdictMemory | null;
  /** Null where nothing is remembered. */
  readonly #grace: Grace | null;
  readonly #watch: StoreWatch | null;
  /** Null: the app is given no tokens. */
  readonly #tokens: TokenMaker | null;
  readonly #logins: LoginNoter;
  readonly #flights = new Map<string, CheckFlight>();

  constructor(input: VerifierInput) {
    const { options, format, nowMs, wallMs } = input;
    this.name = options.name;
    this.policy = new SessionPolicy(options);
    this.cookie = options.cookie;
    const { user, fields, token } = options.pass;
    this.passedNames = [user, ...fields.map(({ name }) => name), token?.field ?? null].filter(
      (name) => name !== null,
    );
    this.withholds = token?.withhold ?? false;
    this.bearer = format.readsBearer ?? false;
    this.againMs = options.cache?.ttlMs ?? UNREMEMBERED_AGAIN_MS;
    this.authorization = format.readsAuthorization ?? false;
    this.carriers = [options.cookie, ...(format.alsoReads ?? [])];
    this.memorable = !(format.looksAround ?? false);
    this.credentials = new CredentialReader(input);
    this.#input = input;
    this.#make = new StandingMaker(this, input);
    this.#revocations = input.revocations ?? NO_REVOCATIONS;
    this.#memory = options.cache === null ? null : new VerdictMemory({ ...options.cache, nowMs, wallMs });
    this.#grace =
      options.cache === null
        ? null
        : new Grace({ graceMs: options.outage.graceMs, ttlMs: options.cache.ttlMs, nowMs, wallMs });
    this.#watch = watchStore(input, this.#memory);
    this.#logins = new LoginNoter({
      owner: this,
      revocations: this.#revocations,
      storeless: input.store === null,
      wallMs,
      read: (source) => this.credentials.read(source),
      remembered: (key) => this.#memory?.get(key) ?? null,
      failed: (error) => this.#failed(error),
    });
    this.#tokens = tokenMakerOf(input);
  }

  /** Verdicts that are remembered now. */
  get remembered(): number {
    return this.#memory?.size ?? 0;
  }

  /** Whether the store tells of every change; null: it is not asked to, or cannot. */
  get vouched(): boolean | null {
    return this.#watch?.vouching ?? null;
  }

  get sequence(): number {
    return this.#revocations.sequence;
  }

  /** `Revocations.notesLogins`. Hot. */
  get notesLogins(): boolean {
    return this.#revocations.notesLogins;
  }

  countAgain(standing: Standing): void {
    standing.wanted = WANTED;
    this.#input.onChecked(standing.verdict, SOURCE.cache);
    // The connection's own memory has looked whether it is good; here it is seen to that it stays so.
    if (standing.token !== null) this.#lacksToken(standing);
  }

  awaitToken(standing: Standing, waiter: VerdictWaiter): boolean {
    if (!this.#lacksToken(standing)) return false;
    const flight = new CheckFlight();
    flight.join(waiter);
    this.#sign(standing, () => {
      for (const one of flight.land()) one.onVerdict(standing);
    });
    return true;
  }

  #lacksToken({ token, endsS }: Standing): boolean {
    return token !== null && (this.#tokens?.lacks(token, endsS) ?? false);
  }

  /** `then` comes later, never before this has returned. */
  #sign({ token, endsS }: Standing, then: () => void): void {
    // Only what lacks its token is brought here.
    void this.#tokens!.sign(token!, endsS).then(then);
  }

  /**
   * The verdict on a request now, or null: then `waiter` is told later, never before this has returned.
   */
  check(source: CredentialSource, waiter: VerdictWaiter): Standing | null {
    if (source.cookies === '' || !isAmbiguous(source.cookies, this.cookie))
      return this.#check(source, waiter);
    const ambiguous = unknown('credential.ambiguous');
    if (this.#revocations.sequence === 0) return this.#settle(ambiguous, SOURCE.token);
    // Who was revoked does not get by with a cookie that is written in an odd way: it is judged as the framework would read it.
    const standing = new RevokedOrNot(waiter, () => this.#make.once(ambiguous, null));
    return standing.of(this.#check(source, standing));
  }

  #check(source: CredentialSource, waiter: VerdictWaiter): Standing | null {
    const { format, store } = this.#input;
    const wallS = this.#input.wallMs() / 1000;
    let read: Pending | Finding;
    try {
      read = format.read(source, wallS);
      if (!('check' in read)) return this.#settle(read, SOURCE.token);
      const key = keyOf(read);
      const kept = this.#memory?.get(key) ?? null;
      if (kept !== null && kept.untilMs > this.#input.nowMs()) {
        const standing = this.#compared(kept, key);
        if (standing !== null) {
          standing.wanted = WANTED;
          return this.#tell(null, standing, SOURCE.cache, key, waiter);
        }
      }
      const session = read.session ?? null;
      if (this.#revocations.revokesCredential(key, session) || this.#isAliasRevoked(read))
        return this.#settle(REVOKED, SOURCE.cache);
      const flight = this.#flights.get(key);
      if (flight !== undefined) {
        flight.join(waiter);
        return null;
      }
      if (this.#flights.size >= FLIGHTS_MAX) return this.#busy(key, session, kept);
      const reader = this.#watch?.reader() ?? null;
      const check: Check = { key, session, reader, generation: this.#watch?.generation ?? 0, kept };
      const found = read.check(reader ?? store ?? NO_STORE, wallS);
      if (!(found instanceof Promise))
        return this.#tell(found, this.#standing(found, check), SOURCE.token, key, waiter);
      this.#fly(check, found, waiter);
      return null;
    } catch (error) {
      return this.#settle(this.#failed(error), SOURCE.token);
    }
  }

  /** `LoginNoter.note`. */
  noteGiven(given: CredentialSource, shown: CredentialSource, standing: Standing): boolean {
    return this.#logins.note(given, shown, standing);
  }

  /** Whether no revocation ends a verdict that stands otherwise. `key`: what it is remembered by. */
  confirms(standing: Standing, key: string): boolean {
    const { sequence } = this.#revocations;
    if (standing.reason === 'revoked' || this.#revocations.revokes(standing.subject(key))) return false;
    standing.seen = sequence;
    return true;
  }

  /** Whether the same session was revoked as it is shown in its other way: an order that names a digest says nothing of that. */
  #isAliasRevoked(read: Pending): boolean {
    if (this.#revocations.sequence === 0) return false;
    const { alias } = read;
    return (
      alias !== undefined && this.#revocations.revokesCredential(keyOf({ ...read, identity: alias }), null)
    );
  }

  /** A remembered verdict as the revocations leave it; null: the revocation that ended it was lifted, so that it must be asked anew. */
  #compared(kept: Standing, key: string): Standing | null {
    const { sequence } = this.#revocations;
    if (kept.seen === sequence) return kept;
    const subject = kept.subject(key);
    const revoked = this.#revocations.revokes(subject);
    if (revoked !== (kept.reason === 'revoked')) {
      if (revoked) return this.#revoke(key, subject);
      this.#memory?.delete(key);
      return null;
    }
    // Who was revoked is compared each time: a login or the end of the revocation lifts it without a word.
    if (!revoked) kept.seen = sequence;
    return kept;
  }

  /** Remembers that somebody ended it: an outage must not bring it back. */
  #revoke(key: string, facts: StandingFacts): Standing {
    const standing = this.#make.revoked(facts);
    const kept = this.#memory?.get(key);
    if (kept !== undefined) kept.untilMs = ENDED_MS;
    this.#memory?.set(key, standing);
    return standing;
  }

  #fly(check: Check, found: Promise<Finding>, waiter: VerdictWaiter): void {
    const flight = this.#begin(check.key, waiter);
    const land = (finding: Finding): void => {
      const source = this.#input.store === null ? SOURCE.token : SOURCE.store;
      const standing = this.#standing(finding, check);
      const tell = (): void => this.#land(flight, check.key, standing, source, finding);
      if (this.#lacksToken(standing)) this.#sign(standing, tell);
      else tell();
    };
    found.then(land, (error: unknown) => land(this.#failed(error)));
  }

  #begin(key: string, waiter: VerdictWaiter): CheckFlight {
    const flight = new CheckFlight();
    flight.join(waiter);
    this.#flights.set(key, flight);
    return flight;
  }

  /** `finding`: what the check came to; null: the verdict was remembered. */
  #land(flight: CheckFlight, key: string, standing: Standing, source: number, finding: Finding | null): void {
    this.#flights.delete(key);
    // Whoever is told may ask again at once, which begins another flight.
    for (const one of flight.land()) {
      this.#count(finding, standing, source);
      one.onVerdict(standing);
    }
  }

  /** The standing, or null where the app's token must be signed first: then `waiter` is told later. */
  #tell(
    finding: Finding | null,
    standing: Standing,
    source: number,
    key: string,
    waiter: VerdictWaiter,
  ): Standing | null {
    if (!this.#lacksToken(standing)) {
      this.#count(finding, standing, source);
      return standing;
    }
    const flight = this.#flights.get(key);
    if (flight !== undefined) {
      flight.join(waiter);
    } else if (this.#flights.size >= FLIGHTS_MAX) {
      return this.#busy(key, null, standing);
    } else {
      const own = this.#begin(key, waiter);
      this.#sign(standing, () => this.#land(own, key, standing, source, finding));
    }
    return null;
  }

  #failed(error: unknown): Finding {
    if (error instanceof StoreFault) return unknown(`store.${error.kind}`);
    this.#input.onBug(this.name, error);
    return unknown('check.failed');
  }

  #settle(finding: Finding, source: number): Standing {
    const standing = this.#make.once(finding, null);
    this.#count(finding, standing, source);
    return standing;
  }

  /** Counts one request: as remembered, where an old verdict stands in for the one that cannot be had. */
  #count(finding: Finding | null, { verdict }: Standing, source: number): void {
    const stale = finding?.verdict === 'unknown' && verdict !== UNKNOWN && verdict !== INVALID;
    this.#input.onChecked(verdict, stale ? SOURCE.cache : source);
    if (stale) this.#input.onStale?.();
  }

  /** Too many checks are under way for another. */
  #busy(key: string, session: string | null, kept: Standing | null): Standing {
    const finding = unknown('store.busy');
    const home = kept?.home ?? this.#make.home(key, session, null);
    const standing = this.#stale(finding, kept, key) ?? this.#make.once(finding, home);
    this.#count(finding, standing, SOURCE.store);
    return standing;
  }

  /**
   * The standing for a finding, remembered where that does no harm: only a valid session is, and one that lives in its cookie
   * or token whole. Who is anonymous may log in under the same id in a moment; who is invalid costs nothing to refuse again, and would
   * push real sessions out of the cache; what is unknown should be known soon.
   */
  #standing(found: Finding, check: Check): Standing {
    const { options, store } = this.#input;
    const finding = check.reader?.bounded(found) ?? found;
    if (check.reader !== null) this.#watch?.release(check.reader);
    // Before it is compared: what is revoked in between is seen the next time.
    const { sequence } = this.#revocations;
    const facts = factsOf(finding, check.session);
    if (isOfSomebody(finding) && this.#revocations.revokes({ key: check.key, ...facts }))
      return this.#revoke(check.key, facts);
    // With a store the cookie stays as it is, and is known before it is checked. Without one it changes with what it holds.
    const home = this.#make.home(check.key, store === null ? facts.session : check.session, finding.user);
    // Who it was when that was known: an outage moves nobody.
    if (finding.verdict === 'unknown')
      return (
        this.#stale(finding, check.kept, check.key) ?? this.#make.once(finding, check.kept?.home ?? home)
      );
    const memory = this.#memory;
    const token =
      this.#tokens?.tokenFor(finding, facts.session ?? check.key, check.kept?.token ?? null) ?? null;
    if (memory === null || (finding.verdict !== 'valid' && store !== null)) {
      // It was logged out: an outage must not bring it back.
      if (check.kept !== null) memory?.refute(check.key, check.kept);
      const once = this.#make.once(finding, home, token);
      // What holds nothing of a session is the same for all, and says nothing of one.
      if (isOfSomebody(finding)) once.facts = facts;
      return once;
    }
    const tracked = this.#trackedBy(check, found);
    const untilMs = memory.untilMs(finding.endsAtS, tracked !== null && this.#isVouched(check));
    const standing = this.#make.make(finding, untilMs);
    standing.seen = sequence;
    standing.heldS = Math.floor(this.#input.nowMs() / 1000);
    standing.endReadS = standing.heldS;
    if (finding.endsAtS !== null) standing.endsS = Math.floor(finding.endsAtS);
    standing.tracked = tracked;
    standing.home = home;
    standing.token = token;
    if (!areInLines(facts, options.pass.user)) standing.facts = facts;
    if (finding.verdict === 'invalid') return standing;
    memory.set(check.key, standing);
    // It may have been read just before the change that was told meanwhile.
    if (tracked !== null && check.reader?.changed === true) this.#watch?.doubt(standing);
    return standing;
  }

  #trackedBy({ reader, key }: Check, finding: Finding): Standing['tracked'] {
    return reader === null || finding.verdict !== 'valid' ? null : reader.tracked(key, finding.endsAtS);
  }

  #isVouched({ generation }: Check): boolean {
    return this.#watch?.vouching === true && this.#watch.generation === generation;
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
    const standing = this.#compared(kept, key);
    if (standing !== kept || kept.reason === 'revoked') return standing;
    return this.#grace?.covers(kept) === true ? kept.asStale() : null;
  }
}
