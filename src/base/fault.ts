// A Fault is what went wrong at run time: a frozen value with a code, never an exception and never a stack.

/** Who is to blame. The client that leaves is never blamed on the upstream. */
export type FaultSide = 'client' | 'upstream' | 'limpet';

/**
 * Whether another try may help (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1):
 * `always`: no byte of the request was written (T1); `reused`: only when the connection had served before (T2);
 * `idempotent`: only methods that may be repeated (T3); `never`.
 */
export type FaultRetry = 'always' | 'reused' | 'idempotent' | 'never';

/** One row of a closed table; `code` is stable and is what metrics, logs and docs call it. */
export interface Fault {
  /** Dotted name, `side.area.what`: `request.framing.both`, `upstream.connect.refused`. */
  readonly code: string;
  readonly side: FaultSide;
  readonly retry: FaultRetry;
  /** The status that the client is answered, or 0 where nothing can be answered any more. */
  readonly status: number;
  /** One sentence for the reader: what is wrong. Holds no byte of the message. */
  readonly text: string;
}

/** Declares one fault. Called at module load only, so that every fault is a shared frozen value. */
export function fault(code: string, side: FaultSide, status: number, retry: FaultRetry, text: string): Fault {
  return Object.freeze({ code, side, status, retry, text });
}
