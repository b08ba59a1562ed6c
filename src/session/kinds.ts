// The closed table of session formats: a new one is a file in formats/, a row here and a page in the docs.
import type { FormatKind } from './format.ts';
import { expressSession } from './formats/express-session.ts';

/** Every format by the name that `verify` uses. */
export const FORMAT_KINDS = {
  'express-session': expressSession,
} as const satisfies Readonly<Record<string, FormatKind>>;

export type FormatName = keyof typeof FORMAT_KINDS;
