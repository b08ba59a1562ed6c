// A key set that lives elsewhere and changes: read again when it grows old or a token names a key that it lacks, and kept when it fails.
import type { KeyObject } from 'node:crypto';
import { JwkSet } from './jwk-set.ts';
import type { JwsAlgorithm } from './jws-algorithms.ts';
import { whyUnread } from './key-sources.ts';
import type { FoundKeys, KeysChange, PublicKeys } from './public-keys.ts';

/** How long to wait after a reading that failed, seconds: tokens of a key that is new are only the app's to judge meanwhile. */
const RETRY_S = 3;

export interface KeptKeysInput {
  /** The text of the set. Rejects where there is none to be had; bounds its own time and size. */
  readonly read: () => Promise<string>;
  /** The set, where it was read already. */
  readonly set: JwkSet | null;
  /** Age at which it is read again beside the check, seconds. */
  readonly maxAgeS: number;
  /** Shortest time between two readings for tokens with an unknown `kid`, seconds: clients can send as many of them as they like. */
  readonly cooldownS: number;
}

export class KeptKeys implements PublicKeys {
  readonly prepare: (() => Promise<void>) | null;
  readonly #input: KeptKeysInput;
  #set: JwkSet | null;
  /** The last reading came to a set. */
  #sound: boolean;
  /** When it was last read, by the clock of the checks; null: before the first of them. */
  #readAtS: number | null = null;
  #reading: Promise<void> | null = null;
  #told: (change: KeysChange) => void = () => {};
  /** The state that was told last. */
  #toldUp = true;

  constructor(input: KeptKeysInput) {
    this.#input = input;
    this.#set = input.set;
    this.#sound = input.set !== null;
    this.prepare = input.set === null ? () => this.#read(null) : null;
  }

  find(algorithm: JwsAlgorithm, kid: unknown, nowS: number): FoundKeys | Promise<FoundKeys> {
    this.#readAtS ??= nowS;
    const key = this.#set?.find(algorithm, kid) ?? null;
    const age = nowS - this.#readAtS;
    if (key !== null) {
      // Old keys serve while new ones come. A clock that went back is no reason to wait for it.
      const due = this.#sound ? this.#input.maxAgeS : Math.max(RETRY_S, Math.min(this.#input.maxAgeS, 60));
      if (age >= due || age < -due) void this.#read(nowS);
      return [key];
    }
    const wait = this.#sound ? this.#input.cooldownS : Math.min(RETRY_S, this.#input.cooldownS);
    if (this.#reading === null && age < wait && age > -wait) return this.#found(null);
    return this.#read(nowS).then(() => this.#found(this.#set?.find(algorithm, kid) ?? null));
  }

  /** No key: known only where the last reading worked. */
  #found(key: KeyObject | null): FoundKeys {
    if (key !== null) return [key];
    return this.#sound ? [] : null;
  }

  watch(told: (change: KeysChange) => void): void {
    this.#told = told;
  }

  /** One reading at a time, for all who wait. What is no set changes nothing. */
  #read(nowS: number | null): Promise<void> {
    this.#reading ??= this.#input
      .read()
      .then(
        (text) => this.#take(JwkSet.parse(text), 'what was read is no key set'),
        (error: unknown) => this.#take(null, whyUnread(error)),
      )
      .finally(() => {
        this.#reading = null;
      });
    this.#readAtS = nowS;
    return this.#reading;
  }

  #take(set: JwkSet | null, why: string): void {
    const up = set !== null;
    this.#sound = up;
    this.#set = set ?? this.#set;
    if (up === this.#toldUp) return;
    this.#toldUp = up;
    this.#told({ up, why: up ? null : why, kept: this.#set !== null });
  }
}
