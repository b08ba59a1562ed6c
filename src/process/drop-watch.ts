// Says in the log when lines begin to be lost, and when no more are: twice, however many they were.
import type { Logger } from '../observe/logger.ts';

/** So many looks without another loss, and it is over. */
const QUIET_LOOKS = 5;

/** Why a log cannot be written. */
export interface LogTrouble {
  /** The system's code. */
  readonly code: string;
  /** Null: stdout. */
  readonly file: string | null;
}

export class DropWatch {
  readonly #urgently: (say: () => void) => void;
  readonly #log: Pick<Logger, 'warn' | 'info'>;
  #dropped = 0;
  /** What was dropped before it began; −1: nothing is being lost. */
  #since = -1;
  #quiet = 0;

  /** `urgently`: has written what is said within, although the log is full. */
  constructor(urgently: (say: () => void) => void, log: Pick<Logger, 'warn' | 'info'>) {
    this.#urgently = urgently;
    this.#log = log;
  }

  /** To be called every second. `dropped`: lines since start; `trouble`: what cannot be written just now. */
  look(dropped: number, trouble: LogTrouble | null): void {
    const bad = dropped > this.#dropped || trouble !== null;
    if (bad) {
      if (this.#since < 0) {
        this.#since = this.#dropped;
        const fields = trouble === null ? {} : { code: trouble.code, file: trouble.file ?? 'stdout' };
        const text =
          trouble === null
            ? 'log lines are dropped: whoever reads the log is slower than it grows'
            : 'a log cannot be written; its lines wait, then they are dropped';
        this.#urgently(() => this.#log.warn(fields, text));
      }
      this.#quiet = 0;
    } else if (this.#since >= 0 && ++this.#quiet === QUIET_LOOKS) {
      const lost = dropped - this.#since;
      this.#urgently(() => this.#log.info({ lost }, 'the log can be written again'));
      this.#since = -1;
    }
    this.#dropped = dropped;
  }
}
