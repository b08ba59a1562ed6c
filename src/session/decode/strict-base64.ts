// Base64 as strict decoders take it: one spelling for the same bytes, so that a text and its bytes are one identity.
import { Buffer } from 'node:buffer';

/** The bytes of RFC 4648 section 4 with all its padding and no stray bits (Ruby's `strict_decode64`), or null. */
export function strictBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
