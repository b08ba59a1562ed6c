// A line on a terminal that is written over, and sentences above it; elsewhere the sentences alone.
import type { CommandIo } from './command-io.ts';

export class ProgressLine {
  readonly #io: CommandIo;
  readonly #name: string;
  #shown = false;

  /** `name`: of the command, which begins each sentence. */
  constructor(io: CommandIo, name: string) {
    this.#io = io;
    this.#name = name;
  }

  show(text: string): void {
    if (!this.#io.terminal) return;
    this.#io.stderr(`\r\u001b[2K${text}`);
    this.#shown = true;
  }

  say(sentence: string): void {
    this.clear();
    this.#io.stderr(`${this.#name}: ${sentence}\n`);
  }

  clear(): void {
    if (this.#shown) this.#io.stderr('\r\u001b[2K');
    this.#shown = false;
  }
}
