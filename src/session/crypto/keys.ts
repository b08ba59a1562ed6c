// Configured secrets turned into the bytes of keys, in one way for all formats.
import { Buffer } from 'node:buffer';

/** The bytes of a secret: raw ones after `base64:` or `hex:`, else the text as UTF-8. Any text is a secret; nothing is thrown. */
export function keyBytes(secret: string): Buffer {
  if (secret.startsWith('base64:')) return Buffer.from(secret.slice(7), 'base64');
  if (secret.startsWith('hex:')) return Buffer.from(secret.slice(4), 'hex');
  return Buffer.from(secret, 'utf8');
}
