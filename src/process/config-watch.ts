// Sees that the config's file has changed, or one that it takes secrets or pages from, and lies still again.
import { dirname, resolve } from 'node:path';
import type { Timer, Timers } from '../base/timers.ts';
import { FileWatch } from '../certificates/file-watch.ts';
import type { ConfigLoader, LoadResult } from '../config/load.ts';

/**
 * How often the files are looked at, ms; a change is taken up when nothing has moved for one look more. Because: a look sees whatever a
 * notice of the system's would, also where there is none (network file systems), and whatever the way to change a file is: written in
 * place, in halves; renamed over the old one; a link that now leads elsewhere, as Kubernetes swaps `..data`. It costs some microseconds.
 */
const LOOK_MS = 500;

export interface ConfigWatchInput {
  readonly file: string;
  readonly load: ConfigLoader;
  readonly timers: Timers;
  readonly onChange: () => void;
}

/** Main thread. */
export class ConfigWatch {
  readonly #in: ConfigWatchInput;
  readonly #files: FileWatch;
  #timer: Timer | null = null;

  constructor(input: ConfigWatchInput) {
    this.#in = input;
    this.#files = new FileWatch([input.file]);
  }

  /** Loads the file, which as it is now is not to be taken up once more. */
  load(): LoadResult {
    // Before it is read: what changes meanwhile is a change.
    this.#files.look();
    const loaded = this.#in.load();
    const { file } = this.#in;
    this.#files.isRead([file, ...(loaded.files ?? []).map((path) => resolve(dirname(file), path))]);
    return loaded;
  }

  /** Whether it looks from now on. */
  set on(on: boolean) {
    if (on === (this.#timer !== null)) return;
    this.#timer?.cancel();
    this.#timer = on ? this.#next() : null;
  }

  #next(): Timer {
    return this.#in.timers.after(LOOK_MS, () => {
      this.#timer = this.#next();
      if (this.#files.look()) this.#in.onChange();
    });
  }
}
