// Reads the files of addresses that a config names.
import { readFileSync, statSync } from 'node:fs';
import type { FileLists } from './access-list.ts';
import { type AddressSetMemory, readBlocks } from './address-set.ts';
import type { AccessOptions } from './options.ts';

/** Largest file: a million blocks. */
export const ADDRESS_FILE_BYTES_MAX = 32 * 1024 * 1024;

/** What a file says, or why it cannot be had, in words. */
export type FileReading =
  | { readonly memory: AddressSetMemory; readonly blocks: number }
  | { readonly wrong: string };

/** Reads one. Never throws. */
export function readAddressFile(path: string): FileReading {
  try {
    if (statSync(path).size > ADDRESS_FILE_BYTES_MAX) return { wrong: 'it is too large' };
    return readBlocks(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code = 'it cannot be read' } = error as NodeJS.ErrnoException; // fs gives nothing else
    return { wrong: code === 'ENOENT' ? 'it does not exist' : code };
  }
}

/** Every file that one of `accesses` names, each once. */
export function filesOf(accesses: readonly (AccessOptions | null)[]): string[] {
  const lists = accesses.flatMap((access) => (access === null ? [] : [access.allow, access.deny]));
  return [...new Set(lists.flatMap((list) => list?.files ?? []))];
}

/** Reads those that can be read. */
export function readLists(files: readonly string[]): FileLists {
  return new Map(
    files.flatMap((file) => {
      const reading = readAddressFile(file);
      return 'wrong' in reading ? [] : [[file, reading.memory] as const];
    }),
  );
}
