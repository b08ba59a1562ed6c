// The cookies that a session block keeps from the app with every request: told apart in the bytes of the request.
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import type { KeptCookies } from '../wire/cookies.ts';
import { CarriedCookies } from './carried-cookies.ts';

const STAR = 0x2a;
const EQUALS = 0x3d;
/** Bytes that some parser reads as something else than part of a name: `"`, `%`, `,`, `[`, `]` and controls. */
const ODD = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || [0x22, 0x25, 0x2c, 0x5b, 0x5d].includes(byte) ? 1 : 0,
);

/** Compiled once. Says the same as CarriedCookies, which is asked where a pair is written in an odd way. */
export class WithheldCookies implements KeptCookies {
  readonly #carried: CarriedCookies;
  readonly #names: readonly Uint8Array[];

  /** As CarriedCookies has them. */
  constructor(names: readonly string[]) {
    this.#carried = new CarriedCookies(names);
    this.#names = [...new Set(names)].map((name) => latin1Bytes(name).map(folded));
  }

  /** Hot: allocates nothing for what is written plainly. */
  keeps(bytes: Uint8Array, start: number, named: number, end: number): boolean {
    // Without `=` some parsers take all of it for a name.
    const nameEnd = named === start && bytes[start] !== EQUALS ? end : named;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      // Of values only the comma matters, behind which older parsers see another pair.
      if (ODD[byte] === 1 && (i < nameEnd || byte === 0x2c))
        return this.#carried.without(latin1Text(bytes, start, end)) === '';
    }
    const names = this.#names;
    for (let i = 0; i < names.length; i++) if (isNamed(bytes, start, nameEnd, names[i]!)) return true;
    return false;
  }
}

function isNamed(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  const open = name[name.length - 1] === STAR;
  const length = open ? name.length - 1 : name.length;
  if (open ? end - start < length : end - start !== length) return false;
  for (let i = 0; i < length; i++) if (folded(bytes[start + i]!) !== name[i]) return false;
  return length > 0;
}

/** One for `.`, blanks and `_`, and for either case. */
function folded(byte: number): number {
  if (byte === 0x2e || byte === 0x20) return 0x5f;
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
