// What a folder keeps of one certificate: the pair itself, how its orders went, and what the authority is to be answered meanwhile.
import { createHash } from 'node:crypto';
import { type Certificate, readCertificate } from '../certificates/certificate.ts';
import type { AcmeOptions } from '../certificates/options.ts';
import type { AcmeFolder } from './acme-folder.ts';
import type { Challenge } from './authority.ts';

/** Names of the files of one certificate. */
export interface StoredNames {
  /** Key and chain in one file, so that they change together. */
  readonly pair: string;
  /** The pair that the last renewal replaced, for an operator who wants it back. */
  readonly previous: string;
  readonly orders: string;
  readonly challenges: string;
  readonly lock: string;
}

/** How the orders of a certificate went, over all who share the folder. */
export interface OrderBook {
  /** Unix ms of the orders of the last hour, and of the one before. */
  readonly attemptsMs: readonly number[];
  /** In a row. */
  readonly failures: number;
  /** Unix ms of the first of them; null: the last order went well, or there was none. */
  readonly failingSinceMs: number | null;
  /** Of the last failure. */
  readonly why: string;
  /** Unix ms before which it is not tried again. */
  readonly retryMs: number;
}

export const NO_ORDERS: OrderBook = {
  attemptsMs: [],
  failures: 0,
  failingSinceMs: null,
  why: '',
  retryMs: 0,
};

/** No `.pem`, so that nobody takes it for a pair to show. */
const PREVIOUS = '.previous';
/** Attempts that are remembered. */
const ATTEMPTS_MAX = 20;
/** Certificates of other sets of names that are looked at for a stand-in. */
const OTHERS_MAX = 100;
const CHALLENGES_MAX = 100;
/** What has been of no use for so long goes, ms. */
const ENDED_MS = 30 * 86_400_000;
/** One token with its dot and its hash (RFC 8555 section 8.1). */
const ANSWER = /^[A-Za-z0-9_-]{1,128}\.[A-Za-z0-9_-]{1,128}$/;

/** Tells certificates apart: another set of names, or kind of key, is another certificate. */
export function namesOfStored({ names, key }: AcmeOptions): StoredNames {
  const sorted = [...names].sort();
  const hash = createHash('sha256')
    .update(JSON.stringify([key, sorted]))
    .digest('hex');
  const base = `${sorted[0] ?? 'nobody'}-${hash.slice(0, 10)}`;
  return {
    pair: `${base}.pem`,
    previous: `${base}.pem${PREVIOUS}`,
    orders: `${base}.orders.json`,
    challenges: `${base}.challenges.json`,
    lock: `${base}.lock`,
  };
}

/** Null: there is none, or it is none. */
export function readPair(folder: AcmeFolder, name: string, nowMs: number): Certificate | null {
  const text = folder.read(name);
  return text === null ? null : readCertificate(text, text, null, nowMs).certificate;
}

/** Puts a pair in place of what was there, which is kept: one generation of it, and only what is a pair. */
export function writePair(folder: AcmeFolder, names: StoredNames, pair: Certificate, nowMs: number): void {
  try {
    if (readPair(folder, names.pair, nowMs) !== null) folder.keepAs(names.pair, names.previous);
  } catch {
    // Because: what is only nice to have does not keep the new one out.
  }
  folder.write(names.pair, `${pair.key.trim()}\n${pair.cert.trim()}\n`);
}

/**
 * Certificates that were ordered for other sets of names, and serve some of these while the one for them is not there yet: those with
 * the most of them first. Such as have ended are left out.
 */
export function standIns(
  folder: AcmeFolder,
  names: readonly string[],
  own: string,
  nowMs: number,
): Certificate[] {
  const known = folder
    .list('.pem')
    .filter((name) => name !== own)
    .slice(0, OTHERS_MAX)
    .flatMap((name) => readPair(folder, name, nowMs) ?? []);
  const shared = (one: Certificate): number => names.filter((name) => one.names.includes(name)).length;
  return known
    .filter((one) => one.notAfterMs > nowMs && shared(one) > 0)
    .sort((a, b) => shared(b) - shared(a) || b.notAfterMs - a.notAfterMs);
}

/**
 * Takes away keys and certificates of other sets of names that ended a month ago or more, which nobody can use and whoever wants them has
 * ordered anew, with the notes of their orders; `own` stays. And previous pairs that ended then, of any names. Throws what `fs` throws.
 */
export function sweepEnded(folder: AcmeFolder, own: string, nowMs: number): void {
  const hasEnded = (name: string): boolean =>
    (readPair(folder, name, nowMs)?.notAfterMs ?? nowMs) < nowMs - ENDED_MS;
  for (const name of folder.list(`.pem${PREVIOUS}`).slice(0, OTHERS_MAX))
    if (hasEnded(name)) folder.remove(name);
  const others = folder.list('.pem').filter((name) => name !== own);
  for (const name of others.slice(0, OTHERS_MAX).filter(hasEnded)) {
    folder.remove(name);
    // Of one that is still asked for, in vain, they say how often that may be.
    const orders = `${name.slice(0, -'.pem'.length)}.orders.json`;
    if ((folder.ageMs(orders) ?? 0) > ENDED_MS) folder.remove(orders);
  }
  folder.sweepDrafts(ENDED_MS);
}

export function readOrders(folder: AcmeFolder, name: string): OrderBook {
  const told = parsed(folder.read(name));
  if (told === null) return NO_ORDERS;
  const { attemptsMs, failures, failingSinceMs, why, retryMs } = told;
  return {
    attemptsMs: Array.isArray(attemptsMs) ? attemptsMs.filter(isTime).slice(-ATTEMPTS_MAX) : [],
    failures: isTime(failures) ? failures : 0,
    failingSinceMs: isTime(failingSinceMs) ? failingSinceMs : null,
    why: typeof why === 'string' ? why : '',
    retryMs: isTime(retryMs) ? retryMs : 0,
  };
}

export function writeOrders(folder: AcmeFolder, name: string, book: OrderBook): void {
  folder.write(name, JSON.stringify({ ...book, attemptsMs: book.attemptsMs.slice(-ATTEMPTS_MAX) }));
}

/** None once their time is over. */
export function readChallenges(folder: AcmeFolder, name: string, nowMs: number): Challenge[] {
  const told = parsed(folder.read(name));
  if (told === null || !isTime(told.untilMs) || told.untilMs <= nowMs || !Array.isArray(told.answers))
    return [];
  return told.answers
    .slice(0, CHALLENGES_MAX)
    .flatMap((answer: unknown) =>
      typeof answer === 'string' && ANSWER.test(answer)
        ? [{ token: answer.slice(0, answer.indexOf('.')), answer }]
        : [],
    );
}

export function writeChallenges(
  folder: AcmeFolder,
  name: string,
  challenges: readonly Challenge[],
  untilMs: number,
): void {
  folder.write(name, JSON.stringify({ untilMs, answers: challenges.map(({ answer }) => answer) }));
}

function parsed(text: string | null): Readonly<Record<string, unknown>> | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null; // of JSON
  } catch {
    return null;
  }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
