// The logs of the process: the main one and that of requests, each to stdout or a file; opened, reopened, replaced at a reload, and watched for lines that are lost.
import type { LogConfig } from '../config/config.ts';
import { droppedLines, takeBatch } from '../observe/access-log.ts';
import { LogSink } from '../observe/log-sink.ts';
import { type Logger, makeLogger } from '../observe/logger.ts';
import { DropWatch } from './drop-watch.ts';
import { StartError } from './starting.ts';

/** Why a log could not be opened, for whoever configured it. */
export class LogFileError extends Error {
  override name = 'LogFileError';
}

/** The sinks of one config. */
interface Sinks {
  readonly config: LogConfig;
  readonly main: LogSink;
  /** The same one where requests are told in the main log. */
  readonly access: LogSink;
}

/** Opens what `config` names, but for what `before` has open already. Throws a LogFileError. */
function openSinks(config: LogConfig, before: readonly LogSink[]): Sinks {
  const { format } = config;
  const take = (path: string | null, key: string): LogSink =>
    before.find((sink) => sink.path === path && sink.format === format) ?? openSink(path, format, key);
  const main = take(config.file, 'log.to');
  const path = config.access === null ? config.file : config.access.file;
  if (path === config.file) return { config, main, access: main };
  try {
    return { config, main, access: take(path, 'log.access.to') };
  } catch (error) {
    if (!before.includes(main)) void main.close(0);
    throw error;
  }
}

function openSink(path: string | null, format: LogConfig['format'], key: string): LogSink {
  if (path === null) return LogSink.stdout(format);
  try {
    return LogSink.file(path, format);
  } catch (error) {
    // open throws errors of the system only.
    const { code = 'ERROR' } = error as NodeJS.ErrnoException;
    throw new LogFileError(`${key}: ${path} cannot be opened for appending: ${REASONS[code] ?? code}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'Limpet may not write there (EACCES)',
  EPERM: 'Limpet may not write there (EPERM)',
  ENOENT: 'its folder is not there (ENOENT)',
  ENOTDIR: 'what should be its folder is a file (ENOTDIR)',
  EISDIR: 'it is a folder (EISDIR)',
  EROFS: 'the disk is read-only (EROFS)',
  ENXIO: 'it is a pipe that nobody reads (ENXIO)',
};

/** Main thread. */
export class LogDesk {
  readonly log: Logger;
  readonly #accounts = new Map<number, Int32Array<SharedArrayBuffer>>();
  readonly #watch: DropWatch;
  #sinks: Sinks;
  #prepared: Sinks | null = null;
  /** Lines dropped by sinks and workers that are no more. */
  #droppedBefore = 0;
  #timer: NodeJS.Timeout | null = null;

  /** Throws a LogFileError where a file cannot be opened. */
  constructor(config: LogConfig) {
    this.#sinks = openSinks(config, []);
    this.log = makeLogger(config, { write: (line) => this.#sinks.main.write(line) });
    this.#watch = new DropWatch((say) => this.#sinks.main.urgently(say), this.log);
  }

  /** Begins to watch for lines that are lost. */
  start(): void {
    this.#timer = setInterval(() => this.look(), 1000);
    this.#timer.unref();
  }

  /** Writes what a worker shipped. */
  take(worker: number, batch: Uint8Array, account: Int32Array<SharedArrayBuffer>): void {
    const known = this.#accounts.get(worker);
    if (known !== account) {
      // The worker was replaced, and its account with it.
      if (known !== undefined) this.#droppedBefore += droppedLines(known);
      this.#accounts.set(worker, account);
    }
    takeBatch(batch, account, this.#sinks.access);
  }

  /** Lines dropped since start, over all threads. */
  get dropped(): number {
    let dropped = this.#droppedBefore;
    for (const sink of this.#all()) dropped += sink.dropped;
    for (const account of this.#accounts.values()) dropped += droppedLines(account);
    return dropped;
  }

  /** Looks whether lines were lost since the last look, and says when that begins and ends. */
  look(): void {
    const trouble = this.#all().find((sink) => sink.trouble !== null);
    this.#watch.look(
      this.dropped,
      trouble === undefined ? null : { code: trouble.trouble ?? '', file: trouble.path },
    );
  }

  /** Opens the files anew, as after a rotation (SIGUSR2). What cannot be opened stays as it is. */
  reopen(): void {
    for (const sink of this.#all()) {
      const file = sink.path;
      if (file === null) continue;
      sink.reopen((error) => {
        if (error === null) this.log.info({ file }, 'a log file was opened anew');
        else
          this.log.warn(
            { file, code: error.code },
            'a log file cannot be opened anew; lines go on into the one that was open',
          );
      });
    }
  }

  /** Opens what another config names, before anything of it is used. Throws a LogFileError; nothing has changed then. */
  prepare(config: LogConfig): void {
    this.abandon();
    this.#prepared = openSinks(config, this.#all());
  }

  /** What was prepared is in force. */
  commit(): void {
    const next = this.#prepared;
    if (next === null) return;
    const before = this.#all();
    this.#prepared = null;
    this.#sinks = next;
    this.log.level = next.config.level;
    const now = this.#all();
    for (const sink of before) if (!now.includes(sink)) this.#retire(sink);
  }

  /** What was prepared is not wanted. */
  abandon(): void {
    const next = this.#prepared;
    this.#prepared = null;
    if (next === null) return;
    const now = this.#all();
    for (const sink of new Set([next.main, next.access])) if (!now.includes(sink)) void sink.close(0);
  }

  /** Writes what is left, `deadlineMs` at the most for each. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.abandon();
    await Promise.all(this.#all().map((sink) => sink.close(deadlineMs)));
  }

  #all(): LogSink[] {
    const { main, access } = this.#sinks;
    return main === access ? [main] : [main, access];
  }

  #retire(sink: LogSink): void {
    void sink.close(RETIRE_MS).then(() => {
      this.#droppedBefore += sink.dropped;
    });
  }
}

/** The logs of a start. Throws a StartError. */
export function openLogs(config: LogConfig): LogDesk {
  try {
    const logs = new LogDesk(config);
    logs.start();
    return logs;
  } catch (error) {
    if (error instanceof LogFileError) throw new StartError(error.message);
    throw error;
  }
}

/** So long a log that a reload has given up is written to its end, ms. */
const RETIRE_MS = 5000;
