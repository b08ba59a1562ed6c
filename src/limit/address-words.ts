// A client's address as numbers: made once for a connection, so that lists and limits compare words and never texts.
import ipaddr from 'ipaddr.js';

/**
 * An IPv4 address is in `w3` alone. All four are 32-bit numbers, the first the most significant; signed, since an engine keeps those as they are, and
 * half of the unsigned ones as objects.
 */
export interface AddressWords {
  readonly v6: boolean;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** IPv4 in its IPv6 clothes, `::ffff:0:0/96` (RFC 4291 section 2.5.5.2). */
const MAPPED = 0xffff;

/**
 * Reads an address as it is written today: IPv4 in four decimal parts, or IPv6, whose zone (`%eth0`) is of no account here. IPv4 in IPv6 clothes
 * is IPv4. Null for anything else.
 */
export function parseAddress(text: string): AddressWords | null {
  if (!text.includes(':')) return parseFour(text);
  if (!ipaddr.IPv6.isValid(text)) return null;
  const { parts } = ipaddr.IPv6.parse(text);
  const word = (i: number): number => (parts[i]! << 16) | parts[i + 1]!;
  return plain({ v6: true, w0: word(0), w1: word(2), w2: word(4), w3: word(6) });
}

/** Four decimal parts without leading zeros, which some readers take for octal. */
function parseFour(text: string): AddressWords | null {
  let word = 0;
  let part = -1;
  let parts = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = i < text.length ? text.charCodeAt(i) : DOT;
    if (c === DOT) {
      if (part < 0 || ++parts > 4) return null;
      word = word * 256 + part;
      part = -1;
    } else {
      if (c < ZERO || c > ZERO + 9 || part === 0) return null;
      part = (part < 0 ? 0 : part * 10) + c - ZERO;
      if (part > 255) return null;
    }
  }
  return parts === 4 ? { v6: false, w0: 0, w1: 0, w2: 0, w3: word | 0 } : null;
}

const DOT = 0x2e;
const ZERO = 0x30;

function plain(words: AddressWords): AddressWords {
  const { w0, w1, w2, w3 } = words;
  return w0 === 0 && w1 === 0 && w2 === MAPPED ? { v6: false, w0: 0, w1: 0, w2: 0, w3 } : words;
}

/** The first and the last address of a block, or null where the text is none. `10.1.2.3` is a block of one. */
export function parseBlock(text: string): readonly [first: AddressWords, last: AddressWords] | null {
  const slash = text.indexOf('/');
  const written = slash < 0 ? text : text.slice(0, slash);
  const dressed = written.includes(':');
  const address = parseAddress(written);
  if (address === null || written.includes('%')) return null;
  const most = dressed ? 128 : 32;
  const digits = slash < 0 ? String(most) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits) || Number(digits) > most) return null;
  let bits = Number(digits);
  if (dressed && !address.v6) {
    // A block around IPv4 in its clothes: smaller than all of IPv4, or it would be of two families.
    if (bits < 96) return null;
    bits -= 96;
  }
  return ends(address, bits);
}

function ends(address: AddressWords, bits: number): [AddressWords, AddressWords] {
  const { v6, w0, w1, w2, w3 } = address;
  const mask = (word: number): number => {
    const own = v6 ? bits - 32 * word : word === 3 ? bits : 32;
    return own >= 32 ? -1 : own <= 0 ? 0 : -1 << (32 - own);
  };
  const m0 = mask(0);
  const m1 = mask(1);
  const m2 = mask(2);
  const m3 = mask(3);
  return [
    { v6, w0: w0 & m0, w1: w1 & m1, w2: w2 & m2, w3: w3 & m3 },
    { v6, w0: w0 | ~m0, w1: w1 | ~m1, w2: w2 | ~m2, w3: w3 | ~m3 },
  ];
}

const BYTES = 17;

/**
 * Lays what stands for the client into `into` (at least 17 bytes), for a hash: its family, and its address, of which an IPv6 client chooses all
 * behind `prefix6` bits itself (RFC 4291 section 2.5.1; a customer has a /64 at the least). Returns how many bytes. Hot.
 */
export function layAddress(address: AddressWords, prefix6: number, into: Uint8Array): number {
  if (!address.v6) {
    into[0] = 4;
    layWord(address.w3, into, 1);
    return 5;
  }
  into[0] = 6;
  layWord(maskedWord(address.w0, prefix6), into, 1);
  layWord(maskedWord(address.w1, prefix6 - 32), into, 5);
  layWord(maskedWord(address.w2, prefix6 - 64), into, 9);
  layWord(maskedWord(address.w3, prefix6 - 96), into, 13);
  return BYTES;
}

function maskedWord(word: number, bits: number): number {
  if (bits >= 32) return word;
  return bits <= 0 ? 0 : word & (-1 << (32 - bits));
}

function layWord(word: number, into: Uint8Array, at: number): void {
  into[at] = word >>> 24;
  into[at + 1] = word >>> 16;
  into[at + 2] = word >>> 8;
  into[at + 3] = word;
}
