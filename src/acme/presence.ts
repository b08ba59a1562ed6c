// Whether somebody else looks into the same folder now: only then an order has to wait until he answers for it too.
import type { AcmeFolder } from './acme-folder.ts';

/** Its holder touches its mark this often; one that is so much older than ours is a dead process's, ms: clocks of machines may differ by less. */
const TOUCH_MS = 10_000;
const DEAD_MS = 60_000;
const END = '.here';

/** The mark of one process in one folder. */
export class Presence {
  readonly #folder: AcmeFolder;
  readonly #name: string;
  readonly #nowMs: () => number;
  #touchedMs = Number.NEGATIVE_INFINITY;

  /** `id`: no other process has it. `nowMs`: monotonic. */
  constructor(folder: AcmeFolder, id: string, nowMs: () => number) {
    this.#folder = folder;
    this.#name = `${id}${END}`;
    this.#nowMs = nowMs;
  }

  /** To be called every second or so. Throws what `fs` throws, as the others do. */
  show(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#touchedMs < TOUCH_MS) return;
    this.#touchedMs = nowMs;
    if (this.#folder.ageMs(this.#name) === null) this.#folder.write(this.#name, '');
    else this.#folder.touch(this.#name);
  }

  /** Takes the marks of the dead away. */
  othersHere(): boolean {
    this.#touchedMs = Number.NEGATIVE_INFINITY;
    this.show();
    const ownMs = this.#folder.ageMs(this.#name) ?? 0;
    let others = false;
    for (const name of this.#folder.list(END)) {
      const ageMs = name === this.#name ? null : this.#folder.ageMs(name);
      if (ageMs === null) continue;
      if (ageMs - ownMs < DEAD_MS) others = true;
      else this.#folder.remove(name);
    }
    return others;
  }

  leave(): void {
    this.#touchedMs = Number.NEGATIVE_INFINITY;
    this.#folder.remove(this.#name);
  }
}
