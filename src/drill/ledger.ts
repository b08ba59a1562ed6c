// The ledgers of a drill: texts outside the apps in which each write stands once for each time that it was handled.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ask } from '../admin/ask.ts';
import { DrillError } from './drill-error.ts';
import type { Ledger } from './plan.ts';

/** What is read of a ledger at most: for a file, from where it ended when the drill began. */
const BYTES_MAX = 64 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
const PATIENCE_MS = 20_000;

/** The ids of one drill: `drill-1a2b3c4d-17`. No other drill's are the same. */
export class RequestIds {
  readonly #prefix: string;

  /** `run` is eight hexadecimal digits, made for this drill. */
  constructor(run: string) {
    this.#prefix = `drill-${run}-`;
  }

  of(index: number): string {
    return `${this.#prefix}${index}`;
  }

  /** Calls `seen` with the number of every id in a text. */
  find(text: string, seen: (index: number) => void): void {
    for (let at = text.indexOf(this.#prefix); at >= 0; at = text.indexOf(this.#prefix, at + 1)) {
      const digits = /^\d{1,9}(?![\w-])/.exec(
        text.slice(at + this.#prefix.length, at + this.#prefix.length + 12),
      );
      if (digits !== null) seen(Number(digits[0]));
    }
  }
}

/** Reads one ledger when the drill is over. */
export interface LedgerReader {
  /** Calls `seen` for every id in it. Throws DrillError when it cannot be read any more. */
  read(ids: RequestIds, seen: (index: number) => void): Promise<void>;
}

/** Opens a ledger before the drill. Throws DrillError when it is not there. */
export async function openLedger(ledger: Ledger): Promise<LedgerReader> {
  if ('file' in ledger) return openFile(ledger.file);
  await textOf(ledger.url);
  return { read: async (ids, seen) => ids.find(await textOf(ledger.url), seen) };
}

async function textOf(url: URL): Promise<string> {
  const { status, text } = await ask(url, { bytesMax: BYTES_MAX, patienceMs: PATIENCE_MS });
  if (status !== 200) throw new DrillError(`the ledger ${url.href} answers ${status}`);
  return text;
}

function openFile(path: string): LedgerReader {
  const startBytes = within(path, (descriptor) => fstatSync(descriptor).size);
  const read = (ids: RequestIds, seen: (index: number) => void): void =>
    within(path, (descriptor) => {
      const { size } = fstatSync(descriptor);
      // A shorter file was begun anew meanwhile.
      let at = size < startBytes ? 0 : startBytes;
      if (size - at > BYTES_MAX)
        throw new DrillError(`the ledger ${path} grew by more than ${BYTES_MAX} bytes`);
      const bytes = Buffer.allocUnsafe(PIECE_BYTES);
      let rest = '';
      for (;;) {
        const count = readSync(descriptor, bytes, 0, bytes.length, at);
        at += count;
        const text = rest + bytes.toString('latin1', 0, count);
        const end = count === 0 ? text.length : text.lastIndexOf('\n') + 1;
        ids.find(text.slice(0, end), seen);
        rest = text.slice(end);
        if (count === 0) return;
      }
    });
  return { read: async (ids, seen) => read(ids, seen) };
}

function within<T>(path: string, use: (descriptor: number) => T): T {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // openSync throws nothing else for a path without NUL
    throw new DrillError(
      `the ledger ${path} cannot be read (${code})`,
      'file:PATH of a log that is there before the drill',
    );
  }
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
