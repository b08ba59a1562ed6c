// What the upstream is told of a session: field lines made once per verdict, safe whatever a session holds.
import type { Data, DataPath } from './data.ts';
import { lookAt } from './data.ts';
import type { Finding } from './verdict.ts';

/** Something of a session that the upstream is told, in a field or a claim of this name. */
export interface PassedField {
  readonly name: string;
  readonly path: DataPath;
  /** A value of another type is not passed on. `any`: text, numbers and booleans as they are, the rest as JSON. */
  readonly type: 'any' | 'text' | 'number' | 'boolean' | 'json';
}

/** Longest value of one field, characters; a longer one is not passed on, since half of it would be another value. */
const VALUE_MAX = 1024;
/** JSON is not looked into deeper than this. */
const JSON_DEPTH_MAX = 16;
/** Values that are looked at: parts of a session that are shared within it may come to many more than its bytes. */
const JSON_VALUES_MAX = 1000;

/**
 * The lines for a finding, each with its CRLF: `Limpet-Session` always, the user under `userField` when known, and the chosen fields that
 * the session has.
 */
export function passedLines(
  finding: Finding,
  userField: string | null,
  fields: readonly PassedField[],
): string {
  let lines = `Limpet-Session: ${finding.verdict}\r\n`;
  if (finding.user !== null && userField !== null) {
    const user = encodeFieldText(String(finding.user));
    if (user.length <= VALUE_MAX) lines += `${userField}: ${user}\r\n`;
  }
  if (finding.data === null || finding.verdict === 'invalid') return lines;
  for (const { name, path, type } of fields) {
    const value = fieldValue(lookAt(finding.data, path), type);
    if (value !== null && value.length <= VALUE_MAX) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** A value as a field says it, or null where there is none of that type. */
function fieldValue(value: Data | undefined, type: PassedField['type']): string | null {
  if (value === undefined || value === null || !isOfType(value, type)) return null;
  if (type === 'json') return jsonText(value);
  if (typeof value === 'string') return encodeFieldText(value);
  return typeof value === 'object' ? jsonText(value) : String(value);
}

/** Whether it is what the config says that it must be. */
export function isOfType(value: Data, type: PassedField['type']): boolean {
  const is = typeof value === 'bigint' ? 'number' : typeof value === 'string' ? 'text' : typeof value;
  return type === 'any' || type === 'json' || type === is;
}

/** The value as one text of JSON; null where JSON cannot say it. */
export function jsonOf(value: Data): string | null {
  const plain = asJson(value, 0, { left: JSON_VALUES_MAX });
  return plain === undefined ? null : JSON.stringify(plain);
}

function jsonText(value: Data): string | null {
  const text = jsonOf(value);
  return text === null ? null : encodeFieldText(text);
}

/** The value as JSON can say it; undefined where it cannot (bytes, too deep, keys that are no texts or numbers). */
function asJson(value: Data, depth: number, budget: { left: number }): unknown {
  if (--budget.left < 0) return undefined;
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? String(value) : value;
  if (depth >= JSON_DEPTH_MAX || value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) {
    const items = (value as readonly Data[]).map((item) => asJson(item, depth + 1, budget));
    return items.includes(undefined) ? undefined : items;
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const plain: Record<string, unknown> = Object.create(null);
  for (const [key, item] of entries as [Data, Data][]) {
    const text = asJson(item, depth + 1, budget);
    if (text === undefined || (typeof key !== 'string' && typeof key !== 'number')) return undefined;
    plain[String(key)] = text;
  }
  return plain;
}

/**
 * A text that can stand in a field: visible ASCII and single spaces inside as they are; every other byte of its UTF-8, and `%`
 * itself, as `%XX`, so that percent-decoding gives the very text back.
 */
export function encodeFieldText(text: string): string {
  if (/^(?:[!-$&-~](?:[ !-$&-~]*[!-$&-~])?)?$/.test(text)) return text;
  let encoded = '';
  const bytes = Buffer.from(text, 'utf8');
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const inside = byte === 0x20 && i > 0 && i < bytes.length - 1;
    encoded +=
      inside || (byte > 0x20 && byte < 0x7f && byte !== 0x25)
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
