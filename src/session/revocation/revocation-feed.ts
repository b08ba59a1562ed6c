// What other replicas revoke, as it happens: everything is read once, then the stream of changes is followed, and a gap begins anew.
import { DigestWords } from './digest-words.ts';
import type { KeeperListener } from './keeper.ts';
import { type RevocationCore, readCore } from './record.ts';
import { readSlice } from './record-slice.ts';
import { type RevocationKeys, SLICE } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';

/** Longest that a reading of the stream waits for something new: as long as it takes at most to see that Redis hangs. */
const BLOCK_MS = 1000;
/** Redis answers such a reading in its time, or it hangs. */
const READ_MS = 3000;
/** Longest that one piece of all there is may take. */
const SCAN_MS = 10_000;
const SCAN_COUNT = 2000;
/** After a failure, ms. */
const PAUSE_MS = 100;
/** Between two readings of everything, ms: whoever writes nonsense into the stream must not keep us busy. */
const RELOAD_PAUSE_MS = 1000;
/** How often it is looked whether Redis has lost anything, or changes that the stream does not tell, ms. */
const LOOK_MS = 2000;

/** An answer that took longer does not say what time it was, ms. */
const TIME_MS = 200;

/** A change does not follow on the last one. */
class Gap extends Error {}

type Entry = readonly [id: string, fields: ReadonlyMap<string, string>];

export interface FeedInput {
  readonly link: RedisLink;
  readonly keys: RevocationKeys;
  readonly listener: KeeperListener;
  /** Our wall clock, ms. */
  readonly wallMs: () => number;
  /** What was ordered here and may not be in Redis yet. */
  readonly unshared: () => readonly RevocationCore[];
  /** Redis answers and all is known, or no longer, and why. */
  readonly onUp: (up: boolean, why: string) => void;
}

export class RevocationFeed {
  readonly #in: FeedInput;
  /** The last changes that were read, by their ids in the streams; null: nothing was read yet, or too much was missed. */
  #changeId: string | null = null;
  #loginId: string | null = null;
  /** Number of the last change that was read. */
  #number = 0;
  /** The highest that ever was: less in Redis means that it has lost some. */
  #highest = 0;
  #reloadedMs = Number.NEGATIVE_INFINITY;
  #lookedMs = 0;
  /** The last change that was read when Redis had had more of them; −1: it had not. */
  #behind = -1;
  #wantsAll = false;
  #closed = false;
  readonly #words = new DigestWords();

  constructor(input: FeedInput) {
    this.#in = input;
  }

  /** Until `close`. Never rejects. */
  async follow(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#in.link.becomeReady(READ_MS);
        await this.#compareClocks();
        await this.#catchUp();
        if (this.#closed) return;
        this.#in.onUp(true, '');
        for (;;) await this.#read();
      } catch (error) {
        if (this.#closed) return;
        if (error instanceof Gap) {
          this.#changeId = null;
          continue;
        }
        this.#in.onUp(false, (error as Error).message); // nothing else is thrown here
        await pause(PAUSE_MS);
      }
    }
  }

  /** Everything is read once more, after the changes that come next. */
  reread(): void {
    this.#wantsAll = true;
  }

  close(): void {
    this.#closed = true;
  }

  /** Goes on where the stream still has the last change that was read, else reads everything. */
  async #catchUp(): Promise<void> {
    const { changes, loginChanges } = this.#in.keys;
    if (this.#changeId === null || !(await this.#isThere(changes, this.#changeId))) await this.#reload();
    if (this.#loginId === null || !(await this.#isThere(loginChanges, this.#loginId)))
      await this.#reloadLogins();
  }

  async #isThere(stream: string, id: string): Promise<boolean> {
    return entriesOf(await this.#in.link.ask(READ_MS, 'XRANGE', stream, id, id)).length === 1;
  }

  async #reload(): Promise<void> {
    const { link, keys, listener } = this.#in;
    const waitMs = this.#reloadedMs + RELOAD_PAUSE_MS - performance.now();
    if (waitMs > 0) await pause(waitMs);
    this.#reloadedMs = performance.now();
    listener.reloading();
    this.#wantsAll = false;
    const unshared = this.#in.unshared();
    // First where the stream stands: what changes while everything is read is read once more from there.
    const [tail] = entriesOf(await link.ask(READ_MS, 'XREVRANGE', keys.changes, '+', '-', 'COUNT', 1));
    const count = Number((await link.ask(READ_MS, 'GET', keys.count)) ?? 0);
    const number = Number(tail?.[1].get('n') ?? count);
    await this.#scanRecords();
    for (const core of unshared) listener.core(core);
    const lost = number < this.#highest;
    this.#changeId = tail?.[0] ?? '0-0';
    this.#number = Number.isSafeInteger(number) ? number : 0;
    this.#highest = this.#number;
    listener.reloaded(lost);
  }

  async #reloadLogins(): Promise<void> {
    const { link, keys, listener } = this.#in;
    const [tail] = entriesOf(await link.ask(READ_MS, 'XREVRANGE', keys.loginChanges, '+', '-', 'COUNT', 1));
    await this.#scan('ZSCAN', keys.logins, (key, time) => this.#noted(key, time, listener));
    this.#loginId = tail?.[0] ?? '0-0';
  }

  /** Reads all records, while Redis already gathers the next ones. */
  async #scanRecords(): Promise<void> {
    const { link, keys, listener } = this.#in;
    const ask = (cursor: string): Promise<unknown> => {
      const asked = link.askBytes(SCAN_MS, 'EVAL', SLICE, 1, keys.records, cursor, SCAN_COUNT);
      // Where the slice before it fails, nobody waits for it.
      asked.catch(() => {});
      return asked;
    };
    let cursor = '0';
    let asked = ask(cursor);
    do {
      const [next, count, bytes] = (await asked) as [Buffer, number, Buffer]; // as the script answers
      const from = cursor;
      cursor = next.toString();
      if (cursor !== '0') asked = ask(cursor);
      if (!readSlice(bytes, count, this.#words, listener)) await this.#scanOddly(from);
    } while (cursor !== '0' && !this.#closed);
  }

  /** One slice in which something is that nobody of us wrote. */
  async #scanOddly(cursor: string): Promise<void> {
    const { link, keys, listener } = this.#in;
    const reply = await link.ask(SCAN_MS, 'HSCAN', keys.records, cursor, 'COUNT', SCAN_COUNT);
    const [, pairs] = reply as [string, string[]]; // as the command answers
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const core = readCore(pairs[i]!, pairs[i + 1]!);
      if (core === null) listener.garbage();
      else listener.core(core);
    }
  }

  async #scan(command: string, key: string, each: (name: string, value: string) => void): Promise<void> {
    let cursor = '0';
    do {
      const reply = await this.#in.link.ask(SCAN_MS, command, key, cursor, 'COUNT', SCAN_COUNT);
      const [next, pairs] = reply as [string, string[]]; // as these two commands answer
      for (let i = 0; i + 1 < pairs.length; i += 2) each(pairs[i]!, pairs[i + 1]!);
      cursor = next;
    } while (cursor !== '0' && !this.#closed);
  }

  /** Waits for changes, and takes them in. */
  async #read(): Promise<void> {
    const { link, keys } = this.#in;
    const from = [this.#changeId ?? '0-0', this.#loginId ?? '0-0'];
    const words = ['COUNT', 1000, 'BLOCK', BLOCK_MS, 'STREAMS', keys.changes, keys.loginChanges, ...from];
    const reply = await link.ask(READ_MS, 'XREAD', ...words);
    for (const [stream, entries] of streamsOf(reply)) {
      for (const entry of entries) {
        if (stream === keys.changes) this.#change(entry);
        else this.#logins(entry);
      }
    }
    if (performance.now() - this.#lookedMs >= LOOK_MS) await this.#look();
    if (this.#wantsAll) throw new Gap();
  }

  /** A Redis that was emptied says nothing of it, and nor does a stream that was deleted. */
  async #look(): Promise<void> {
    this.#lookedMs = performance.now();
    await this.#compareClocks();
    const count = Number((await this.#in.link.ask(READ_MS, 'GET', this.#in.keys.count)) ?? 0);
    const isBehind = count > this.#number;
    // What the stream still holds would have come by the next look.
    if (count < this.#number || (isBehind && this.#behind === this.#number)) throw new Gap();
    this.#behind = isBehind ? this.#number : -1;
  }

  /** How far its clock is ahead of ours, to half of what the answer took. */
  async #compareClocks(): Promise<void> {
    const { link, listener, wallMs } = this.#in;
    const [beganMs, ourMs] = [performance.now(), wallMs()];
    let told: unknown;
    try {
      told = await link.ask(READ_MS, 'TIME');
    } catch {
      // Not permitted: we go by our own. If it hangs, the next question tells.
      return;
    }
    const tookMs = performance.now() - beganMs;
    if (!Array.isArray(told) || tookMs > TIME_MS) return;
    const aheadMs = Number(told[0]) * 1000 + Number(told[1]) / 1000 - (ourMs + tookMs / 2);
    if (Number.isFinite(aheadMs)) listener.clock(Math.abs(aheadMs) <= tookMs ? 0 : aheadMs);
  }

  #change([id, fields]: Entry): void {
    const { listener } = this.#in;
    const number = Number(fields.get('n'));
    if (!Number.isSafeInteger(number)) {
      this.#changeId = id;
      listener.garbage();
      return;
    }
    if (number !== this.#number + 1) throw new Gap();
    this.#changeId = id;
    this.#number = number;
    this.#highest = Math.max(this.#highest, number);
    const core = readCore(fields.get('id') ?? '', fields.get('text') ?? '');
    if (core === null) listener.garbage();
    else if (fields.has('gone')) this.#lifted(core);
    else listener.core(core);
  }

  /** What was ordered here since is on its way, and stays in force. */
  #lifted(core: RevocationCore): void {
    const { listener, unshared } = this.#in;
    listener.lifted(core);
    for (const own of unshared()) if (own.id === core.id) listener.core(own);
  }

  #logins([id, fields]: Entry): void {
    this.#loginId = id;
    for (const word of (fields.get('logins') ?? '').split(' ')) {
      const [key = '', time = ''] = word.split(':');
      this.#noted(key, time, this.#in.listener);
    }
  }

  #noted(key: string, time: string, listener: KeeperListener): void {
    if (/^[\w-]{22}$/.test(key) && /^\d{1,15}$/.test(time)) listener.noted(key, Number(time));
    else listener.garbage();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The entries in a reply of XRANGE and the like. */
function entriesOf(reply: unknown): Entry[] {
  if (!Array.isArray(reply)) return [];
  return reply.map((one: [string, string[]]) => {
    const [id, words] = one;
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < words.length; i += 2) fields.set(words[i]!, words[i + 1]!);
    return [id, fields];
  });
}

function streamsOf(reply: unknown): [stream: string, entries: Entry[]][] {
  // Nothing is new.
  if (!Array.isArray(reply)) return [];
  return reply.map(([stream, entries]: [string, unknown]) => [stream, entriesOf(entries)]);
}
