// Sees that the files of certificates have changed and lie still again: whoever replaces a pair writes two files, one after the other.
import { statSync } from 'node:fs';

/** What is seen of a set of paths. */
export class FileWatch {
  #paths: readonly string[];
  /** As it was when it was last read. */
  #read: string;
  /** As it was at the last look. */
  #seen: string;

  constructor(paths: readonly string[]) {
    this.#paths = paths;
    this.#read = signatureOf(paths);
    this.#seen = this.#read;
  }

  /** Looks. True: something has changed since `isRead`, and nothing since the last look. */
  look(): boolean {
    const now = signatureOf(this.#paths);
    const still = now === this.#seen;
    this.#seen = now;
    return still && now !== this.#read;
  }

  /** What the last look saw has been read, also where it was no good; `paths`: what is looked at from now on. */
  isRead(paths: readonly string[]): void {
    this.#read = this.#seen;
    if (paths.length === this.#paths.length && paths.every((path, i) => path === this.#paths[i])) return;
    this.#paths = paths;
    this.#read = signatureOf(paths);
    this.#seen = this.#read;
  }
}

/** What a change of any file is seen by; links are followed, so that a swapped one counts. */
function signatureOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      try {
        const { ino, size, mtimeMs, ctimeMs } = statSync(path);
        return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
      } catch {
        return '-';
      }
    })
    .join('\n');
}
