// The last gate before the log: whatever a caller put into a line, no cookie, token, password or key leaves by it.

const HIDDEN = '[hidden]';
/** Objects nested deeper are not looked into; what can't be looked into is not printed. */
const DEPTH_MAX = 8;

/** Names that hold a secret wherever they stand: compared in lower case, without `-` and `_`. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'cookies',
  'setcookie',
  'password',
  'passwd',
  'passphrase',
  'secret',
  'secrets',
  'token',
  'tokens',
  'accesstoken',
  'refreshtoken',
  'apikey',
  'xapikey',
  'privatekey',
  'secretkey',
  'credentials',
]);

/** `scheme://user:password@`: only the part between the slashes and the `@` is a secret. Looks for no scheme, which in a long text of nonsense may begin anywhere. */
const USER_INFO = /(:\/\/)[^\s/?#@]+@/g;

/**
 * A copy of a line's fields that is fit to print: values under a secret name are hidden, so is the user part of any URL, and
 * an error keeps its type, code, message and stack only, since a library's errors carry requests and their fields along.
 */
export function redact(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(fields, 0);
}

function redactObject(fields: object, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    out[name] =
      isSecretName(name) && value !== null && value !== undefined ? HIDDEN : redactValue(value, depth + 1);
  }
  return out;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return HIDDEN;
  if (value instanceof Error) return redactError(value);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (value instanceof Date) return value;
  return redactObject(value, depth);
}

function redactError(error: Error): Record<string, unknown> {
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return {
    type: error.name,
    ...code,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
  };
}

/** Hides the user part of every URL in a text. */
export function redactText(text: string): string {
  return text.includes('@') ? text.replace(USER_INFO, `$1${HIDDEN}@`) : text;
}

function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replace(/[-_]/g, ''));
}
