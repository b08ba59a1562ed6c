// The file of a listening unix socket: put in its place whole, and taken away only by whoever it still belongs to.
import { renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What the kernel takes of a path, its closing NUL not counted (sys/un.h of Linux). */
const PATH_BYTES_MAX = 107;

/**
 * Where to bind a socket that is to be at `path`. It is moved there by `SocketFile.place`: so clients meet the old socket or the new one,
 * never none, and closing the server, which removes the name that was bound, cannot remove a successor's file. `path` itself where no other
 * name is short enough.
 */
export function nameBeside(path: string): string {
  const beside = join(dirname(path), `.${basename(path).slice(0, 1)}${process.pid.toString(36)}`);
  return Buffer.byteLength(beside) > PATH_BYTES_MAX ? path : beside;
}

/** A file that a listening socket of ours is reached by. */
export class SocketFile {
  readonly path: string;
  readonly #inode: number;

  private constructor(path: string) {
    this.path = path;
    this.#inode = inodeOf(path);
  }

  /** The socket that was bound at `bound`, moved to `path`. Throws the system's error. */
  static place(bound: string, path: string): SocketFile {
    if (bound !== path) renameSync(bound, path);
    return new SocketFile(path);
  }

  /** The file of a socket that was taken over. */
  static found(path: string): SocketFile {
    return new SocketFile(path);
  }

  /** Removes the file, unless another socket has taken its place. */
  remove(): void {
    if (this.#inode !== 0 && inodeOf(this.path) === this.#inode) rmSync(this.path, { force: true });
  }
}

/** 0: there is none. */
function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}
