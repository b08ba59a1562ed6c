// One session block at work in one worker: verdicts remembered for a while, one check in flight per session, and no way to crash.
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isAmbiguous } from './cookie-profiles.ts';
import type { CredentialSource, Pending, SessionFormat } from './format.ts';
import type { SessionOptions } from './options.ts';
import { passedLines } from './passed-fields.ts';
import { SessionPolicy } from './policy.ts';
import { NO_STORE, StoreFault, type StoreReader } from './store.ts';
import { type Finding, type Reason, unknown, VERDICT_NAMES } from './verdict.ts';

/** Where a verdict came from, by number: remembered, from the store, or from the cookie or token alone. */
export const SOURCE_NAMES = ['cache', 'store', 'token'] as const;
const SOURCE = { cache: 0, store: 1, token: 2 } as const;

/** Checks in flight at once, per session block and worker; more are `unknown` at once. */
const FLIGHTS_MAX = 10_000;

/** A verdict as requests use it. Small: a million of them are remembered. */
export class Standing {
  readonly verifier: SessionVerifier;
  /** Position in VERDICT_NAMES. */
  readonly verdict: number;
  readonly reason: Reason;
  /** Until when it may be used again, monotonic ms; 0: only for this request. */
  readonly untilMs: number;
  /** Field lines for the upstream. */
  readonly lines: string;

  constructor(verifier: SessionVerifier, finding: Finding, untilMs: number, lines: string) {
    this.verifier = verifier;
    this.verdict = VERDICT_NAMES.indexOf(finding.verdict);
    this.reason = finding.reason;
    this.untilMs = untilMs;
    this.lines = lines;
  }
}

/** Who waits for a verdict. To give the waiting up, it sets `waitsFor` to null, and may wait for something else at once. */
export interface VerdictWaiter {
  /** What will tell the verdict; set by `check` when it returns null, and null again before the verdict is told. */
  waitsFor: object | null;
  onVerdict(standing: Standing): void;
}

/** One check under way, and all who wait for it. */
class Flight {
  readonly #waiters: VerdictWaiter[] = [];

  join(waiter: VerdictWaiter): void {
    waiter.waitsFor = this;
    this.#waiters.push(waiter);
  }

  /** Those who still wait, each taken out of its waiting as it is given. */
  *land(): Iterable<VerdictWaiter> {
    for (const waiter of this.#waiters) {
      if (waiter.waitsFor !== this) continue;
      waiter.waitsFor = null;
      yield waiter;
    }
  }
}

/** What a verifier is made of. */
export interface VerifierInput {
  readonly options: SessionOptions;
  readonly format: SessionFormat;
  readonly store: StoreReader | null;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  /** Wall clock, ms: what expiry is judged by. */
  readonly wallMs: () => number;
  /** Told of every check: numbers of the verdict and its source. Hot. */
  readonly onChecked: (verdict: number, source: number) => void;
  /** Told of a check that threw what it should not: a fault of ours. */
  readonly onBug: (session: string, error: unknown) => void;
}

export class SessionVerifier {
  readonly name: string;
  readonly policy: SessionPolicy;
  /** Names of the fields that the upstream is told of, beside `Limpet-Session`. */
  readonly passedNames: readonly string[];
  /** Whether its credentials may come as bearer tokens: how a refusal challenges. */
  readonly bearer: boolean;
  /** Whether a connection may remember its last verdict by `Cookie` and `Authorization` alone. */
  readonly memorable: boolean;
  readonly #input: VerifierInput;
  readonly #cache: LRUCache<string, Standing> | null;
  readonly #flights = new Map<string, Flight>();
  /** Verdicts that say nothing but themselves, made once. */
  readonly #plain = new Map<Reason, Standing>();

  constructor(input: VerifierInput) {
    const { options, format } = input;
    this.name = options.name;
    this.policy = new SessionPolicy(options);
    const { user, fields } = options.pass;
    this.passedNames = [...(user === null ? [] : [user]), ...fields.map(({ name }) => name)];
    this.bearer = format.readsBearer ?? false;
    this.memorable = !(format.looksAround ?? false);
    this.#input = input;
    this.#cache = options.cache === null ? null : new LRUCache({ max: options.cache.entries });
  }

  /** Verdicts that are remembered now. */
  get remembered(): number {
    return this.#cache?.size ?? 0;
  }

  /** A verdict remembered by a connection was used again. Hot. */
  countAgain(standing: Standing): void {
    this.#input.onChecked(standing.verdict, SOURCE.cache);
  }

  /**
   * The verdict on a request now, or null: then `waiter` is told later, never before this has returned.
   */
  check(source: CredentialSource, waiter: VerdictWaiter): Standing | null {
    const { format, store, options } = this.#input;
    const wallS = this.#input.wallMs() / 1000;
    let read: Pending | Finding;
    try {
      if (source.cookies !== '' && isAmbiguous(source.cookies, options.cookie))
        return this.#settle(unknown('credential.ambiguous'), SOURCE.token);
      read = format.read(source, wallS);
      if (!('check' in read)) return this.#settle(read, SOURCE.token);
      const key = hash('sha256', read.identity, 'latin1');
      const kept = this.#cache?.get(key);
      if (kept !== undefined && kept.untilMs > this.#input.nowMs()) {
        this.#input.onChecked(kept.verdict, SOURCE.cache);
        return kept;
      }
      const flight = this.#flights.get(key);
      if (flight !== undefined) {
        flight.join(waiter);
        return null;
      }
      if (this.#flights.size >= FLIGHTS_MAX) return this.#settle(unknown('store.busy'), SOURCE.store);
      const found = read.check(store ?? NO_STORE, wallS);
      if (!(found instanceof Promise)) return this.#settle(found, SOURCE.token, key);
      this.#fly(key, found, waiter);
      return null;
    } catch (error) {
      return this.#settle(this.#failed(error), SOURCE.token);
    }
  }

  #fly(key: string, found: Promise<Finding>, waiter: VerdictWaiter): void {
    const flight = new Flight();
    flight.join(waiter);
    this.#flights.set(key, flight);
    const land = (finding: Finding): void => {
      this.#flights.delete(key);
      const source = this.#input.store === null ? SOURCE.token : SOURCE.store;
      const standing = this.#standing(finding, key);
      // Whoever is told may ask again at once, which begins another flight.
      for (const one of flight.land()) {
        this.#input.onChecked(standing.verdict, source);
        one.onVerdict(standing);
      }
    };
    found.then(land, (error: unknown) => land(this.#failed(error)));
  }

  #failed(error: unknown): Finding {
    if (error instanceof StoreFault) return unknown(`store.${error.kind}`);
    this.#input.onBug(this.name, error);
    return unknown('check.failed');
  }

  #settle(finding: Finding, source: number, key: string | null = null): Standing {
    const standing = this.#standing(finding, key);
    this.#input.onChecked(standing.verdict, source);
    return standing;
  }

  /**
   * The standing for a finding, remembered under `key` where that does no harm: only a valid session is, and one that lives in its cookie
   * or token whole. Who is anonymous may log in under the same id in a moment; who is invalid costs nothing to refuse again, and would
   * push real sessions out of the cache; what is unknown should be known soon.
   */
  #standing(finding: Finding, key: string | null): Standing {
    const { options, store } = this.#input;
    const whole = store === null && finding.verdict !== 'unknown' && key !== null;
    const keeps = finding.verdict === 'valid' || whole;
    if (!keeps || options.cache === null) return this.#once(finding);
    const { ttlMs } = options.cache;
    const endsInMs =
      finding.endsAtS === null ? Number.POSITIVE_INFINITY : finding.endsAtS * 1000 - this.#input.wallMs();
    const untilMs = this.#input.nowMs() + Math.min(ttlMs, endsInMs);
    const standing = new Standing(this, finding, untilMs, this.#lines(finding));
    if (key !== null && finding.verdict !== 'invalid') this.#cache!.set(key, standing);
    return standing;
  }

  /** For one request. What holds nothing of a session is the same for all. */
  #once(finding: Finding): Standing {
    if (finding.data !== null) return new Standing(this, finding, 0, this.#lines(finding));
    let standing = this.#plain.get(finding.reason);
    if (standing === undefined || VERDICT_NAMES[standing.verdict] !== finding.verdict) {
      standing = new Standing(this, finding, 0, this.#lines(finding));
      this.#plain.set(finding.reason, standing);
    }
    return standing;
  }

  #lines(finding: Finding): string {
    const { pass } = this.#input.options;
    const lines = passedLines(finding, pass.user, pass.fields);
    // Put together from pieces it would be a tree of them: larger to keep, and slower to write with every request.
    return Buffer.from(lines, 'latin1').toString('latin1');
  }
}
