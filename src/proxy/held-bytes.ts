// Bytes of a client that cannot be used yet: a head that is not complete, or what follows the request under way.

/** The least that is allocated: most heads that come in pieces fit. */
const FIRST_BYTES = 512;

/** Grows as needed and holds no memory while empty; whoever adds keeps the bound. */
export class HeldBytes {
  length = 0;
  #bytes: Uint8Array | null = null;

  get empty(): boolean {
    return this.#bytes === null;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    const n = end - start;
    const need = this.length + n;
    let held = this.#bytes;
    if (held === null || held.length < need) {
      const grown = new Uint8Array(Math.max(FIRST_BYTES, held === null ? n : need * 2));
      if (held !== null) grown.set(held.subarray(0, this.length));
      held = grown;
      this.#bytes = held;
    }
    held.set(bytes.subarray(start, end), this.length);
    this.length = need;
  }

  /** Gives all that is held to the caller, and is empty: the bytes, of which as many count as `length` said before. Null: there are none. */
  take(): Uint8Array | null {
    const bytes = this.#bytes;
    this.#bytes = null;
    this.length = 0;
    return bytes;
  }
}
