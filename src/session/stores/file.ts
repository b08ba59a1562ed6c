// Sessions in a folder, a file for each: what PHP, Laravel and Django write where nobody configured a store.
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Query, STORED_BYTES_MAX, type StoredValue, StoreFault } from '../store.ts';
import { codeOf, type DriverSpec, type StoreDriver } from './driver.ts';
import { StoreProblem } from './store-url.ts';

/** Opens a folder; it need not be there yet. Throws StoreProblem. */
export async function openFile(spec: DriverSpec): Promise<StoreDriver> {
  if (spec.replicas) throw new StoreProblem('a folder has no replicas', 'replicas: false');
  if (spec.tls !== null) throw new StoreProblem('a folder is not reached by TLS', 'leave `tls` out');
  return new FileStore(resolve(spec.folder, spec.url.path));
}

const NO_CELLS: StoredValue['cells'] = new Map();
/** No link is followed, since a link leads out of the folder; a pipe is not waited for. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Errors that say that there can be no such file. */
const NONE: readonly string[] = ['ENOENT', 'ENAMETOOLONG', 'EINVAL'];
/** Errors that say that under this name is something that no framework writes. */
const ODD: readonly string[] = ['ELOOP', 'EMLINK', 'ENXIO', 'EISDIR'];

class FileStore implements StoreDriver {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (query.kind !== 'value') throw new StoreFault('malformed', 'a folder holds values only');
    if (!isFileName(query.key)) return null;
    let file: FileHandle | null = null;
    try {
      file = await open(`${this.#folder}/${query.key}`, FLAGS);
      return await read(file);
    } catch (error) {
      if (error instanceof StoreFault) throw error;
      const code = codeOf(error);
      if (ODD.includes(code)) throw odd();
      if (!NONE.includes(code)) throw new StoreFault('down', `file: ${code}`);
    } finally {
      await file?.close().catch(() => {});
    }
    // A folder that is not there, such as a volume that is not mounted, is no sign that nobody is logged in.
    await this.ping();
    return null;
  }

  async ping(): Promise<void> {
    const found = await stat(this.#folder).catch((error: unknown) => {
      throw new StoreFault('down', `file: the folder: ${codeOf(error)}`);
    });
    if (!found.isDirectory()) throw new StoreFault('down', 'file: the folder is a file');
  }

  async close(): Promise<void> {}
}

async function read(file: FileHandle): Promise<StoredValue> {
  const { size, mtimeMs, isFile } = await file.stat().then((found) => ({
    size: found.size,
    mtimeMs: found.mtimeMs,
    isFile: found.isFile(),
  }));
  if (!isFile) throw odd();
  // One more than it had, so that one that grows meanwhile is seen to.
  const bytes = Buffer.allocUnsafe(Math.min(size, STORED_BYTES_MAX) + 1);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length > STORED_BYTES_MAX) throw new StoreFault('malformed', 'file: longer than the bound');
  if (length !== size) throw new StoreFault('malformed', 'file: it changed while it was read');
  return {
    bytes: bytes.subarray(0, length),
    cells: NO_CELLS,
    flags: 0,
    mtimeS: mtimeMs / 1000,
    endsAtS: null,
  };
}

function odd(): StoreFault {
  return new StoreFault('malformed', 'file: a link, a folder or a device stands under that name');
}

/** A name within the folder, and none that hides. Backslashes are separators to some systems and to some people. */
function isFileName(key: string): boolean {
  return key !== '' && !key.startsWith('.') && !/[/\\\0]/.test(key);
}
