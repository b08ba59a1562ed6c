// Which names of fields and parameters hold secrets, and how a URL is told without the values of such parameters.

/** What a name of a secret holds somewhere, in lower case and without `-`, `_` and the like. */
const PARTS: readonly string[] = [
  ...['token', 'secret', 'passw', 'passphrase', 'credential', 'authoriz', 'assertion', 'samlre'],
  ...['session', 'sessid', 'apikey', 'accesskey', 'privatekey', 'signature', 'jwt', 'csrf', 'xsrf', 'cookie'],
];
/** Shorter ones, which must be all of it. */
const WHOLE: ReadonlySet<string> = new Set([
  ...['auth', 'code', 'key', 'sig', 'sid', 'otp', 'pin', 'pass', 'pwd', 'ticket', 'state', 'nonce', 'hmac'],
]);
const NO_LETTER = /[^a-z0-9]+/g;
/** What stands in place of a value. */
const HIDDEN = '[hidden]';
/** A JSON Web Token (RFC 7519): its header is JSON, whose first two characters are `{"`. */
const JSON_WEB_TOKEN = /^eyJ[\w-]+\.[\w-]*\.[\w-]*/;

/** Whether what goes by this name is a secret, as far as names tell. */
export function isSensitiveName(name: string): boolean {
  const letters = name.toLowerCase().replace(NO_LETTER, '');
  return WHOLE.has(letters) || PARTS.some((part) => letters.includes(part));
}

/**
 * A path, target or URL without what may log somebody in: values of parameters of the query (behind `?`) and of the path (behind `;`, as
 * `;jsessionid=`) with the name of a secret or one of `hide`, values that look like a JSON Web Token, and a user part before the host.
 */
export function withoutSecrets(url: string, hide: ReadonlySet<string>): string {
  const question = url.indexOf('?');
  const before = question < 0 ? url : url.slice(0, question);
  const looked = before.includes(';') || before.includes('@') || before.includes('eyJ');
  const shown = looked ? pathWithout(before, hide) : before;
  return question < 0 ? shown : `${shown}?${queryWithout(url.slice(question + 1), hide)}`;
}

const USER_PART = /^([a-z][a-z0-9+.-]*:)?\/\/[^/]*@/i;

function pathWithout(path: string, hide: ReadonlySet<string>): string {
  return path
    .replace(USER_PART, `$1//${HIDDEN}@`)
    .split('/')
    .map((segment) => {
      const [first = '', ...parameters] = segment.split(';');
      const shown = JSON_WEB_TOKEN.test(first) ? HIDDEN : first;
      return [shown, ...parameters.map((pair) => pairWithout(pair, hide))].join(';');
    })
    .join('/');
}

function queryWithout(query: string, hide: ReadonlySet<string>): string {
  // Some servers also take `;` for a separator.
  return query
    .split('&')
    .map((part) =>
      part
        .split(';')
        .map((pair) => pairWithout(pair, hide))
        .join(';'),
    )
    .join('&');
}

function pairWithout(pair: string, hide: ReadonlySet<string>): string {
  const equals = pair.indexOf('=');
  if (equals < 0) return JSON_WEB_TOKEN.test(pair) ? HIDDEN : pair;
  const written = pair.slice(0, equals);
  const value = pair.slice(equals + 1);
  const hidden = isHiddenName(written, hide) || JSON_WEB_TOKEN.test(value) || holdsHidden(value, hide);
  return hidden ? `${written}=${HIDDEN}` : pair;
}

function isHiddenName(written: string, hide: ReadonlySet<string>): boolean {
  const name = decoded(written);
  // What cannot be read here may be read by somebody else.
  return name === null || isSensitiveName(name) || hide.has(name.toLowerCase());
}

/** Whether a value is a URL, say, with such a parameter of its own. */
function holdsHidden(value: string, hide: ReadonlySet<string>): boolean {
  const text = decoded(value);
  if (text === null) return true;
  if (!text.includes('=')) return false;
  return text.split(/[?&;#]/).some((pair) => {
    const equals = pair.indexOf('=');
    return equals > 0 && isHiddenName(pair.slice(0, equals), hide);
  });
}

function decoded(name: string): string | null {
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}
