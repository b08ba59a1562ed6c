// The folder that an authority's account and certificates live in: files that are whole or not there, and nobody else's to read.
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** No file here is larger; what is, is not ours. */
const FILE_BYTES_MAX = 256 * 1024;

const DRAFT = /^\.[0-9a-f]{18}\.new$/;
const newDraft = (): string => `.${randomBytes(9).toString('hex')}.new`;

/** All methods throw what `fs` throws, but where they say otherwise. Synchronous: the files are few and small, and the thread is not the one that serves. */
export class AcmeFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** The place of the authority with this directory in `folder`; both are made where they are missing. Others may not look into it. */
  static open(folder: string, directory: string): AcmeFolder {
    const hash = createHash('sha256').update(directory).digest('hex').slice(0, 8);
    const path = join(folder, `${new URL(directory).hostname.replace(/[^\w.-]/g, '_')}-${hash}`);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700);
    return new AcmeFolder(path);
  }

  /** Names of the files that end with `end`. */
  list(end: string): string[] {
    return readdirSync(this.path).filter((name) => name.endsWith(end) && !name.startsWith('.'));
  }

  /** The text of a file; null: there is none, or none of ours. */
  read(name: string): string | null {
    let fd: number;
    try {
      fd = openSync(join(this.path, name), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    try {
      const seen = fstatSync(fd);
      const { size } = seen;
      if (!seen.isFile() || size > FILE_BYTES_MAX) return null;
      const bytes = Buffer.alloc(size);
      return bytes.toString('utf8', 0, readSync(fd, bytes, 0, size, 0));
    } finally {
      closeSync(fd);
    }
  }

  /** Puts a file in place of what was there: whoever reads it finds the old text or the new one, whole, also after a power cut. */
  write(name: string, text: string): void {
    const draft = this.#draft(text);
    try {
      renameSync(draft, join(this.path, name));
    } catch (error) {
      unlinkSync(draft);
      throw error;
    }
    this.#syncNames();
  }

  /** As `write`, unless there is one: then false. Of several who try at once one succeeds. */
  create(name: string, text: string): boolean {
    const draft = this.#draft(text);
    try {
      linkSync(draft, join(this.path, name));
      this.#syncNames();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      unlinkSync(draft);
    }
  }

  /** Nothing happens where there is none. */
  remove(name: string): void {
    try {
      unlinkSync(join(this.path, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Gives a file another name; false: there is none any more. */
  rename(name: string, to: string): boolean {
    try {
      renameSync(join(this.path, name), join(this.path, to));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Lets a file be found under another name too, in place of what had that: what replaces either leaves the other. False: there is none. */
  keepAs(name: string, kept: string): boolean {
    const draft = newDraft();
    try {
      linkSync(join(this.path, name), join(this.path, draft));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    try {
      renameSync(join(this.path, draft), join(this.path, kept));
    } finally {
      // Still there after a failure, and where both are one file already (POSIX rename does nothing then).
      this.remove(draft);
    }
    return true;
  }

  /** Changes what `markOf` says of a file. */
  touch(name: string): void {
    const now = new Date();
    utimesSync(join(this.path, name), now, now);
  }

  /** How long ago a file was changed; null: there is none. */
  ageMs(name: string): number | null {
    const seen = statSync(join(this.path, name), { throwIfNoEntry: false });
    return seen === undefined ? null : Date.now() - seen.mtimeMs;
  }

  /** What any change of a file shows by; '' where there is none. */
  markOf(name: string): string {
    const seen = statSync(join(this.path, name), { throwIfNoEntry: false });
    return seen === undefined ? '' : `${seen.ino} ${seen.size} ${seen.mtimeMs}`;
  }

  /** Takes away what processes left that were killed while they wrote, once it is as old as this. */
  sweepDrafts(ageMs: number): void {
    for (const name of readdirSync(this.path))
      if (DRAFT.test(name) && (this.ageMs(name) ?? 0) > ageMs) this.remove(name);
  }

  #draft(text: string): string {
    const path = join(this.path, newDraft());
    const fd = openSync(path, 'wx', 0o600);
    try {
      // Goes on where the disk took but a piece, until it takes all or says why it does not.
      writeFileSync(fd, text);
      fsyncSync(fd);
    } catch (error) {
      unlinkSync(path);
      throw error;
    } finally {
      closeSync(fd);
    }
    return path;
  }

  #syncNames(): void {
    const fd = openSync(this.path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
