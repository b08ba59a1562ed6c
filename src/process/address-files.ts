// Keeps the files of addresses as they are on disk: read at start, and again when one has changed and stands still.
import { statSync } from 'node:fs';
import type { Timer, Timers } from '../base/timers.ts';
import type { Config } from '../config/config.ts';
import type { FileLists } from '../limit/access-list.ts';
import { type FileReading, filesOf, readAddressFile } from '../limit/address-files.ts';
import type { AddressSetMemory } from '../limit/address-set.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';

/** How often it is looked whether a file has changed, ms. Names are followed each time, so that a symlink that is swapped is seen. */
const LOOK_MS = 1000;

export interface AddressFilesInput {
  readonly timers: Timers;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly events: Pick<EventHub, 'publish'>;
  /** These were read anew. */
  readonly onRead: (lists: FileLists) => void;
  /** How a file is read and how its state is told; for tests. */
  readonly read?: (path: string) => FileReading;
  readonly markOf?: (path: string) => string;
}

interface Kept {
  /** The state of the file that was read last, good or bad. */
  readMark: string;
  /** The state at the last look: it is read when two looks in a row agree. */
  seenMark: string;
}

/** Main thread. */
export class AddressFiles {
  readonly #in: AddressFilesInput;
  readonly #lists = new Map<string, AddressSetMemory>();
  readonly #kept = new Map<string, Kept>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(input: AddressFilesInput) {
    this.#in = input;
  }

  /** All lists as they were read last. */
  get lists(): FileLists {
    return new Map(this.#lists);
  }

  /** Keeps these files and no others from now on; those that are new are read at once. */
  use(files: readonly string[]): void {
    for (const path of this.#kept.keys()) {
      if (files.includes(path)) continue;
      this.#kept.delete(path);
      this.#lists.delete(path);
    }
    for (const path of files) {
      if (this.#kept.has(path)) continue;
      const mark = this.#markOf(path);
      this.#kept.set(path, { readMark: mark, seenMark: mark });
      this.#read(path);
    }
    if (this.#timer === null && this.#kept.size > 0) this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(): void {
    this.#timer = this.#in.timers.after(LOOK_MS, () => {
      this.#timer = null;
      if (this.#stopped) return;
      this.#look();
      if (this.#kept.size > 0) this.#later();
    });
  }

  #look(): void {
    const fresh = new Map<string, AddressSetMemory>();
    for (const [path, kept] of this.#kept) {
      const mark = this.#markOf(path);
      const still = mark === kept.seenMark;
      kept.seenMark = mark;
      // An editor may be writing it: what has not stood still for a look is left for the next.
      if (mark === kept.readMark || !still) continue;
      kept.readMark = mark;
      const memory = this.#read(path);
      if (memory !== null) fresh.set(path, memory);
    }
    if (fresh.size > 0) this.#in.onRead(fresh);
  }

  /** Null: it changes nothing, and the log has said why. */
  #read(path: string): AddressSetMemory | null {
    const { log, events } = this.#in;
    const reading = (this.#in.read ?? readAddressFile)(path);
    if ('wrong' in reading) {
      const text = `the list of addresses ${path} is not taken: ${reading.wrong}; what was read before stands`;
      log.warn({ path, why: reading.wrong }, text);
      events.publish('list', 'warn', text, { path, why: reading.wrong });
      return null;
    }
    const { memory, blocks } = reading;
    this.#lists.set(path, memory);
    const text = `the list of addresses ${path} was read: ${blocks} blocks`;
    log.info({ path, blocks }, text);
    events.publish('list', 'info', text, { path, blocks });
    return memory;
  }

  #markOf(path: string): string {
    return (this.#in.markOf ?? markOf)(path);
  }
}

/** Every file of addresses that one of these configs names. */
export function listFilesOf(...configs: readonly Config[]): string[] {
  return filesOf(configs.flatMap(({ access, routes }) => [access, ...routes.map((route) => route.access)]));
}

/** What changes when a file does. */
function markOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'none' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
}
