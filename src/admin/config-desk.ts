// What the admin side may ask about the config: what is in force, whether another would be, and to read the file anew.
import type { ConfigChange } from '../config/diff.ts';
import type { ConfigProblem } from '../config/problem.ts';
import type { ReloadResult } from './reload-result.ts';

export type AppliedReload = Exclude<ReloadResult, { readonly result: 'refused' }>;

/** What `GET /api/v1/config` tells. */
export interface ShownConfig {
  readonly generation: number;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly file: string;
  /** Configs before it that still have something under way. */
  readonly older: number;
  /** Secrets masked. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** A text that would be a sound config. */
export interface CheckedConfig {
  readonly changes: readonly ConfigChange[];
  readonly needsRestart: readonly string[];
  readonly warnings: readonly ConfigProblem[];
}

export interface RefusedConfig {
  readonly error: { readonly code: string; readonly message: string };
  readonly problems: readonly ConfigProblem[];
}

export interface ConfigDesk {
  shown(): ShownConfig;
  /** Changes nothing. */
  check(text: string): CheckedConfig | RefusedConfig;
  /** `by`: who asks, for the log. */
  reload(by: string): Promise<ReloadResult>;
}
