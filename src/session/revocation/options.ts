// Where revocations are kept, after loading: one place for all session blocks of a config.
import type { StoreTls } from '../stores/driver.ts';

export interface RevocationOptions {
  /** Of the Redis that replicas share, with credentials; null: they are kept in this process. Never printed. */
  readonly url: string | null;
  readonly tls: StoreTls | null;
  /** What its keys begin with. */
  readonly prefix: string;
  /** How long a revocation stays that does not say. */
  readonly ttlMs: number;
  /** Most revocations, and most logins remembered. */
  readonly entries: number;
}
