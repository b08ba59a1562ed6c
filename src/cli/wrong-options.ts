// What parseArgs says of options that are wrong, in one sentence; it is the reader's slip and no bug.

/** Null for any other error. */
export function wrongOptions(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  if (!String(error.code).startsWith('ERR_PARSE_ARGS_')) return null;
  // Its advice, which follows, is for another reader.
  return error.message.split(/\.\s/)[0]!;
}
