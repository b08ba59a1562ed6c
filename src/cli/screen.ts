// A terminal that a command has to itself for a while: a screen of its own, keys as they are pressed, and everything as it was afterwards.
import { writeSync } from 'node:fs';

export interface Screen {
  /** As it is now; a terminal may be made larger or smaller meanwhile. */
  readonly columns: number;
  readonly rows: number;
  /** Shows these lines in place of those before. What is below the last row is not shown. */
  draw(lines: readonly string[]): void;
  /** Resolves once somebody wants to leave: by q, Ctrl-C, Ctrl-D, or a signal. */
  readonly left: Promise<void>;
  /** Called when its size has changed. */
  onResize: () => void;
  /** Gives the terminal back as it was. Also done at the end of the process, however it ends, short of SIGKILL. */
  close(): void;
}

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const LEAVING = new Set(['q', 'Q', '\u0003', '\u0004']);

/** Takes the terminal at stdout; null where there is none. */
export function openScreen(): Screen | null {
  const { stdin, stdout } = process;
  if (!stdout.isTTY) return null;
  let open = true;
  let leave = (): void => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const onKeys = (keys: Buffer): void => {
    for (const key of keys.toString('latin1')) if (LEAVING.has(key)) leave();
  };
  const onResize = (): void => screen.onResize();
  const restore = (): void => {
    if (!open) return;
    open = false;
    if (stdin.isTTY) stdin.setRawMode(false);
    // At once: at the end of a process nothing is written later.
    writeSync(stdout.fd, LEAVE);
  };
  const screen: Screen = {
    get columns() {
      return stdout.columns;
    },
    get rows() {
      return stdout.rows;
    },
    draw(lines) {
      const shown = lines.slice(0, stdout.rows).map((line) => `${line}${REST_OF_LINE}`);
      stdout.write(`${HOME}${shown.join('\n')}${REST_OF_SCREEN}`);
    },
    left,
    onResize: () => {},
    close() {
      restore();
      process.off('exit', restore);
      for (const name of SIGNALS) process.off(name, leave);
      stdout.off('resize', onResize);
      stdin.off('data', onKeys);
      stdin.off('end', leave);
      stdin.pause();
    },
  };
  process.on('exit', restore);
  for (const name of SIGNALS) process.on(name, leave);
  stdout.on('resize', onResize);
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', onKeys);
  stdin.on('end', leave);
  stdout.write(ENTER);
  return screen;
}
