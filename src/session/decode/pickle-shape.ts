// The look over a decoded pickle as a whole: sharing is fine, but depth is bounded and nothing may contain itself.
import type { Data } from '../data.ts';
import { UnreadError } from './decode-error.ts';

/** Deepest nesting of lists and dicts. */
const DEPTH_MAX = 64;

/** Throws DecodeError for a structure deeper than 64, or one that contains itself. Each part is looked at once, however often shared. */
export function checkShape(value: Data): void {
  heightOf(value, 0, new Map());
}

/** Levels below and with `value`; 0 in `known`: it is being looked at right now. */
function heightOf(value: Data, depth: number, known: Map<object, number>): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 0;
  const seen = known.get(value);
  if (seen === 0) throw new UnreadError('a pickle that contains itself');
  const height = seen ?? measure(value, depth, known);
  if (depth + height > DEPTH_MAX) throw new UnreadError('a pickle deeper than the bound');
  return height;
}

function measure(value: object, depth: number, known: Map<object, number>): number {
  if (depth >= DEPTH_MAX) throw new UnreadError('a pickle deeper than the bound');
  known.set(value, 0);
  let below = 0;
  const look = (part: Data): void => {
    below = Math.max(below, heightOf(part, depth + 1, known));
  };
  if (value instanceof Map) {
    for (const [key, part] of value as Map<Data, Data>) {
      look(key);
      look(part);
    }
  } else if (Array.isArray(value)) {
    for (const part of value as Data[]) look(part);
  }
  known.set(value, below + 1);
  return below + 1;
}
