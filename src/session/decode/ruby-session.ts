// A session hash as Ruby's frameworks write it, in whichever of their serializers.
import { Buffer } from 'node:buffer';
import { type Data, parseJson } from '../data.ts';
import { DecodeError } from './decode-error.ts';
import { decodeMarshal } from './marshal.ts';

/** `hybrid` reads both, by their first bytes. */
export type RubySerializer = 'json' | 'marshal' | 'hybrid';

/** Whether the bytes begin as Marshal 4.8 does; JSON never begins so. */
export function isMarshal(bytes: Uint8Array): boolean {
  return bytes[0] === 4 && bytes[1] === 8;
}

/** The session: a map or an object. Throws DecodeError for anything else, and for what `serializer` does not read. */
export function decodeRubySession(bytes: Uint8Array, serializer: RubySerializer): Data {
  const marshal = isMarshal(bytes);
  if (serializer !== 'hybrid' && marshal !== (serializer === 'marshal'))
    throw new DecodeError('a session by another serializer');
  const session = marshal ? decodeMarshal(bytes) : parseJson(Buffer.from(bytes).toString('utf8'));
  if (!isSession(session)) throw new DecodeError('not a session hash');
  return session;
}

/** Whether a value is a hash of keys: neither scalar nor list. */
export function isSession(value: Data | undefined): value is Exclude<Data, null> & object {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
