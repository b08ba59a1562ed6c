// How many client connections a process may hold, from what the system gives it.
import { readFileSync } from 'node:fs';

/** Descriptors kept for everything but connections: logs, probes, the admin side, Node itself. */
const RESERVED = 128;
/** Where the limit cannot be read. */
const USUAL_LIMIT = 1024;

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
 * The bound: as configured, or (0) from the descriptor limit: a client may need a second descriptor, towards its upstream, so
 * half of what is left.
 */
export function connectionBound(configured: number): number {
  const most = Math.max(16, Math.floor((descriptorLimit() - RESERVED) / 2));
  return configured === 0 ? most : configured;
}
