// Revocations kept in a Redis that replicas share: in force here at once, shared in a millisecond, and kept for later where it is away.
import type { DriverSpec } from '../stores/driver.ts';
import {
  type KeeperListener,
  type KeeperState,
  type Kept,
  type Page,
  placeText,
  RevocationFault,
  type RevocationKeeper,
  readPlace,
} from './keeper.ts';
import { type Revocation, readRecord, renewed, textOf } from './record.ts';
import { KEEP, keysOf, NOTE, PURGE, type RevocationKeys, TAKE } from './redis-keys.ts';
import { RedisLink } from './redis-link.ts';
import { RevocationFeed } from './revocation-feed.ts';

/** How long an operator waits for Redis before he is told that others do not have it yet. */
const ASK_MS = 1000;
/** Revocations that may wait until Redis is back. */
const WAITING_MAX = 10_000;
/** Revocations that are on their way to Redis at once; more wait. */
const UNDER_WAY_MAX = 256;
/** Logins that may wait to be shared, and how many leave together. */
const LOGINS_MAX = 20_000;
const LOGINS_TOGETHER = 500;
/** Logins are gathered for so long, ms: a redirect of the browser takes longer. */
const GATHER_MS = 2;
/** How often it is tried again to share what waits, ms. */
const AGAIN_MS = 500;
/** Tries to put back what Redis has lost, half a second or more apart. */
const RESTORE_TRIES = 60;
/** Longest that a start waits for all there is. */
const START_MS = 30_000;

export interface RedisKeeperInput {
  readonly spec: DriverSpec;
  readonly prefix: string;
  /** Logins that are kept. */
  readonly entries: number;
}

interface Login {
  readonly key: string;
  readonly timeMs: number;
  readonly untilS: number;
}

export class RedisKeeper implements RevocationKeeper {
  readonly #in: RedisKeeperInput;
  readonly #keys: RevocationKeys;
  /** Asked; and the one that waits for changes, which holds up whatever is asked behind it. */
  readonly #link: RedisLink;
  readonly #feedLink: RedisLink;
  #feed: RevocationFeed | null = null;
  #listener: KeeperListener | null = null;
  #up = false;
  #closed = false;
  /** Why the feed is down, or what is asked fails; empty: neither. */
  #why = 'not connected yet';
  #askWhy = '';
  #told: boolean | null = null;
  /** By id: not shared yet. */
  readonly #waiting = new Map<string, Revocation>();
  /** On their way to Redis. */
  readonly #sending = new Set<Revocation>();
  #logins: Login[] = [];
  #loginTimer: NodeJS.Timeout | null = null;
  #againTimer: NodeJS.Timeout | null = null;
  #draining = false;

  /** Throws StoreProblem where the URL will never do. */
  constructor(input: RedisKeeperInput) {
    this.#in = input;
    this.#keys = keysOf(input.prefix);
    this.#link = new RedisLink(input.spec);
    this.#feedLink = new RedisLink(input.spec);
  }

  get state(): KeeperState {
    const synced = this.#up && this.#askWhy === '';
    const why = synced ? '' : `redis: ${this.#up ? this.#askWhy : this.#why}`;
    return { kept: 'redis', synced, why, waiting: this.#waiting.size };
  }

  start(listener: KeeperListener): Promise<void> {
    this.#listener = listener;
    return new Promise((resolve) => {
      const late = setTimeout(resolve, START_MS);
      const feed = new RevocationFeed({
        link: this.#feedLink,
        keys: this.#keys,
        listener,
        wallMs: () => this.#in.spec.clock.wallMs(),
        unshared: () => [...this.#waiting.values(), ...this.#sending],
        onUp: (up, why) => {
          this.#up = up;
          if (up && this.#waiting.size === 0) this.#askWhy = '';
          this.#why = why;
          this.#tell();
          if (up) void this.#share();
          clearTimeout(late);
          resolve();
        },
      });
      this.#feed = feed;
      void feed.follow();
    });
  }

  async keep(record: Revocation): Promise<Kept> {
    if (!this.state.synced || this.#sending.size >= UNDER_WAY_MAX) return this.#wait(record);
    this.#sending.add(record);
    try {
      const kept = await this.#send(record, false);
      // An older order of the same that still waited would only say less.
      this.#waiting.delete(record.id);
      return { ...kept, shared: true };
    } catch (error) {
      this.#failed(error);
      return this.#wait(record);
    } finally {
      this.#sending.delete(record);
    }
  }

  reread(): void {
    this.#feed?.reread();
  }

  async restore(records: readonly Revocation[]): Promise<void> {
    for (const record of records) if (!(await this.#putBack(record))) return;
  }

  /** Tries on while Redis comes up: the connection that heard of the loss may have been there before the one that is asked. */
  async #putBack(record: Revocation): Promise<boolean> {
    for (let tries = 0; tries < RESTORE_TRIES && !this.#closed; tries++) {
      try {
        await this.#link.becomeReady(ASK_MS);
        await this.#send(record, true);
        return true;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
    // It was away for long: when it is back, what it lacks is looked for again.
    return false;
  }

  async take(id: string): Promise<Revocation | null> {
    const { records, ends, count, changes } = this.#keys;
    const text = await this.#ask('EVAL', TAKE, 4, records, ends, count, changes, id);
    const waiting = this.#waiting.get(id) ?? null;
    this.#waiting.delete(id);
    return typeof text === 'string' ? (readRecord(id, text) ?? waiting) : waiting;
  }

  async page(limit: number, after: string | null): Promise<Page> {
    const { records, ends } = this.#keys;
    const start = after === null ? 0 : await this.#rankAfter(after);
    // ZREVRANGE gives texts.
    const ids = (await this.#ask('ZREVRANGE', ends, start, start + limit)) as string[];
    const more = ids.length > limit;
    if (more) ids.pop();
    if (ids.length === 0) return { records: [], next: null };
    // HMGET gives a text or null for each.
    const texts = (await this.#ask('HMGET', records, ...ids)) as (string | null)[];
    const found = ids.flatMap((id, i) => {
      const record = readRecord(id, texts[i] ?? '');
      return record === null ? [] : [record];
    });
    const last = ids.at(-1)!;
    const score = Number(await this.#ask('ZSCORE', ends, last));
    return { records: found, next: more ? placeText({ untilS: score, id: last }) : null };
  }

  /** Where a page goes on; what was lifted or renewed meanwhile may show some again. */
  async #rankAfter(after: string): Promise<number> {
    const place = readPlace(after);
    if (place === null) return 0;
    const rank = await this.#ask('ZREVRANK', this.#keys.ends, place.id);
    if (typeof rank === 'number') return rank + 1;
    return Number(await this.#ask('ZCOUNT', this.#keys.ends, `(${place.untilS}`, '+inf'));
  }

  noteLogin(key: string, timeMs: number, untilS: number): void {
    if (this.#logins.length >= LOGINS_MAX) this.#listener?.loginDropped();
    else this.#logins.push({ key, timeMs, untilS });
    this.#loginTimer ??= setTimeout(() => void this.#shareLogins(), GATHER_MS);
  }

  async purge(nowS: number): Promise<void> {
    const { records, ends } = this.#keys;
    try {
      while (Number(await this.#ask('EVAL', PURGE, 2, records, ends, nowS)) > 0);
    } catch {
      // What is left is dropped the next time; nobody goes by it.
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#feed?.close();
    if (this.#loginTimer !== null) clearTimeout(this.#loginTimer);
    if (this.#againTimer !== null) clearTimeout(this.#againTimer);
    this.#link.close();
    this.#feedLink.close();
  }

  #wait(record: Revocation): Kept {
    const old = this.#waiting.get(record.id);
    if (old === undefined && this.#waiting.size >= WAITING_MAX) {
      const why =
        'it is in force in this Limpet, but too many wait to be shared with others: order it again later';
      throw new RevocationFault('busy', why);
    }
    const kept = old === undefined ? record : renewed(old, record);
    this.#waiting.set(record.id, kept);
    this.#again();
    return { record: kept, renewed: old !== undefined, shared: false };
  }

  /** Rejects where Redis does not take it. */
  async #send(record: Revocation, onlyNew: boolean): Promise<Omit<Kept, 'shared'>> {
    const { records, ends, count, changes } = this.#keys;
    const { id } = record;
    const text = onlyNew ? null : await this.#link.ask(ASK_MS, 'HGET', records, id);
    const old = typeof text === 'string' ? readRecord(id, text) : null;
    const kept = old === null ? record : renewed(old, record);
    const words = [id, textOf(kept), kept.untilS, onlyNew ? 'new' : 'any'];
    await this.#link.ask(ASK_MS, 'EVAL', KEEP, 4, records, ends, count, changes, ...words);
    if (this.#askWhy !== '') {
      this.#askWhy = '';
      this.#tell();
    }
    return { record: kept, renewed: old !== null };
  }

  /** Shares what waits, the oldest first. */
  async #share(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (const [id, record] of this.#waiting) {
        await this.#send(record, false);
        if (this.#waiting.get(id) === record) this.#waiting.delete(id);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#draining = false;
    }
    if (this.#waiting.size > 0) this.#again();
    void this.#shareLogins();
  }

  #again(): void {
    this.#againTimer ??= setTimeout(() => {
      this.#againTimer = null;
      void this.#share();
    }, AGAIN_MS);
  }

  async #shareLogins(): Promise<void> {
    this.#loginTimer = null;
    const { logins, loginChanges } = this.#keys;
    while (this.#logins.length > 0) {
      const some = this.#logins.slice(0, LOGINS_TOGETHER);
      const untilS = some.reduce((latest, one) => Math.max(latest, one.untilS), 0);
      const ttlS = Math.max(1, untilS - Math.floor(this.#in.spec.clock.wallMs() / 1000));
      const told = some.map(({ key, timeMs }) => `${key}:${timeMs}`).join(' ');
      const pairs = some.flatMap(({ key, timeMs }) => [timeMs, key]);
      this.#logins = this.#logins.slice(LOGINS_TOGETHER);
      try {
        await this.#link.ask(
          ASK_MS,
          'EVAL',
          NOTE,
          2,
          logins,
          loginChanges,
          this.#in.entries,
          ttlS,
          told,
          ...pairs,
        );
      } catch {
        // They go out with the next that are shared, or when Redis is back.
        this.#logins = [...some, ...this.#logins];
        this.#again();
        return;
      }
    }
  }

  async #ask(command: string, ...words: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#link.ask(ASK_MS, command, ...words);
    } catch (error) {
      const { message } = error as Error; // `ask` throws nothing else
      throw new RevocationFault('away', `the Redis of revocations does not answer: ${message}`);
    }
  }

  #failed(error: unknown): void {
    this.#askWhy = (error as Error).message; // `ask` throws nothing else
    this.#tell();
  }

  #tell(): void {
    const { synced, why } = this.state;
    if (synced === this.#told) return;
    this.#told = synced;
    this.#listener?.synced(synced, why);
  }
}
