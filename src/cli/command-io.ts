// What a command may touch: it gets its streams, environment and folder as arguments, so that tests run it in place.

import type { Screen } from './screen.ts';

export interface CommandIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** All that is written to it, without the last line end; what is longer than 64 KiB is cut. Left out: there is nobody to write. */
  readonly stdin?: () => Promise<string>;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** True when stderr is a terminal that shows colours. */
  readonly color?: boolean;
  /** True when stderr is a terminal, where a line may be written over. */
  readonly terminal?: boolean;
  /** Takes the terminal at stdout; null where there is none. */
  readonly screen?: () => Screen | null;
  /** The help of any command (`sessions`), or of one with a further word (`sessions revoke`). */
  readonly helpOf?: (command: string) => Promise<string>;
}

/** What every file of a command exports: what `--help` prints, and its exit code, once it is done. */
export interface Command {
  readonly HELP: string;
  run(argv: string[], io: CommandIo): Promise<number>;
}
