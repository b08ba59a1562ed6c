// When a session in Django's file engine ends: by the file's age, or by what the app set in the session.
import { Buffer } from 'node:buffer';
import { type Data, lookAt } from '../data.ts';
import { PYTHON_ARGS, PYTHON_CLASS } from '../decode/pickle.ts';

/**
 * First unix second at which the file engine drops a session, null for never, undefined when it cannot be told. Source: `load` and
 * `_expiry_date` in django/contrib/sessions/backends/file.py and `get_expiry_age` in base.py of 3.2 and 4.2: an integer that the app
 * set is compared with nothing, so such a file is good for ever; a date counts down to its last whole second.
 */
export function fileEndsAtS(session: Data, mtimeS: number, ageS: number): number | null | undefined {
  const set = lookAt(session, ['_session_expiry']);
  if (set === undefined || set === null || set === 0 || set === '') return mtimeS + ageS - 1;
  if (typeof set === 'number' || typeof set === 'bigint') return set > 0 ? null : 0;
  const atS = typeof set === 'string' ? isoSeconds(set) : pickledSeconds(set);
  return atS === undefined ? undefined : atS - 1;
}

/** Unix seconds of `datetime.isoformat()`; without a zone it is taken as UTC, as Django stores it with USE_TZ. */
export function isoSeconds(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d:?\d\d|Z)?$/.test(text)) return undefined;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`;
  const ms = Date.parse(zoned.replace(' ', 'T'));
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

/** Unix seconds of a pickled `datetime` without a zone or in UTC: ten bytes, of which the last three are microseconds. */
function pickledSeconds(value: Data): number | undefined {
  if (!(value instanceof Map)) return undefined;
  const object = value as ReadonlyMap<Data, Data>;
  const args = object.get(PYTHON_ARGS);
  if (object.get(PYTHON_CLASS) !== 'datetime.datetime' || !Array.isArray(args)) return undefined;
  const [state, zone] = args as readonly (Data | undefined)[];
  if (!(state instanceof Uint8Array) || state.length !== 10 || !isUtc(zone)) return undefined;
  const bytes = Buffer.from(state);
  // The month's high bit is Python's mark for the second of two equal hours.
  const ms = Date.UTC(
    bytes.readUInt16BE(0),
    (bytes[2]! & 127) - 1,
    bytes[3]!,
    bytes[4]!,
    bytes[5]!,
    bytes[6]!,
  );
  return ms / 1000 + bytes.readUIntBE(7, 3) / 1e6;
}

function isUtc(zone: Data | undefined): boolean {
  if (zone === undefined) return true;
  const name = lookAt(zone, [PYTHON_CLASS]);
  if (name === 'pytz._UTC' || name === 'django.utils.timezone.UTC') return true;
  if (name !== 'datetime.timezone') return false;
  const offset = lookAt(zone, [PYTHON_ARGS, 0, PYTHON_ARGS]);
  return Array.isArray(offset) && offset.every((part) => part === 0);
}
