// A config as it may be shown: whole, but with every secret masked and long texts cut.
import type { Config } from './config.ts';
import { isSensitiveKey, masked } from './sensitive.ts';

const HIDDEN = '***';
/** Longer texts, such as pages and certificates, are cut here. */
const SHOWN_CHARS_MAX = 200;
/** Keys that hold key material whatever else they are called; rather too much is hidden than too little. */
const KEY_MATERIAL = /key$|keys$|pem$|phrase|pepper|salt/i;

/** What `GET /api/v1/config` tells. JSON has no Infinity: what is unlimited is told as null. */
export function shownConfig(config: Config): Readonly<Record<string, unknown>> {
  return shownObject(config);
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
    return [name, isSensitiveKey(name) || /^(set-)?cookie$/i.test(name) ? HIDDEN : shownText(text)];
  return value.map(shownValue);
}

function shownText(text: string): string {
  if (text.includes('PRIVATE KEY')) return HIDDEN;
  const safe = masked(text).replace(/([?&](?:password|passwd|secret|token|key)=)[^&#\s]*/gi, `$1${HIDDEN}`);
  return safe.length <= SHOWN_CHARS_MAX
    ? safe
    : `${safe.slice(0, SHOWN_CHARS_MAX)}… (${safe.length} characters)`;
}
