// Knows what must not be printed: values of keys that hold secrets, and the users of URLs.

/** Words in the name of a key whose value is a secret. */
const WORDS = 'secret|token|passw|passphrase|credential|private|api-?key|authorization';
const KEY = new RegExp(WORDS, 'i');
/** A key and its colon in text that may not be YAML at all. */
const KEY_IN_TEXT = new RegExp(`(?:${WORDS})[\\w-]*["']?\\s*:`, 'i');
/** The field of that name; `cookie` in lower case is the block of affinity. */
const COOKIE_IN_TEXT = /(?:Set-)?Cookie["']?\s*:/;
/** What follows such a key without a space, which to YAML is one word. */
const VALUE_IN_WORD = new RegExp(`((?:${WORDS})[\\w-]*["']?:).+`, 'is');

/** True for a key, also a misspelt or misplaced one, whose value is taken for a secret. */
export function isSensitiveKey(name: string): boolean {
  return KEY.test(name) || /^(set-)?cookie$/i.test(name) ? name !== 'cookie' : false;
}

/** Where the value of a secret key begins on a line; −1 where there is none. */
export function secretValueAt(line: string): number {
  const match = KEY_IN_TEXT.exec(line) ?? COOKIE_IN_TEXT.exec(line);
  return match === null ? -1 : match.index + match[0].length;
}

/** True when a word holds a key of a secret and its value, as `token:abc` does. */
export function holdsSecret(word: string): boolean {
  return VALUE_IN_WORD.test(word);
}

/** A value for a message, without what must not be printed. */
export function masked(text: string): string {
  return maskUserinfo(text).replace(VALUE_IN_WORD, '$1***');
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
