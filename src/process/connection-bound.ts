// How many client connections a process may hold, from what the system gives it.
import { readFileSync } from 'node:fs';

/** Descriptors kept for everything but connections: logs, probes, the admin side, Node itself takes some 25. */
const RESERVED = 64;
/** What a worker thread takes for itself is 7 on Linux. */
const RESERVED_PER_WORKER = 8;
/** Where the limit cannot be read. */
const USUAL_LIMIT = 1024;
/** Clients that may be told at one time that there are too many, all workers together. */
const REFUSED_MOST = 64;

/** Client connections that each worker may hold. */
export interface ConnectionBound {
  /** Such as are served. */
  readonly connections: number;
  /** Beyond those, such as are being told 503; who comes on top is closed without a word. */
  readonly refused: number;
}

/** The soft limit of open descriptors, as the kernel says it. */
function descriptorLimit(): number {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    if (line?.[1] === 'unlimited') return 1 << 20;
    return Number(line?.[1] ?? USUAL_LIMIT);
  } catch {
    return USUAL_LIMIT;
  }
}

/**
 * The bound of each of `workers`. `configured`: of all together; 0: from the descriptor `limit`. A client may need a second
 * descriptor, towards its upstream, and refusals need theirs, so a client counts twice and a refusal once. Where the limit is
 * smaller than what is kept back, half of it is shared out.
 */
export function connectionBound(
  configured: number,
  workers: number,
  limit = descriptorLimit(),
): ConnectionBound {
  const free = Math.max(Math.floor(limit / 2), limit - RESERVED - RESERVED_PER_WORKER * workers);
  const refused = Math.min(REFUSED_MOST, Math.floor(free / 4));
  const connections = configured === 0 ? Math.floor((free - refused) / 2) : configured;
  const share = (count: number): number => Math.max(1, Math.floor(count / workers));
  return { connections: share(connections), refused: share(refused) };
}
