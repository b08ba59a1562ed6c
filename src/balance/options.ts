// What a config may say about balancing, after defaults.

export type HashOn =
  | { readonly on: 'address' }
  | { readonly on: 'path' }
  | { readonly on: 'header'; readonly name: string }
  | { readonly on: 'cookie'; readonly name: string }
  | { readonly on: 'query'; readonly name: string };

export interface BalanceOptions {
  readonly kind: 'round-robin' | 'least-connections' | 'peak-ewma' | 'random' | 'hash';
  /** What `hash` hashes; null for the other kinds. */
  readonly hash: HashOn | null;
  /** `hash`: no upstream above this times the mean load (bounded load); ≥ 1, Infinity for no bound. */
  readonly hashLoad: number;
}
