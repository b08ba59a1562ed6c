// Who of several processes that share a folder orders a certificate: the one whose lock file is there.
import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { AcmeFolder } from './acme-folder.ts';

/** A lock that shows no life for so long is a dead process's, ms. Its holder shows some every second. */
const DEAD_MS = 60_000;
/** Tells this process from an earlier one of the same number. */
const BORN_MS = performance.timeOrigin;

/**
 * A lock by a file. It keeps honest processes from ordering the same thing at once; it is no proof, and need not be: two orders of one
 * certificate do no harm but to the authority's limits.
 */
export class OrderLock {
  readonly #folder: AcmeFolder;
  readonly #name: string;
  readonly #nowMs: () => number;
  /** Null: it is not ours. */
  #text: string | null = null;
  /** Somebody else's, as it was seen last, and since when it has not changed. */
  #seen = { mark: '', sinceMs: 0 };

  /** `nowMs`: monotonic. */
  constructor(folder: AcmeFolder, name: string, nowMs: () => number) {
    this.#folder = folder;
    this.#name = name;
    this.#nowMs = nowMs;
  }

  /** True: it is ours until `release`. Throws what `fs` throws. */
  take(): boolean {
    const text = JSON.stringify({ at: placeOf(), pid: process.pid, since: BORN_MS, id: randomUUID() });
    if (!(this.#folder.create(this.#name, text) || (this.#clear() && this.#folder.create(this.#name, text))))
      return false;
    this.#text = text;
    return true;
  }

  /** Shows that its holder lives. False: it is not ours any more. */
  hold(): boolean {
    if (this.#text === null || this.#folder.read(this.#name) !== this.#text) return false;
    this.#folder.touch(this.#name);
    return true;
  }

  release(): void {
    if (this.#text === null) return;
    const ours = this.#folder.read(this.#name) === this.#text;
    this.#text = null;
    if (ours) this.#folder.remove(this.#name);
  }

  /** Takes a dead process's lock away. */
  #clear(): boolean {
    const text = this.#folder.read(this.#name);
    if (text === null) return true;
    if (!this.#isDead(text)) return false;
    const away = `${this.#name}.${randomUUID()}.dead`;
    if (!this.#folder.rename(this.#name, away)) return true;
    // Somebody was faster, and what was taken away is his: he notices, and one of both goes on.
    this.#folder.remove(away);
    return true;
  }

  #isDead(text: string): boolean {
    if (isGone(text)) return true;
    const mark = `${text} ${this.#folder.markOf(this.#name)}`;
    const nowMs = this.#nowMs();
    if (mark !== this.#seen.mark) this.#seen = { mark, sinceMs: nowMs };
    return nowMs - this.#seen.sinceMs >= DEAD_MS;
  }
}

/** Where numbers of processes mean the same: a host, and on Linux a namespace of it. */
function placeOf(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** True: the process that wrote it ran here, and does not run any more. */
function isGone(text: string): boolean {
  let pid: unknown;
  let since: unknown;
  try {
    // Anything may stand there.
    const told = JSON.parse(text) as { readonly [field in 'at' | 'pid' | 'since']?: unknown };
    if (told.at !== placeOf()) return false;
    ({ pid, since } = told);
  } catch {
    return false;
  }
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return false;
  // Its number may be ours now.
  if (pid === process.pid) return since !== BORN_MS;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
