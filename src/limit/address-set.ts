// A set of addresses out of many CIDR blocks: sorted intervals, so that a hundred thousand of them cost seventeen comparisons.
import { type AddressWords, parseBlock } from './address-words.ts';

/** First and last of an interval: two words for IPv4, eight for IPv6. */
const CELLS_4 = 2;
const CELLS_6 = 8;
/** Turns unsigned order into that of signed numbers: all words in the cells have it flipped. */
const TOP = 1 << 31;

/** The memory of a set, which workers read as it is. */
export interface AddressSetMemory {
  readonly v4: Int32Array;
  readonly v6: Int32Array;
}

type Interval = readonly [first: AddressWords, last: AddressWords];

/** Most blocks of one list. */
export const BLOCKS_MAX = 1_000_000;

/** Reads and never changes. IPv4 and IPv6 are sets apart: `::/0` holds no IPv4 address. */
export class AddressSet {
  readonly #v4: Int32Array;
  readonly #v6: Int32Array;

  constructor(memory: AddressSetMemory) {
    this.#v4 = memory.v4;
    this.#v6 = memory.v6;
  }

  /** Sorts and joins blocks; an address alone is a block of one. Null where one of them is none. The memory is shared between threads. */
  static build(blocks: readonly string[]): AddressSetMemory | null {
    const intervals: Interval[] = [];
    for (const block of blocks) {
      const interval = parseBlock(block);
      if (interval === null) return null;
      intervals.push(interval);
    }
    return layIntervals(intervals);
  }

  /** Intervals after joining. */
  get size(): number {
    return this.#v4.length / CELLS_4 + this.#v6.length / CELLS_6;
  }

  /** Hot: a binary search. */
  has(address: AddressWords): boolean {
    return address.v6 ? this.#has6(address) : this.#has4(address.w3 ^ TOP);
  }

  #has4(word: number): boolean {
    const cells = this.#v4;
    let low = 0;
    let high = cells.length / CELLS_4;
    // The last interval that begins at or before the address is the only one that may hold it.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cells[middle * CELLS_4]! <= word) low = middle + 1;
      else high = middle;
    }
    return low > 0 && cells[(low - 1) * CELLS_4 + 1]! >= word;
  }

  #has6(address: AddressWords): boolean {
    const cells = this.#v6;
    let low = 0;
    let high = cells.length / CELLS_6;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareAt(cells, middle * CELLS_6, address) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compareAt(cells, (low - 1) * CELLS_6 + 4, address) >= 0;
  }
}

/** Blocks out of a file: one a line, with `#` for remarks; or what is wrong, with the line where. */
export function readBlocks(
  text: string,
): { readonly memory: AddressSetMemory; readonly blocks: number } | { readonly wrong: string } {
  const intervals: Interval[] = [];
  let line = 0;
  let at = 0;
  while (at <= text.length) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    line++;
    const written = text.slice(at, end);
    const hash = written.indexOf('#');
    const block = (hash < 0 ? written : written.slice(0, hash)).trim();
    at = end + 1;
    if (block === '') continue;
    const interval = parseBlock(block);
    if (interval === null) return { wrong: `line ${line} is no address and no CIDR block` };
    if (intervals.push(interval) > BLOCKS_MAX) return { wrong: `it has more than ${BLOCKS_MAX} blocks` };
  }
  return { memory: layIntervals(intervals), blocks: intervals.length };
}

function layIntervals(intervals: readonly Interval[]): AddressSetMemory {
  const v4 = joined(intervals.filter(([first]) => !first.v6));
  const v6 = joined(intervals.filter(([first]) => first.v6));
  const cells4 = shared(v4.length * CELLS_4);
  const cells6 = shared(v6.length * CELLS_6);
  v4.forEach(([first, last], i) => {
    cells4.set([first.w3 ^ TOP, last.w3 ^ TOP], i * CELLS_4);
  });
  v6.forEach(([a, b], i) => {
    const words = [a.w0, a.w1, a.w2, a.w3, b.w0, b.w1, b.w2, b.w3];
    cells6.set(
      words.map((word) => word ^ TOP),
      i * CELLS_6,
    );
  });
  return { v4: cells4, v6: cells6 };
}

function shared(cells: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(cells * 4));
}

/** In order, each overlap made one. */
function joined(intervals: Interval[]): Interval[] {
  intervals.sort(([a], [b]) => compare(a, b));
  const out: Interval[] = [];
  for (const interval of intervals) {
    const before = out.at(-1);
    // Two that touch are left apart: they cost a comparison, and joining them would need the sum of 128 bits.
    if (before === undefined || compare(interval[0], before[1]) > 0) out.push(interval);
    else if (compare(interval[1], before[1]) > 0) out[out.length - 1] = [before[0], interval[1]];
  }
  return out;
}

function compare(a: AddressWords, b: AddressWords): number {
  const ahead = (one: number, other: number): number => (one ^ TOP) - (other ^ TOP);
  return ahead(a.w0, b.w0) || ahead(a.w1, b.w1) || ahead(a.w2, b.w2) || ahead(a.w3, b.w3);
}

/** The address of four cells against `b`: −1, 0 or 1, since a difference of such words may be an object. */
function compareAt(cells: Int32Array, at: number, b: AddressWords): number {
  let from = cells[at]!;
  let to = b.w0 ^ TOP;
  if (from === to) {
    from = cells[at + 1]!;
    to = b.w1 ^ TOP;
  }
  if (from === to) {
    from = cells[at + 2]!;
    to = b.w2 ^ TOP;
  }
  if (from === to) {
    from = cells[at + 3]!;
    to = b.w3 ^ TOP;
  }
  return from === to ? 0 : from < to ? -1 : 1;
}
