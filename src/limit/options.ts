// What a config may say of limits, after defaults.

export type LimitBy =
  | { readonly by: 'address' }
  | { readonly by: 'session-user' }
  | { readonly by: 'everyone' }
  | { readonly by: 'header'; readonly name: string }
  | { readonly by: 'cookie'; readonly name: string };

export interface RateLimitOptions {
  /** For metrics, and what tells its counts from those of other limits: all limits of one name count together. */
  readonly name: string;
  /** So many requests in so long, of which `burst` at once. */
  readonly count: number;
  readonly perMs: number;
  readonly burst: number;
  readonly by: LimitBy;
  /** Counts what it would refuse, and refuses nothing. */
  readonly dryRun: boolean;
  /** Position of the Redis that it is shared on; −1: the workers of this process only. */
  readonly shared: number;
}

/** Addresses: those that are written, and those of files, whose paths are absolute. */
export interface AddressListOptions {
  readonly blocks: readonly string[];
  readonly files: readonly string[];
}

export interface AccessOptions {
  /** Null: everybody. */
  readonly allow: AddressListOptions | null;
  /** Null: nobody. */
  readonly deny: AddressListOptions | null;
}
