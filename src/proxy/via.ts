// Whether a request has been here before, by the names in its Via (RFC 9110 section 7.6.3).
import { latin1Text } from '../base/byte-writer.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';

/** Whether some element of `Via` was added under `name`: `[protocol/]version SP received-by`. */
export function listHasVia(fields: HeadFields, name: Uint8Array): boolean {
  const wanted = latin1Text(name, 0, name.length).toLowerCase();
  for (let i = fields.first[FIELD.via]!; i < fields.count; i++) {
    if (fields.id[i] !== FIELD.via) continue;
    const value = latin1Text(fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!).toLowerCase();
    if (value.split(',').some((element) => element.trim().split(/[ \t]+/)[1] === wanted)) return true;
  }
  return false;
}
