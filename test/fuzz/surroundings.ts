// Bytes around a value that must not be looked at: what is found may not depend on them.

/** What stands before and behind a value, so that a reader that leaves it is found out. */
export const SURROUNDINGS = ['sid=x; limpet=y; ', ';\t=\0\r\n ; ; ;x=1'];

/** The bytes between `around` twice; they begin at its length. */
export function surrounded(bytes: Buffer, around: string): Buffer {
  const edge = Buffer.from(around, 'latin1');
  return Buffer.concat([edge, bytes, edge]);
}

/** Without the whitespace around it, as RFC 6265 5.2 has it. */
export const trimmed = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');
