// A growable output buffer that heads and small bodies are laid out in, so that a message is one write.

/** Runs up to this length are copied by hand. */
const BY_HAND_BYTES_MAX = 48;
/** Copies between two arrays of bytes without a view of the piece in between, which would cost more than most pieces do. */
const { copy: copyBytes } = Buffer.prototype;

/**
 * Bytes being laid out for one write. Reused for many messages: `reset`, append, `view`. It grows to `maxBytes` and then
 * refuses (`overflow` becomes true and further bytes are dropped), so that no input can make it unbounded.
 */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;
  overflow = false;
  readonly maxBytes: number;
  #view: Uint8Array | null = null;
  #words: DataView | null = null;

  constructor(initialBytes = 4096, maxBytes = 1 << 20) {
    this.bytes = new Uint8Array(initialBytes);
    this.maxBytes = maxBytes;
  }

  reset(): void {
    this.length = 0;
    this.overflow = false;
  }

  /** Makes room for `extra` more bytes. False, and `overflow`, when that would pass `maxBytes`. */
  ensure(extra: number): boolean {
    const need = this.length + extra;
    if (need <= this.bytes.length) return true;
    if (need > this.maxBytes) {
      this.overflow = true;
      return false;
    }
    let size = this.bytes.length * 2;
    while (size < need) size *= 2;
    const grown = new Uint8Array(Math.min(size, this.maxBytes));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.#view = null;
    this.#words = null;
    return true;
  }

  byte(b: number): void {
    if (!this.ensure(1)) return;
    this.bytes[this.length++] = b;
  }

  /** Appends `source[start, end)`. Short runs are copied by hand: a native call costs more. */
  copy(source: Uint8Array, start: number, end: number): void {
    const n = end - start;
    if (!this.ensure(n)) return;
    const out = this.bytes;
    let at = this.length;
    if (n <= BY_HAND_BYTES_MAX) {
      for (let i = start; i < end; i++) out[at++] = source[i]!;
    } else {
      copyBytes.call(source, out, at, start, end);
      at += n;
    }
    this.length = at;
  }

  /** Appends `source[start, end)` four bytes a step: for some hundred bytes in the middle of others, of which `copy` would make a view. */
  words(source: DataView, start: number, end: number): void {
    const n = end - start;
    if (!this.ensure(n)) return;
    this.#words ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    const out = this.#words;
    let at = this.length;
    let i = start;
    for (; i + 4 <= end; i += 4, at += 4) out.setInt32(at, source.getInt32(i, true), true);
    for (; i < end; i++, at++) out.setUint8(at, source.getUint8(i));
    this.length = at;
  }

  /** Appends a whole prepared block, such as a constant field line. */
  block(source: Uint8Array): void {
    this.copy(source, 0, source.length);
  }

  /** Drops everything after the first `length` bytes. */
  truncate(length: number): void {
    this.length = length;
  }

  /** Appends a string's low bytes (latin1). For short values; constants are prepared as blocks. */
  latin1(text: string): void {
    if (!this.ensure(text.length)) return;
    const out = this.bytes;
    let at = this.length;
    for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i) & 0xff;
    this.length = at;
  }

  /** Appends a non-negative safe integer in decimal. */
  decimal(value: number): void {
    if (!this.ensure(16)) return;
    if (value < 10) {
      this.bytes[this.length++] = 48 + value;
      return;
    }
    let digits = 1;
    for (let v = value; v >= 10; v = Math.floor(v / 10)) digits++;
    let at = this.length + digits;
    this.length = at;
    let rest = value;
    do {
      const next = Math.floor(rest / 10);
      this.bytes[--at] = 48 + (rest - next * 10);
      rest = next;
    } while (rest > 0);
  }

  /** Appends a non-negative safe integer in lower-case hex, without leading zeros. */
  hex(value: number): void {
    this.latin1(value.toString(16));
  }

  /** Appends `n` bytes of `source` from `start` as lower-case hex pairs. */
  hexBytes(source: Uint8Array, start: number, n: number): void {
    if (!this.ensure(n * 2)) return;
    const out = this.bytes;
    let at = this.length;
    for (let i = start; i < start + n; i++) {
      const b = source[i]!;
      out[at++] = HEX[b >> 4]!;
      out[at++] = HEX[b & 15]!;
    }
    this.length = at;
  }

  /**
   * Gives the memory away to a write that the kernel has not finished, and goes on with fresh memory. What `view` returned stays
   * the old memory's.
   */
  detach(): void {
    this.bytes = new Uint8Array(Math.min(this.bytes.length, 1 << 16));
    this.length = 0;
    this.#view = null;
    this.#words = null;
  }

  /** What was written so far, as a view that is good until the next append or reset. The last view is kept and reused. */
  view(): Uint8Array {
    const kept = this.#view;
    if (kept !== null && kept.length === this.length) return kept;
    const made = this.bytes.subarray(0, this.length);
    this.#view = made;
    return made;
  }
}

const HEX = new Uint8Array([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102]);

/** The bytes of a latin1 string, for constants. */
export function latin1Bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/** `bytes[start, end)` as a latin1 string. */
export function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
