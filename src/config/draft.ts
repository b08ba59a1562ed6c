// A config that was read and is being checked: what the checks share.

import type { Places } from './places.ts';
import type { Findings } from './problem.ts';
import type { DocumentReader } from './read.ts';
import type { ReadConfig } from './schema/root.ts';
import type { FileReader } from './special.ts';

/** What a check may look at, and where it tells what it found. */
export interface Draft {
  readonly read: ReadConfig;
  readonly reader: DocumentReader;
  readonly places: Places;
  readonly findings: Findings;
  /** Files beside the config. */
  readonly files: FileReader;
}

/** Blames the value at `path`. */
export function blame(draft: Draft, path: string, message: string, hint = ''): void {
  draft.findings.error(draft.places.value(path), path, message, hint);
}

/** Blames the key at `path`. */
export function blameKey(draft: Draft, path: string, message: string, hint = ''): void {
  draft.findings.error(draft.places.key(path), path, message, hint);
}

/** Warns of the value at `path`. */
export function warn(draft: Draft, path: string, message: string, hint = ''): void {
  draft.findings.warning(draft.places.value(path), path, message, hint);
}

/** The items of a list with their paths, without the holes that items which could not be read leave. */
export function items<T>(list: readonly T[] | undefined, path: string): [item: T, path: string][] {
  return (list ?? []).flatMap((item, i): [T, string][] =>
    item === undefined ? [] : [[item, `${path}[${i}]`]],
  );
}

/** The items of a list without the holes that items which could not be read leave. */
export function whole<T>(list: readonly T[] | undefined): T[] {
  return (list ?? []).filter((item) => item !== undefined);
}
