// A listener of a store that writes down what it is told, for tests of stores that tell of changes.
import type { StoreListener } from '../../src/session/store.ts';

export class ChangeLog implements StoreListener {
  keys: string[] = [];
  /** How often anything may have changed. */
  all = 0;
  garbage = 0;
  up = false;
  /** Each time that the store ceased to tell, or could not begin: why. */
  readonly losses: string[] = [];

  changed(key: string): void {
    this.keys.push(key);
  }

  allChanged(): void {
    this.all++;
  }

  garbled(): void {
    this.garbage++;
  }

  vouches(up: boolean, why: string | null): void {
    this.up = up;
    if (why !== null) this.losses.push(why);
  }

  has(key: string): boolean {
    return this.keys.includes(key);
  }
}
