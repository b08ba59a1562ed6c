// The column in which activerecord-session_store keeps a session: text of base64 or JSON.
import { Buffer } from 'node:buffer';
import { type Data, lookAt } from '../data.ts';
import type { StoredCell } from '../store.ts';
import { DecodeError } from './decode-error.ts';
import { decodeRubySession, isSession, type RubySerializer } from './ruby-session.ts';

const NOTHING: Data = {};

/**
 * The session of a column; null in the column is an empty one. lib/active_record/session_store.rb of activerecord-session_store 2.3:
 * base64 of Marshal with line breaks; JSON with the session under `value`, without which it is empty; the hybrid serializer reads
 * either. Throws DecodeError.
 */
export function decodeRailsRow(cell: StoredCell | undefined, serializer: RubySerializer): Data {
  if (cell === null) return NOTHING;
  if (typeof cell !== 'string' && !(cell instanceof Uint8Array)) throw new DecodeError('a column of no text');
  const bytes = typeof cell === 'string' ? Buffer.from(cell, 'utf8') : Buffer.from(cell);
  if (bytes[0] !== 0x7b && serializer !== 'json') {
    return decodeRubySession(Buffer.from(bytes.toString('latin1'), 'base64'), 'marshal');
  }
  if (serializer === 'marshal') throw new DecodeError('a column by another serializer');
  const session = lookAt(decodeRubySession(bytes, 'json'), ['value']) ?? null;
  if (session === null) return NOTHING;
  if (!isSession(session)) throw new DecodeError('a column of no session');
  return session;
}
