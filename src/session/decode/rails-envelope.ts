// What Rails puts around a message that is encrypted or signed: its purpose and its end.
import type { Buffer } from 'node:buffer';
import { type Data, parseJson } from '../data.ts';
import { DecodeError } from './decode-error.ts';
import { decodeRubySession, isSession, type RubySerializer } from './ruby-session.ts';
import { strictBase64 } from './strict-base64.ts';

/** A message out of its envelope. */
export interface RailsMessage {
  readonly session: Data;
  /** Unix seconds, or null: it does not end. */
  readonly endsAtS: number | null;
}

/**
 * The session in a decrypted cookie, or null when the message is for another purpose. active_support/messages/metadata.rb of Rails 6.1
 * to 8.1: `{"_rails":{"message":BASE64,"exp":ISO,"pur":PURPOSE}}`, or with `data` in place of `message` (7.1); before 5.2 none.
 * A cookie jar asks for the purpose first and then for none, so a message without one is accepted. Throws DecodeError for what Rails
 * does not write.
 */
export function openRailsEnvelope(
  plain: Buffer,
  purpose: string,
  serializer: RubySerializer,
): RailsMessage | null {
  const outer = plain[0] === 0x7b ? parseJson(plain.toString('utf8')) : undefined;
  const inJson = field(outer, '_rails');
  if (inJson !== undefined && field(inJson, 'message') !== undefined) {
    const ends = terms(inJson, purpose);
    const message = field(inJson, 'message');
    const bytes = typeof message === 'string' ? strictBase64(message) : null;
    if (bytes === null) throw new DecodeError('a message that Rails does not write');
    return ends === null ? null : { session: decodeRubySession(bytes, serializer), endsAtS: ends.atS };
  }
  const session = decodeRubySession(plain, serializer);
  const around = field(session, '_rails');
  if (around === undefined) return { session, endsAtS: null };
  const ends = terms(around, purpose);
  const data = field(around, 'data');
  if (!isSession(data)) throw new DecodeError('an envelope that Rails does not write');
  return ends === null ? null : { session: data, endsAtS: ends.atS };
}

/** When the message ends; null: it is for another purpose. */
function terms(envelope: Data, purpose: string): { readonly atS: number | null } | null {
  const pur = field(envelope, 'pur') ?? '';
  if (pur !== '' && pur !== purpose) return null;
  const exp = field(envelope, 'exp') ?? null;
  if (exp === null) return { atS: null };
  const atS = typeof exp === 'string' ? Date.parse(exp) / 1000 : Number.NaN;
  if (Number.isNaN(atS)) throw new DecodeError('an end that Rails does not write');
  return { atS };
}

function field(data: Data | undefined, name: string): Data | undefined {
  if (!isSession(data)) return undefined;
  if (data instanceof Map) return (data as ReadonlyMap<Data, Data>).get(name);
  return Object.hasOwn(data, name) ? (data as { readonly [key: string]: Data })[name] : undefined;
}
