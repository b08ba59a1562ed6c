// Flask's tagged JSON, in which tuples, bytes, UUIDs, dates and markup are objects of one key.
import { Buffer } from 'node:buffer';
import type { Data } from '../data.ts';
import { DecodeError } from './decode-error.ts';

/** Deepest nesting at which tags are still undone; what is deeper stays as JSON has it. */
const DEPTH_MAX = 64;

/**
 * The value of a session of Flask 2.2 to 3.1 (flask/json/tag.py, `TaggedJSONSerializer`): tuples are lists, UUIDs their usual text, dates
 * and markup their text, bytes are bytes. Throws DecodeError.
 */
export function decodeFlaskJson(text: string): Data {
  try {
    return untag(JSON.parse(text) as Data, 0); // JSON holds nothing that Data does not
  } catch {
    throw new DecodeError('a session that is not the JSON of Flask');
  }
}

function untag(value: Data, depth: number): Data {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return value;
  if (Array.isArray(value)) return (value as readonly Data[]).map((part) => untag(part, depth + 1));
  const made: { [key: string]: Data } = Object.create(null);
  const entries = Object.entries(value as { readonly [key: string]: Data });
  for (const [key, part] of entries) made[key] = untag(part, depth + 1);
  const only = entries.length === 1 ? entries[0]![0] : '';
  return only.startsWith(' ') ? undo(only, made[only]!, made) : made;
}

function undo(tag: string, value: Data, whole: Data): Data {
  switch (tag) {
    case ' t':
    case ' m':
    case ' d':
      return value;
    case ' b':
      return typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : whole;
    case ' u':
      return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value) ? uuidText(value) : whole;
    case ' di': {
      // A dict of one key that looks like a tag was written with two underscores behind the key.
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return whole;
      const [key, part] = Object.entries(value as { readonly [key: string]: Data })[0] ?? ['', null];
      return Object.assign(Object.create(null), { [key.slice(0, -2)]: part });
    }
    default:
      return whole;
  }
}

/** 32 hexadecimal digits as `str(uuid)` writes them. */
export function uuidText(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
