// An InvariantError is a bug of ours: the worker that meets one dies and is replaced.

/** Thrown when something is so that the code says cannot be. */
export class InvariantError extends Error {
  override name = 'InvariantError';
}

/** Throws InvariantError with `what` unless `holds`. */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvariantError(what);
}
