// Knows what must not be printed: values of keys that hold secrets, and the users of URLs.

/** Words in the name of a key whose value is a secret. */
const WORDS = 'secret|token|passw|passphrase|credential|private|api-?key|authorization';
const KEY = new RegExp(WORDS, 'i');
/** The field of that name; `cookie` in lower case is the block of affinity. */
const COOKIE_IN_TEXT = /(?:Set-)?Cookie["']?\s*:/;
/** What a key is made of, and what may stand between it and its colon. */
const KEY_UNIT = /[\w-]/;
const SPACE = /\s/;

/** True for a key, also a misspelt or misplaced one, whose value is taken for a secret. */
export function isSensitiveKey(name: string): boolean {
  return KEY.test(name) || /^(set-)?cookie$/i.test(name) ? name !== 'cookie' : false;
}

/** Where the value of a secret key begins on a line; −1 where there is none. */
export function secretValueAt(line: string): number {
  const colon = secretColonAt(line, true);
  if (colon >= 0) return colon + 1;
  const match = COOKIE_IN_TEXT.exec(line);
  return match === null ? -1 : match.index + match[0].length;
}

/**
 * The first colon behind a key of a secret, perhaps with a quotation mark between, and white space where it may be `spaced`; −1 where there is
 * none. Goes back from each colon, so that it is linear in the length of nonsense: no key is looked at twice.
 */
function secretColonAt(text: string, spaced: boolean): number {
  for (let colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    let end = colon;
    while (spaced && end > 0 && SPACE.test(text[end - 1]!)) end--;
    if (end > 0 && (text[end - 1] === '"' || text[end - 1] === "'")) end--;
    let start = end;
    while (start > 0 && KEY_UNIT.test(text[start - 1]!)) start--;
    if (start < end && KEY.test(text.slice(start, end))) return colon;
  }
  return -1;
}

/** True when a word holds a key of a secret and its value, as `token:abc` does. */
export function holdsSecret(word: string): boolean {
  const colon = secretColonAt(word, false);
  return colon >= 0 && colon < word.length - 1;
}

/** A value for a message, without what must not be printed. */
export function masked(text: string): string {
  const safe = maskUserinfo(text);
  const colon = secretColonAt(safe, false);
  return colon >= 0 && colon < safe.length - 1 ? `${safe.slice(0, colon + 1)}***` : safe;
}

/** Blanks what stands before `@` in the URLs of a text. Linear in its length, since it also sees lines of nonsense. */
export function maskUserinfo(text: string): string {
  let result = '';
  let at = 0;
  for (;;) {
    const start = text.indexOf('://', at) + 3;
    if (start === 2) return result + text.slice(at);
    WORD_END.lastIndex = start;
    const end = WORD_END.exec(text)?.index ?? text.length;
    const sign = text.lastIndexOf('@', end - 1);
    const hides = sign >= start;
    result += text.slice(at, start) + (hides ? '***' : '') + text.slice(hides ? sign : start, end);
    at = end;
  }
}

/** A URL may stand in any place of a YAML or JSON text. */
const WORD_END = /[\s"']/g;
