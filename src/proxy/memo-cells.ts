// Memory for what client connections remember, side by side: a piece of its own for each would be several places to fetch it from.

/** A cell holds the credentials of one user and what the app is told of him, bytes. What needs more gets memory of its own. */
export const CELL_BYTES = 512;
const CELLS = 128;

/** Cells of one stretch of memory. Not zeroed: whoever takes one knows how much of it he has written. */
export class CellBlock {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Where the free cells begin. */
  readonly #free: number[] = [];
  readonly #cells: number;

  constructor(cellBytes = CELL_BYTES, cells = CELLS) {
    this.bytes = Buffer.allocUnsafeSlow(cellBytes * cells);
    this.view = new DataView(this.bytes.buffer);
    this.#cells = cells;
    for (let at = this.bytes.length - cellBytes; at >= 0; at -= cellBytes) this.#free.push(at);
  }

  get isFull(): boolean {
    return this.#free.length === 0;
  }

  get isUnused(): boolean {
    return this.#free.length === this.#cells;
  }

  /** Where a cell begins that is the caller's from now on. Only where it is not full. */
  take(): number {
    return this.#free.pop()!;
  }

  give(at: number): void {
    this.#free.push(at);
  }
}

/** All cells of a thread: as many blocks as its connections need at the time, and one more at most. */
export class MemoCells {
  /** Those with room. */
  readonly #roomy: CellBlock[] = [];

  /** A block with room for a cell, which is then taken of it. */
  blockWithRoom(): CellBlock {
    const last = this.#roomy.at(-1);
    if (last !== undefined && !last.isFull) return last;
    if (last !== undefined) this.#roomy.pop();
    if (this.#roomy.length === 0) this.#roomy.push(new CellBlock());
    // What is full is taken out when it is met; below it none is.
    return this.blockWithRoom();
  }

  /** Takes back the cell that begins at `at`. */
  giveBack(block: CellBlock, at: number): void {
    const wasFull = block.isFull;
    block.give(at);
    if (wasFull && !this.#roomy.includes(block)) this.#roomy.push(block);
    else if (block.isUnused && this.#roomy.length > 1) this.#roomy.splice(this.#roomy.indexOf(block), 1);
  }
}
