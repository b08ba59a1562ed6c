// Tells a service manager how we are (sd_notify(3)), and keeps the file that says which process we are.
import { spawn } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Sends `states`, such as `READY=1`, where a service manager wants to know (`NOTIFY_SOCKET`). Node has no datagram sockets of the unix kind, so
 * systemd's own `systemd-notify` sends it; the unit needs `NotifyAccess=all` for that. Where there is none, nothing is told. Never throws.
 */
export function notifyManager(env: NodeJS.ProcessEnv, states: readonly string[]): Promise<void> {
  const { NOTIFY_SOCKET, PATH } = env;
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return Promise.resolve();
  return new Promise((resolve) => {
    const child = spawn('systemd-notify', [...states], {
      env: { NOTIFY_SOCKET, ...(PATH === undefined ? {} : { PATH }) },
      stdio: 'ignore',
    });
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}

/** A file with the id of the process that serves. */
export class PidFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Says that this process serves now; in one step, so that nobody reads half of it. Throws the system's error. */
  static write(path: string): PidFile {
    const beside = `${path}.${process.pid}`;
    writeFileSync(beside, `${process.pid}\n`, { mode: 0o644 });
    renameSync(beside, path);
    return new PidFile(path);
  }

  /** Removes it, unless a successor has written it anew. */
  remove(): void {
    try {
      if (Number(readFileSync(this.#path, 'utf8')) === process.pid) rmSync(this.#path, { force: true });
    } catch {
      // It is gone already.
    }
  }
}
