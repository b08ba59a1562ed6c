// One session block at work in one worker: verdicts remembered for a while, one check in flight per session, and no way to crash.
import { isAmbiguous } from './cookie-profiles.ts';
import { CredentialReader } from './credential-reader.ts';
import type { CredentialSource, Pending } from './format.ts';
import { keyOf, LoginNoter } from './login-noter.ts';
import type { TokenMaker } from './phantom/phantom-token.ts';
import { SessionPolicy } from './policy.ts';
import { RevocationCheck } from './revocation-check.ts';
import { NO_REVOCATIONS, type Revocations } from './revocations.ts';
import { RevokedOrNot } from './revoked-or-not.ts';
import { CheckFlight, REREADS, type Standing, type StandingOwner, type VerdictWaiter } from './standing.ts';
import { type Check, StandingKeeper } from './standing-keeper.ts';
import { StandingMaker } from './standing-maker.ts';
import { NO_STORE, StoreFault } from './store.ts';
import type { StoreWatch } from './store-watch.ts';
import { type Finding, REVOKED, unknown, VERDICT_NAMES } from './verdict.ts';
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
  /** Null where nothing is remembered. */
  readonly #memory: VerdictMemory | null;
  readonly #revoked: RevocationCheck;
  readonly #keeper: StandingKeeper;
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
    this.#revoked = new RevocationCheck(this.#revocations, this.#make, this.#memory);
    this.#keeper = new StandingKeeper({
      ...input,
      make: this.#make,
      revocations: this.#revocations,
      revoked: this.#revoked,
      memory: this.#memory,
      watch: this.#watch,
      tokens: this.#tokens,
    });
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

  /** `Revocations.isAt`. Hot. */
  isAt(sequence: number): boolean {
    return this.#revocations.isAt(sequence);
  }

  /** `Revocations.notesLogins`. Hot. */
  get notesLogins(): boolean {
    return this.#revocations.notesLogins;
  }

  countAgain(standing: Standing): void {
    standing.rereads = REREADS;
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
        const standing = this.#revoked.compared(kept, key);
        if (standing !== null) {
          standing.rereads = REREADS;
          return this.#tell(null, standing, SOURCE.cache, key, waiter);
        }
      }
      const session = read.session ?? null;
      if (this.#revoked.endsCredential(read, key, session)) return this.#settle(REVOKED, SOURCE.cache);
      const flight = this.#flights.get(key);
      if (flight !== undefined) {
        flight.join(waiter);
        return null;
      }
      if (this.#flights.size >= FLIGHTS_MAX) return this.#busy(key, session, kept);
      const check = this.#keeper.begin(key, session, kept);
      const found = read.check(check.reader ?? store ?? NO_STORE, wallS);
      if (!(found instanceof Promise))
        return this.#tell(found, this.#keeper.settle(found, check), SOURCE.token, key, waiter);
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

  /** A verdict that stands otherwise, as the revocations leave it, by what it is remembered by. Null: it must be checked. */
  compared(standing: Standing, key: string): Standing | null {
    return this.#revoked.comparedHeld(standing, key);
  }

  #fly(check: Check, found: Promise<Finding>, waiter: VerdictWaiter): void {
    const flight = this.#begin(check.key, waiter);
    const land = (finding: Finding): void => {
      const source = this.#input.store === null ? SOURCE.token : SOURCE.store;
      const standing = this.#keeper.settle(finding, check);
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
    const standing = this.#keeper.unchecked(finding, key, session, kept);
    this.#count(finding, standing, SOURCE.store);
    return standing;
  }
}
