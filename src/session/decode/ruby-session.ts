// A session hash as Ruby's frameworks write it, in whichever of their serializers.
import { Buffer } from 'node:buffer';
import { type Data, parseJson } from '../data.ts';
import { DecodeError } from './decode-error.ts';
import { decodeMarshal, RubyObject } from './marshal.ts';

/** `hybrid` reads both, by their first bytes. */
export type RubySerializer = 'json' | 'marshal' | 'hybrid';

/** Whether the bytes begin as Marshal 4.8 does; JSON never begins so. */
export function isMarshal(bytes: Uint8Array): boolean {
  return bytes[0] === 4 && bytes[1] === 8;
}

/** What the app wrote with a serializer that Rails has and this does not read. */
export class OtherSerializer extends DecodeError {}

/** The session: a map or an object. Throws DecodeError for anything else, OtherSerializer among them, and for what `serializer` does not read. */
export function decodeRubySession(bytes: Uint8Array, serializer: RubySerializer): Data {
  // The signature of ActiveSupport::MessagePack (active_support/message_pack/serializer.rb).
  if (bytes[0] === 0xcc && bytes[1] === 0x80) throw new OtherSerializer('a session in MessagePack');
  const marshal = isMarshal(bytes);
  if (serializer !== 'hybrid' && marshal !== (serializer === 'marshal'))
    throw new DecodeError('a session by another serializer');
  const session = marshal ? decodeMarshal(bytes) : parseJson(Buffer.from(bytes).toString('utf8'));
  if (!isSession(session)) throw new DecodeError('not a session hash');
  return session;
}

/** Whether a value is a hash of keys: neither scalar nor list, nor an object of a class, which Rails takes for no session. */
export function isSession(value: Data | undefined): value is Exclude<Data, null> & object {
  if (typeof value !== 'object' || value === null) return false;
  return !(Array.isArray(value) || value instanceof Uint8Array || value instanceof RubyObject);
}
