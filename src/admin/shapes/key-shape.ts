// The public keys of tokens as JSON Web Key Set (RFC 7517 section 5).
import { list, part, text } from '../schema.ts';

export const KEYS = part<{ keys: unknown }>('A JSON Web Key Set (RFC 7517).', {
  keys: list({ type: 'object', additionalProperties: true, properties: { kid: text('') } }),
});
