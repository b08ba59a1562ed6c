// Makes generations of the config for one worker, from what stays the same over all of them: sessions, signer, revocations, limits.
import type { LearnedMemory } from '../affinity/learned.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import type { Config } from '../config/config.ts';
import type { FileLists } from '../limit/access-list.ts';
import type { SharedBuckets } from '../limit/shared-buckets.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import { compile } from '../plan/compile.ts';
import { JwksAnswer } from '../plan/jwks-answer.ts';
import { homesWanted } from '../plan/session-homes.ts';
import type { Rows } from '../plan/slots.ts';
import type { OpenSession } from '../session/open-session.ts';
import type { SigningState } from '../session/phantom/signing-keys.ts';
import { TokenSigner } from '../session/phantom/token-signer.ts';
import { NO_REVOCATIONS, type Revocations } from '../session/revocations.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { DateField } from '../wire/local-reply.ts';
import type { LimitBooks } from './limit-books.ts';
import { LivingGeneration } from './living-generation.ts';
import type { PlaneReports } from './plane.ts';
import { SessionDesk } from './session-desk.ts';

/** What one generation of the config is made from. */
export interface GenerationInput {
  readonly config: Config;
  readonly generation: number;
  /** Rows and numbers of its parts; left out: those of a config that is the only one. */
  readonly rows?: Rows;
  readonly learned: ReadonlyMap<string, LearnedMemory>;
  /** The shared tables of the sessions that are watched, by pool name; left out: none are. */
  readonly trails?: ReadonlyMap<string, LearnedMemory>;
  readonly accessLog: AccessLog | null;
  /** The session blocks of the config, ready to check. */
  readonly sessions: readonly OpenSession[];
  /** What the tokens of sessions are signed with; null or left out: no session has any. */
  readonly signing?: SigningState | null;
  /** What has been revoked; left out: what was told before, or that nothing ever is. */
  readonly revocations?: Revocations;
  /** Lists of addresses in files, by path; left out: there are none. */
  readonly lists?: FileLists;
  /** Where rate limits are shared, as the config numbers them; left out: nowhere. */
  readonly shared?: readonly SharedBuckets[];
}

/** What stays the same for all of a worker's generations. */
export interface GenerationMakerInput {
  readonly worker: number;
  readonly workers: number;
  readonly table: UpstreamTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly book: MetricBook;
  readonly limits: LimitBooks;
  readonly reports: Pick<PlaneReports, 'vouched'>;
  /** A check of a session that threw what it should not. */
  readonly onBug: (session: string, error: unknown) => void;
}

/** One a worker. */
export class GenerationMaker {
  readonly #in: GenerationMakerInput;
  readonly #date: DateField;
  readonly #sessions: SessionDesk;
  #revocations: Revocations = NO_REVOCATIONS;
  /** What was told last, by a generation or between them; null: no session has tokens. */
  #signing: SigningState | null = null;
  #signer: TokenSigner | null = null;
  #jwks: JwksAnswer | null = null;

  constructor(input: GenerationMakerInput) {
    const { book, clock, reports, onBug } = input;
    this.#in = input;
    this.#date = new DateField(clock);
    this.#sessions = new SessionDesk({ book, clock, timers: systemTimers, onVouch: reports.vouched, onBug });
  }

  /** What the generation that was made last goes by. */
  get revocations(): Revocations {
    return this.#revocations;
  }

  /** `before`: the one in force, whose pools, upstreams and sessions go on where they are still the same; null: none is. */
  make(input: GenerationInput, before: LivingGeneration | null): LivingGeneration {
    const { table, clock, random, worker, workers, limits } = this.#in;
    const { signing = null } = input;
    if (input.revocations !== undefined) this.#revocations = input.revocations;
    if (signing !== null) {
      this.#signing = signing;
      this.#signer ??= new TokenSigner(signing);
      this.#jwks ??= new JwksAnswer(signing.published);
    }
    const sessions = this.#sessions.open(
      input.sessions,
      { revocations: this.#revocations, homes: homesWanted(input.config), signer: this.#signer },
      before?.sessions ?? null,
    );
    const compiled = compile(
      {
        ...input,
        table,
        random,
        worker,
        workers,
        verifiers: sessions.verifiers,
        jwks: this.#jwks,
        gates: limits.tools(input.lists ?? new Map(), input.shared ?? []),
        nowMs: () => clock.nowMs(),
        wallMs: () => clock.wallMs(),
      },
      before?.compiled ?? null,
    );
    return new LivingGeneration(input.generation, compiled, sessions, this.#date);
  }

  /** `now` is in force in place of `before`. */
  follow(before: LivingGeneration, now: LivingGeneration): void {
    this.#sessions.clear(before.sessions, now.sessions);
    if (this.#signing !== null) this.setSigning(this.#signing);
  }

  /** Tokens are signed with this from now on, and these keys are published. */
  setSigning(state: SigningState): void {
    this.#signing = state;
    this.#signer?.use(state);
    this.#jwks?.show(state.published);
  }

  /** Sets the gauges of the sessions of the generation in force. */
  everySecond({ sessions }: LivingGeneration): void {
    this.#sessions.everySecond(sessions);
  }
}
