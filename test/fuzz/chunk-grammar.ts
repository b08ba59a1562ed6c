// Makes chunked bodies, with what chunk lines, extensions, data ends and trailers can have wrong.
import type { Chance } from './chance.ts';

const RARE = 24;
const ODD_SIZES = [
  ...[
    '',
    '+3',
    '-3',
    ' 3',
    '3 ',
    '3\t',
    '0x3',
    '3h',
    'g',
    '3\0',
    '00000000000000000003',
    '0000000000003',
    '3 ;a',
  ],
  ...[
    'fffffffffffff',
    'ffffffffffffff',
    'ffffffffffffffff',
    '10000000000000003',
    '3\r',
    '3\n',
    '\n3',
    '3.',
    '3,',
  ],
];
const EXTENSIONS = [';a', ';a=b', ';a="b"', ';a=b;c=d', '; a = b', ';a="b c;d"', ';a="\\""'];
const ODD_EXTENSIONS = [
  ...[
    ';',
    ';;',
    '; ',
    ';a\t',
    ';a ',
    ';a="',
    ';a="\n"',
    ';a\rb',
    ';a\nb',
    ';a\0',
    ';\x80',
    ';a="\x7f"',
    ' ;a',
    '\t;a',
  ],
  ...[
    `;${'x'.repeat(254)}`,
    `;${'x'.repeat(255)}`,
    `;${'x'.repeat(256)}`,
    ';a=b\x0b',
    ';=',
    ';a=',
    ';a="b"c',
    ';"a"',
    ';a="\\',
    ';a="\t"',
  ],
];
const TRAILERS = ['X-T: v', 'x-sum:1', 'ETag: "x"', 'X-Empty:'];
const ODD_TRAILERS = [
  ...[
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding:',
    'Transfer-Encoding: x',
    'Host: b',
    'Cookie: a=b',
    'Limpet-User: x',
    'X_T: v',
    'T : v',
  ],
  ...[
    ' X: v',
    'X-T v',
    ': v',
    'X\0: v',
    'X: \0',
    'X: a\r\n b',
    'X: a\nY: b',
    'Connection: close',
    'Trailer: x',
  ],
  ...[
    'Authorization: x',
    `X: ${'y'.repeat(9000)}`,
    'X-Forwarded-For: 1',
    'Upgrade: x',
    'Set-Cookie: a=b',
    'X:\x80',
  ],
];
const LINE_ENDS = ['\n', '\r', '', '\r\r\n', ' \r\n', '\n\n', '\r\n\r\n', '\0\r\n', '\r\n '];

/** A body with its last chunk and trailer section, mostly sound. */
export function chunkedBody(chance: Chance): string {
  const end = (): string => (chance.one(RARE * 4) ? chance.pick(LINE_ENDS) : '\r\n');
  let text = '';
  for (let i = chance.below(4); i > 0; i--) {
    const data = chance.one(4) ? '0\r\n\r\n' : chance.octets(1 + chance.below(chance.one(8) ? 40 : 6));
    const digits = data.length.toString(16);
    text += chance.mostly([digits, digits.toUpperCase(), `0${digits}`], RARE, ODD_SIZES);
    text += `${extension(chance)}${end()}${data}${end()}`;
  }
  if (chance.one(RARE)) return text;
  text += `${chance.mostly(['0'], RARE, ['00', '000', '0 ', '0\t', '', '0x0', '-0', '0000000000000000'])}`;
  text += `${extension(chance)}${end()}`;
  if (chance.one(4)) {
    for (let i = 1 + chance.below(3); i > 0; i--)
      text += `${chance.mostly(TRAILERS, 6, ODD_TRAILERS)}${end()}`;
  }
  return `${text}${end()}`;
}

function extension(chance: Chance): string {
  return chance.one(6) ? chance.mostly(EXTENSIONS, 6, ODD_EXTENSIONS) : '';
}

/** Words for the mutator. */
export const CHUNK_WORDS: readonly string[] = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '0\r\n\r\n',
    '0\r\n',
    '3\r\nabc\r\n',
    ';',
    ';a=b',
    ' ',
    '\t',
    '0',
    'f',
    'ffffffff',
    '\0',
  ],
  ...['X-T: v\r\n', 'Content-Length: 1\r\n', ': ', '\r\n\r\n', '"', '1;x\r\n', 'GET / HTTP/1.1\r\n\r\n'],
];
