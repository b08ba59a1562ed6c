// Values that the kruptein package encrypted, as connect-memcached does when it is given a secret.
import { createDecipheriv, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeOctetStrings } from '../decode/octet-strings.ts';
import { hmac, sameText } from './macs.ts';

const derive = promisify(pbkdf2);

/**
 * The plain text, or null when the secret is another. kruptein 3.1 lib/kruptein.js, `get`: base64 of DER octet strings ct, hmac, iv, salt,
 * tag, aad; PBKDF2-SHA512 of 20,000 rounds, derived for each value since each has its own salt, on Node's thread pool; HMAC-SHA512 over
 * ct, salt and iv as UTF-8 text; AES-256-GCM. Throws DecodeError for what kruptein did not write.
 */
export async function decryptKruptein(value: string, secret: string): Promise<string | null> {
  const parts = decodeOctetStrings(Buffer.from(value, 'base64')).map((part) => Buffer.from(part));
  const [ct, mac, iv, salt, tag, aad] = parts;
  if (
    parts.length !== 6 ||
    !ct ||
    !mac ||
    !iv ||
    !salt ||
    !tag ||
    !aad ||
    iv.length !== 12 ||
    tag.length !== 16
  )
    throw new DecodeError('not what kruptein writes');
  const key = await derive(secret, salt, 20_000, 32, 'sha512');
  const text = `${ct.toString('utf8')}${salt.toString('utf8')}${iv.toString('utf8')}`;
  if (!sameText(hmac('sha512', key, text).toString('base64'), mac.toString('latin1'))) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(aad.toString('latin1'), 'base64'));
  decipher.setAuthTag(tag);
  try {
    return decipher.update(ct.toString('latin1'), 'base64', 'utf8') + decipher.final('utf8');
  } catch {
    return null;
  }
}
