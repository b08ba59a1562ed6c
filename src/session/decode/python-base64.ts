// Base64 as Python's binascii reads it, which skips what Node would stop at; so that both take the same texts for the same bytes.
import { Buffer } from 'node:buffer';

const CANONICAL = /^[A-Za-z0-9+/_-]*$/;

/**
 * `base64.urlsafe_b64decode` after the padding that itsdangerous and Django add, or, when `url` is false, `base64.b64decode` as it is.
 * Null where Python raises. Python 3.11, Modules/binascii.c, `a2b_base64` in its lax mode.
 */
export function pythonBase64(text: string, url = true): Buffer | null {
  if (url && CANONICAL.test(text)) return text.length % 4 === 1 ? null : Buffer.from(text, 'base64');
  const padded = url ? text + '='.repeat((4 - (text.length % 4)) % 4) : text;
  let kept = '';
  let pads = 0;
  for (const char of padded) {
    if (char === '=') {
      const quad = kept.length % 4;
      // A complete padding ends the text; whatever stands behind it is not read.
      if (quad >= 2 && quad + ++pads >= 4) return Buffer.from(kept, 'base64');
      continue;
    }
    const plain = url && char === '-' ? '+' : url && char === '_' ? '/' : char;
    if (!/[A-Za-z0-9+/]/.test(plain)) continue;
    pads = 0;
    kept += plain;
  }
  return kept.length % 4 === 0 ? Buffer.from(kept, 'base64') : null;
}
