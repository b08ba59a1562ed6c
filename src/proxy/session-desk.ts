// The session blocks at work in one worker: their verifiers, and what is counted of them.
import type { Clock } from '../base/clock.ts';
import type { Timers } from '../base/timers.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { HomesWanted } from '../session/home-keys.ts';
import type { OpenSession } from '../session/open-session.ts';
import type { TokenSigner } from '../session/phantom/token-signer.ts';
import type { Revocations } from '../session/revocations.ts';
import { PUSH_NAMES } from '../session/store-watch.ts';
import { SessionVerifier, SOURCE_NAMES } from '../session/verifier.ts';
import { checkCells } from './plane-metrics.ts';

/** What the desk is made from. */
export interface SessionDeskInput {
  readonly book: MetricBook;
  readonly clock: Clock;
  readonly timers: Timers;
  /** The store of a session block begins or ceases to tell of changes. */
  readonly onVouch: (session: string, up: boolean, why: string | null) => void;
  /** A check of a session that threw what it should not. */
  readonly onBug: (session: string, error: unknown) => void;
}

/** What the blocks of one config need beside themselves. */
export interface SessionSurroundings {
  readonly revocations: Revocations;
  /** By name of the block; those that are not there are asked for no homes. */
  readonly homes: ReadonlyMap<string, HomesWanted>;
  /** Signs the tokens that apps are given; null: they are given none. */
  readonly signer: TokenSigner | null;
}

/** A session block and the cells of its gauges; −1: none. */
interface Row {
  readonly session: OpenSession;
  readonly verifier: SessionVerifier;
  readonly remembered: number;
  readonly storeUp: number;
  readonly pushUp: number;
}

/** The session blocks of one config at work. */
export class SessionRows {
  readonly rows: readonly Row[];
  /** By name of the block. */
  readonly verifiers: ReadonlyMap<string, SessionVerifier>;

  constructor(rows: readonly Row[]) {
    this.rows = rows;
    this.verifiers = new Map(rows.map(({ verifier }) => [verifier.name, verifier]));
  }

  has(session: OpenSession): boolean {
    return this.rows.some((row) => row.session === session);
  }
}

export class SessionDesk {
  readonly #in: SessionDeskInput;

  constructor(input: SessionDeskInput) {
    this.#in = input;
  }

  /** Puts blocks to work; those of `before` go on, with all that their verifiers remember. */
  open(
    sessions: readonly OpenSession[],
    around: SessionSurroundings,
    before: SessionRows | null = null,
  ): SessionRows {
    return new SessionRows(
      sessions.map(
        (session) =>
          before?.rows.find((row) => row.session === session) ?? rowOf({ ...this.#in, ...around }, session),
      ),
    );
  }

  /** Sets the gauges. */
  everySecond({ rows }: SessionRows): void {
    const { values } = this.#in.book;
    for (const { session, verifier, remembered, storeUp, pushUp } of rows) {
      values[remembered] = verifier.remembered;
      if (storeUp >= 0) values[storeUp] = session.storeUp() ? 1 : 0;
      if (pushUp >= 0) values[pushUp] = verifier.vouched === true ? 1 : 0;
    }
  }

  /** The gauges of blocks that `now` does not have are nothing's any more. */
  clear(before: SessionRows, now: SessionRows): void {
    const { values } = this.#in.book;
    const names = new Set(now.rows.map(({ verifier }) => verifier.name));
    for (const { verifier, remembered, storeUp, pushUp } of before.rows) {
      if (names.has(verifier.name)) continue;
      for (const cell of [remembered, storeUp, pushUp]) if (cell >= 0) values[cell] = 0;
    }
  }
}

type RowInput = SessionDeskInput & SessionSurroundings;

function rowOf(input: RowInput, session: OpenSession): Row {
  const { book } = input;
  const where = { session: session.options.name };
  const verifier = verifierOf(input, session);
  return {
    session,
    verifier,
    remembered: book.gauge('limpet_session_remembered', where),
    storeUp: session.store === null ? -1 : book.gauge('limpet_session_store_up', where),
    pushUp: verifier.vouched === null ? -1 : book.gauge('limpet_session_push_up', where),
  };
}

function verifierOf(input: RowInput, { options, format, store }: OpenSession): SessionVerifier {
  const { book, clock, timers, revocations, signer } = input;
  const where = { session: options.name };
  const homes = input.homes.get(options.name);
  const checks = checkCells(book, options.name);
  const signed = options.pass.token === undefined ? -1 : book.counter('limpet_session_tokens_total', where);
  const stale = book.counter('limpet_session_stale_total', where);
  const pushes = PUSH_NAMES.map((result) =>
    book.counter('limpet_session_pushes_total', { ...where, result }),
  );
  return new SessionVerifier({
    options,
    format,
    store,
    revocations,
    ...(homes === undefined ? {} : { homes }),
    timers,
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    onChecked: (verdict, source) => {
      book.values[checks[verdict * SOURCE_NAMES.length + source]!]!++;
    },
    ...(signer === null ? {} : { signer }),
    onSigned: () => {
      book.values[signed]!++;
    },
    onStale: () => {
      book.values[stale]!++;
    },
    onPush: (result) => {
      book.values[pushes[result]!]!++;
    },
    onVouch: (up, why) => input.onVouch(options.name, up, why),
    onBug: input.onBug,
  });
}
