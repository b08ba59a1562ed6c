// Clears the folder of control sockets of what processes left there that were killed: each left a file that nobody listens on.
import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Names that `controlPath` gives, and those that they have for a moment before (`nameBeside`). */
const NAMES = /^(?:[0-9a-f]{16}\.sock|\.[0-9a-f][0-9a-z]{1,8})$/;
/** Files that are looked at; the next start looks on. */
const LOOKS_MAX = 200;
/** A file that is younger may be of a process that has bound it and does not listen yet, ms. */
const AGE_MS = 60_000;
/** One that does not say within this whether it takes connections is left alone, ms. */
const WAIT_MS = 1000;

/**
 * Removes the sockets in `folder` that are this user's, carry such a name, and refuse connections. Resolves to how many there were; never
 * rejects: what cannot be removed does no harm.
 */
export async function sweepControlSockets(folder: string): Promise<number> {
  let removed = 0;
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const inode = staleInode(path);
    if (inode === 0 || !(await refuses(path))) continue;
    try {
      // Another process may have put its own in the place meanwhile.
      if (staleInode(path) !== inode) continue;
      unlinkSync(path);
      removed++;
    } catch {
      // Somebody else swept it.
    }
  }
  return removed;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => NAMES.test(name))
      .slice(0, LOOKS_MAX);
  } catch {
    return [];
  }
}

/** 0: it is no socket of ours that has been there for long. */
function staleInode(path: string): number {
  const seen = lstatSync(path, { throwIfNoEntry: false });
  if (seen === undefined || !seen.isSocket() || seen.uid !== process.getuid?.()) return 0;
  return Date.now() - seen.mtimeMs < AGE_MS ? 0 : seen.ino;
}

function refuses(path: string): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(path);
    const done = (refused: boolean): void => {
      socket.destroy();
      settle(refused);
    };
    socket.setTimeout(WAIT_MS, () => done(false));
    socket.once('connect', () => done(false));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code === 'ECONNREFUSED'));
  });
}
