// Spoils bytes in the ways that have broken parsers: single octets, line ends, repeats, losses, and pieces of other messages.
import type { Chance } from './chance.ts';

const OCTETS = [0x00, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x22, 0x23, 0x25, 0x2b, 0x2c, 0x2d, 0x2f, 0x30];
const MORE_OCTETS = [0x3a, 0x3b, 0x3d, 0x3f, 0x40, 0x5b, 0x5c, 0x5f, 0x7e, 0x7f, 0x80, 0x85, 0xa0, 0xff];
const ODD = [...OCTETS, ...MORE_OCTETS];

/** Largest case that mutation makes, bytes. */
const BYTES_MAX = 96 * 1024;

/** One to four changes. `words`: pieces of the target's language; `others`: cases to take pieces from. */
export function mutate(
  bytes: Buffer,
  chance: Chance,
  words: readonly string[],
  others: readonly Buffer[],
): Buffer {
  let out = bytes;
  for (let changes = 1 + chance.below(4); changes > 0; changes--) out = change(out, chance, words, others);
  return out.length > BYTES_MAX ? out.subarray(0, BYTES_MAX) : out;
}

function change(bytes: Buffer, chance: Chance, words: readonly string[], others: readonly Buffer[]): Buffer {
  const n = bytes.length;
  const at = chance.below(n + 1);
  const length = Math.min(n - at, 1 + chance.below(chance.one(4) ? 64 : 4));
  switch (chance.below(9)) {
    case 0:
      return replaced(bytes, at, Math.min(1, n - at), Buffer.of(chance.below(256)));
    case 1:
      return replaced(bytes, at, Math.min(1, n - at), Buffer.of(chance.pick(ODD)));
    case 2:
      return replaced(bytes, at, 0, Buffer.of(chance.pick(ODD)));
    case 3:
      return replaced(bytes, at, length, Buffer.alloc(0));
    case 4:
      return replaced(bytes, at, 0, bytes.subarray(at, at + length));
    case 5:
      return replaced(bytes, at, 0, Buffer.from(chance.pick(words), 'latin1'));
    case 6:
      return replaced(bytes, at, length, Buffer.from(chance.pick(words), 'latin1'));
    case 7:
      return swapLines(bytes, chance);
    default: {
      if (others.length === 0) return bytes.subarray(0, at);
      const other = chance.pick(others);
      const from = chance.below(other.length + 1);
      return replaced(bytes, at, chance.one(2) ? n - at : 0, other.subarray(from));
    }
  }
}

function replaced(bytes: Buffer, at: number, length: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)]);
}

/** Moves one line before another, so that what comes first is no longer first. */
function swapLines(bytes: Buffer, chance: Chance): Buffer {
  const lines = bytes.toString('latin1').split('\n');
  const a = chance.below(lines.length);
  const b = chance.below(lines.length);
  [lines[a], lines[b]] = [lines[b]!, lines[a]!];
  return Buffer.from(lines.join('\n'), 'latin1');
}
