// The user id in a session that Python wrote, where it may also be a UUID object.
import { asUserId, type Data, type DataPath, lookAt, type UserId } from '../data.ts';
import { uuidText } from '../decode/flask-json.ts';
import { PYTHON_CLASS } from '../decode/pickle.ts';

/** The user id at `path`; a pickled `uuid.UUID` is its text. */
export function pythonUser(session: Data, path: DataPath): UserId | null {
  const value = lookAt(session, path);
  if (!(value instanceof Map)) return asUserId(value);
  const object = value as ReadonlyMap<Data, Data>;
  if (object.get(PYTHON_CLASS) !== 'uuid.UUID') return null;
  const number = object.get('int');
  if (typeof number !== 'bigint' && typeof number !== 'number') return null;
  const hex = BigInt(number).toString(16).padStart(32, '0');
  return hex.length === 32 && !hex.startsWith('-') ? uuidText(hex) : null;
}
