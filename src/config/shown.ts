// A config as it may be shown: whole, but with every secret masked and long texts cut.
import type { Config } from './config.ts';
import { isSensitiveKey, masked } from './sensitive.ts';

const HIDDEN = '***';
/** Longer texts, such as pages and certificates, are cut here. */
const SHOWN_CHARS_MAX = 200;
/** Keys that hold key material whatever else they are called; rather too much is hidden than too little. */
const KEY_MATERIAL = /key$|keys$|pem$|phrase|pepper|salt/i;
/** Fields of HTTP whose values are secrets, by any part of their name: `X-Origin-Auth`, `X-Hub-Signature`. */
const SECRET_FIELD = /auth|key|sign|^(?:set-)?cookie$/i;
/** What a query calls its secrets: `access_token`, `sig`. */
const SECRET_IN_QUERY = /([?&][^=&#\s]*(?:passw|secret|token|key|sig|auth|credential)[^=&#\s]*=)[^&#\s]*/gi;

/** What `GET /api/v1/config` tells. JSON has no Infinity: what is unlimited is told as null. */
export function shownConfig(config: Config): Readonly<Record<string, unknown>> {
  const shown = shownObject(config);
  if (config.tracing === null) return shown;
  // Whatever they are called: collectors have names of their own for keys.
  const headers = config.tracing.headers.map(([name]) => [name, HIDDEN]);
  return { ...shown, tracing: { ...shownObject(config.tracing), headers } };
}

function shownObject(value: object): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) shown[key] = shownUnder(key, part);
  return shown;
}

function shownUnder(key: string, value: unknown): unknown {
  const isSecret = isSensitiveKey(key) || KEY_MATERIAL.test(key);
  if (isSecret && typeof value === 'string') return HIDDEN;
  if (!Array.isArray(value)) return shownValue(value);
  return value.map((item: unknown) => (isSecret && typeof item === 'string' ? HIDDEN : shownValue(item)));
}

function shownValue(value: unknown): unknown {
  if (typeof value === 'string') return shownText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null) return value;
  if (!Array.isArray(value)) return shownObject(value);
  const [name, text] = value as readonly unknown[];
  // A field to be set, by its name: `Authorization`, `Cookie`.
  if (value.length === 2 && typeof name === 'string' && typeof text === 'string')
    return [name, isSensitiveKey(name) || SECRET_FIELD.test(name) ? HIDDEN : shownText(text)];
  return value.map(shownValue);
}

function shownText(text: string): string {
  if (text.includes('PRIVATE KEY')) return HIDDEN;
  const safe = masked(text).replace(SECRET_IN_QUERY, `$1${HIDDEN}`);
  return safe.length <= SHOWN_CHARS_MAX
    ? safe
    : `${safe.slice(0, SHOWN_CHARS_MAX)}… (${safe.length} characters)`;
}
