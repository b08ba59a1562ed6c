// What parsers make of a cookie's value: percent-decoding, quotes and their escapes, each as lenient as its origin.

/** decodeURIComponent, or the value as it is where that fails (npm `cookie`). Bytes become UTF-8 text. */
export function percentDecoded(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Ruby's URI.decode_www_form_component: `+` is a space; a `%` without two digits leaves the whole value as it is. */
export function wwwDecoded(value: string): string {
  if (!/[%+]/.test(value)) return value;
  if (/%(?![0-9a-f]{2})/i.test(value)) return value;
  const bytes = value
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Python's http.cookies._unquote: quotes around go, `\054` and `\"` inside are undone. */
export function unquotePython(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  return value
    .slice(1, -1)
    .replace(/\\(?:([0-3][0-7]{2})|([\s\S]))/g, (_, octal: string | undefined, other: string | undefined) =>
      octal === undefined ? (other ?? '') : String.fromCharCode(Number.parseInt(octal, 8)),
    );
}

/** Whether a blank stands at `at`. */
export function isSpace(text: string, at: number): boolean {
  const c = text.charCodeAt(at);
  return c === 0x20 || (c >= 0x09 && c <= 0x0d);
}
