// What a verifier is made of, and the parts of it that only some session blocks have.
import type { Timers } from '../base/timers.ts';
import type { SessionFormat } from './format.ts';
import type { HomesWanted } from './home-keys.ts';
import type { SessionOptions } from './options.ts';
import { TokenMaker } from './phantom/phantom-token.ts';
import type { TokenSigner } from './phantom/token-signer.ts';
import type { Revocations } from './revocations.ts';
import type { WatchableStore } from './store.ts';
import { StoreWatch } from './store-watch.ts';
import type { VerdictMemory } from './verdict-memory.ts';

/** What a verifier is made of. */
export interface VerifierInput {
  readonly options: SessionOptions;
  readonly format: SessionFormat;
  readonly store: WatchableStore | null;
  readonly revocations?: Revocations;
  /** Signs the tokens that the app is given; left out: it is given none. */
  readonly signer?: Pick<TokenSigner, 'sign'>;
  /** Left out: no pool behind it asks where a session lives. */
  readonly homes?: HomesWanted;
  readonly timers: Timers;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  /** Wall clock, ms: what expiry is judged by. */
  readonly wallMs: () => number;
  /** Told of every check: numbers of the verdict and its source. Hot. */
  readonly onChecked: (verdict: number, source: number) => void;
  /** A token was signed. */
  readonly onSigned?: () => void;
  /** An old verdict stood in for a store that is away. */
  readonly onStale?: () => void;
  /** Told what became of a change that the store told (PUSH). */
  readonly onPush?: (result: number) => void;
  /** Told when the store begins or ceases to tell of changes. */
  readonly onVouch?: (up: boolean, why: string | null) => void;
  /** Told of a check that threw what it should not: a fault of ours. */
  readonly onBug: (session: string, error: unknown) => void;
}

/** Null: the app is given no tokens. */
export function tokenMakerOf(input: VerifierInput): TokenMaker | null {
  const { options, signer, nowMs, wallMs, onSigned, onBug } = input;
  const { token } = options.pass;
  if (token === undefined || signer === undefined) return null;
  return new TokenMaker({
    options: token,
    signer,
    nowMs,
    wallMs,
    onSigned: onSigned ?? (() => {}),
    onBug: (error) => onBug(options.name, error),
  });
}

/** Begins to listen for changes of what `memory` holds; null: the store is not asked to tell, or cannot. */
export function watchStore(input: VerifierInput, memory: VerdictMemory | null): StoreWatch | null {
  const { store, options, timers, nowMs, onPush, onVouch } = input;
  if (memory === null || store === null || store.watch === null || options.cache?.push !== true) return null;
  const watch = new StoreWatch({
    store,
    memory,
    timers,
    nowMs,
    readings: Math.max(1, (options.store?.concurrency ?? 1) >> 1),
    onPush: onPush ?? (() => {}),
    onVouch: onVouch ?? (() => {}),
  });
  memory.watch = watch;
  store.watch(watch);
  return watch;
}
