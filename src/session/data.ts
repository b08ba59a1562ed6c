// What a session holds, whichever language wrote it: plain data that was parsed and never instantiated, and paths into it.

/** A value of a session. Objects of other languages are maps of their fields by name; numbers too large for a double are bigints. */
export type Data =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Data[]
  | DataMap
  | { readonly [key: string]: Data };

/** A map as binary formats have it. Keys keep their type: PHP's 1 is not "1" (`lookAt` finds either by the path's word). */
export type DataMap = ReadonlyMap<Data, Data>;

/** Where something is inside a session: keys and positions, outermost first. */
export type DataPath = readonly (string | number)[];

/** A user id with the type the app gave it: 42 and "42" are two users in several frameworks. */
export type UserId = string | number | bigint;

/** Longest user id that is passed on, UTF-16 units; a longer one is no id. */
const USER_ID_MAX = 512;

/** `passport.user` → ['passport', 'user']. A key that holds a dot is written as a list in the config and never comes here. */
export function parsePath(text: string): DataPath {
  return text.split('.');
}

/**
 * What stands at `path`, or undefined. Only what the data itself holds is found: never a property of JavaScript's own, such as
 * `constructor`. Words of digits also find positions of lists and numeric keys of maps.
 */
export function lookAt(data: Data | undefined, path: DataPath): Data | undefined {
  let at = data;
  for (const step of path) {
    if (at === undefined || at === null || typeof at !== 'object' || at instanceof Uint8Array)
      return undefined;
    at = child(at, step);
  }
  return at;
}

function child(data: readonly Data[] | DataMap | { readonly [key: string]: Data }, step: string | number) {
  if (Array.isArray(data)) {
    const position = typeof step === 'number' ? step : isPosition(step) ? Number(step) : -1;
    return Number.isInteger(position) && position >= 0 ? (data as readonly Data[])[position] : undefined;
  }
  if (data instanceof Map) {
    const found = (data as DataMap).get(step);
    if (found !== undefined) return found;
    if (typeof step === 'number')
      return (data as DataMap).get(String(step)) ?? (data as DataMap).get(BigInt(step));
    return isPosition(step) ? (data as DataMap).get(Number(step)) : undefined;
  }
  // Neither list nor map: an object of JSON.parse or without a prototype.
  return Object.hasOwn(data, step) ? (data as { readonly [key: string]: Data })[step] : undefined;
}

function isPosition(step: string): boolean {
  return /^(0|[1-9]\d{0,9})$/.test(step);
}

/**
 * The user id in a value: a text that is not empty, a finite number, a bigint. Anything else says that nobody is logged in: null,
 * false, "", a list. 0 is an id to some apps and none to others; as an id it does no harm, since the app decides.
 */
export function asUserId(value: Data | undefined): UserId | null {
  if (typeof value === 'string') return value !== '' && value.length <= USER_ID_MAX ? value : null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'bigint') return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Digits that a double may not hold: ids of 64 bits, mostly. */
const LONG_NUMBER = /\d{16}/;

/** A whole number beyond 2^53 as a bigint, where JSON.parse tells how it was written (Node 21 and later). */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const written = context?.source ?? '';
  return /^-?\d{1,100}$/.test(written) ? BigInt(written) : value;
}

/** Parses JSON that must be an object or list; undefined when it is neither. `text` is bounded by whoever read it. */
export function parseJson(text: string): Data | undefined {
  try {
    // JSON holds nothing that Data does not.
    const value = (LONG_NUMBER.test(text) ? JSON.parse(text, exactly) : JSON.parse(text)) as Data;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
