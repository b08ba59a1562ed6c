// When a certificate is ordered: before its end, not with everybody else, and never so often that the authority shuts the door.
import type { Random } from '../base/random.ts';
import type { Certificate } from '../certificates/certificate.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Orders of one certificate in an hour, over all who share the folder. Let's Encrypt lets five checks of a name fail in that time. */
export const ORDERS_AN_HOUR = 4;
/** After a failure it is tried again after this, three times as long after each further one, and at least this often, ms. */
const RETRY_MS = MINUTE;
const RETRY_MAX_MS = 6 * HOUR;
/** An authority that asks for more patience gets a day of it, ms. */
const PATIENCE_MAX_MS = 24 * HOUR;

/**
 * When it is to be renewed, Unix ms: with a third of its life left, or `renewBeforeMs` before its end, but never in the first half of its
 * life, which would order again and again. Up to a tenth of what is left then is taken off by chance, so that replicas, and
 * certificates that were ordered together, don't come together.
 */
export function renewalMs(
  { notBeforeMs, notAfterMs }: Pick<Certificate, 'notBeforeMs' | 'notAfterMs'>,
  renewBeforeMs: number | null,
  random: Random,
): number {
  const lifeMs = notAfterMs - notBeforeMs;
  const leftMs = Math.min(renewBeforeMs ?? lifeMs / 3, lifeMs / 2);
  return notAfterMs - leftMs - (leftMs / 10) * (random.below(1000) / 1000);
}

/** How long to wait after the `failures`-th failure in a row (≥ 1), with a quarter more or less by chance. */
export function retryAfterMs(failures: number, askedMs: number, random: Random): number {
  const plainMs = Math.min(RETRY_MAX_MS, RETRY_MS * 3 ** Math.min(failures - 1, 20));
  const waitMs = plainMs * (0.75 + random.below(500) / 1000);
  return Math.max(waitMs, Math.min(askedMs, PATIENCE_MAX_MS));
}

/** When the next order may be made, Unix ms: after those `attemptsMs` that there were. In the past: now. */
export function allowedMs(attemptsMs: readonly number[], nowMs: number): number {
  const recent = attemptsMs.filter((atMs) => atMs > nowMs - HOUR && atMs <= nowMs).sort((a, b) => a - b);
  return recent.length < ORDERS_AN_HOUR ? 0 : recent[recent.length - ORDERS_AN_HOUR]! + HOUR;
}
