// Bytes as Python's `repr` writes them: some frameworks hash that text.

/** `b'…'` for bytes given as one character each. Objects/bytesobject.c of Python 3.11, `PyBytes_Repr`. */
export function pythonBytesRepr(bytes: string): string {
  const quote = bytes.includes("'") && !bytes.includes('"') ? '"' : "'";
  let text = `b${quote}`;
  for (const char of bytes) {
    const code = char.charCodeAt(0);
    if (char === quote || char === '\\') text += `\\${char}`;
    else if (char === '\t') text += '\\t';
    else if (char === '\n') text += '\\n';
    else if (char === '\r') text += '\\r';
    else if (code < 0x20 || code > 0x7e) text += `\\x${code.toString(16).padStart(2, '0')}`;
    else text += char;
  }
  return text + quote;
}
