// Makes what an upstream may send for one request: interim answers, a final one, and what should not be there.
import type { Chance } from './chance.ts';
import { chunkedBody } from './chunk-grammar.ts';

const RARE = 32;
const STATUSES = [
  '200 OK',
  '200',
  '200 ',
  '204 No Content',
  '304 Not Modified',
  '404 Not Found',
  '500 Oops',
  '302 Found',
];
const ODD_STATUSES = [
  ...[
    '100 Continue',
    '101 Switching Protocols',
    '103 Early Hints',
    '199 x',
    '600 x',
    '099 x',
    '999 x',
    '000',
    '20 OK',
  ],
  ...[
    '2000 OK',
    'abc',
    '',
    ' 200 OK',
    '200\tOK',
    '200  OK',
    '200 \x80',
    '200 \0',
    '200OK',
    '-20 x',
    '0x1',
    '200 \x7f',
  ],
  ...['200 a\rb', '200 \x01', '206 Partial', '205 Reset', '599 x', '200 OK\t'],
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'];
const ODD_VERSIONS = [
  ...[
    'HTTP/1.2',
    'HTTP/2.0',
    'HTTP/0.9',
    'http/1.1',
    'HTTP/1',
    'HTTP/1.10',
    'HTTP/01.1',
    'ICY',
    'RTSP/1.0',
    'ICE/1.0',
  ],
  ...['', ' HTTP/1.1', 'HTTP/1,1', 'HTTP 1.1', '\r\nHTTP/1.1', '\nHTTP/1.1', 'HTTP/1.1\t', 'HTTP/9.9'],
];
/** In the end-to-end run the mark of each answer stands here. */
export const ANSWER_MARK = 'X-A:b';
const FIELDS = [
  ...[
    'Date: Mon, 27 Jul 2009 12:28:53 GMT',
    'Server: x',
    'Set-Cookie: a=b; Path=/',
    'Set-Cookie: c=d',
    ANSWER_MARK,
  ],
  ...['Content-Type: text/plain', 'Vary: *', 'X_U: 1', 'Location: /x', 'ETag: "a"', 'X-Empty:'],
];
const ODD_FIELDS = [
  ...[
    'X : a',
    ' X: a',
    '\tX: a',
    'X a',
    ': a',
    'X\0: a',
    'X: \0',
    'X: a\x01b',
    'X: a\r\n b',
    'X: a\nY: b',
    'X: a\rb',
  ],
  ...[
    'X: \x80\xff',
    'X:\t a \t',
    '',
    'X',
    'X(: a',
    'X:\x0b',
    'X: \x7f',
    'Upgrade: x',
    'Trailer: x',
    `X: ${'y'.repeat(5000)}`,
  ],
];
const LENGTHS = ['0', '3', '5', '12'];
const ODD_LENGTHS = [
  ...[
    '+3',
    '-1',
    '',
    '3,3',
    '3, 3',
    '0x3',
    '3 ',
    '3\t',
    '3 3',
    '999999999999999',
    '1000000000000000',
    '3;',
    'x',
    '03',
  ],
  ...['18446744073709551616', '18446744073709551615', '3\0', '3.0'],
];
const CODINGS = [
  ...[
    'chunked',
    'chunked',
    'chunked',
    'Chunked',
    'gzip',
    'gzip, chunked',
    'chunked, gzip',
    'identity',
    'xchunked',
  ],
  ...[
    'chunked, chunked',
    'chunked;x',
    '"chunked"',
    'chunked,',
    '\x0bchunked',
    'chunked\0',
    '',
    'chunked\r\n x',
    ' chunked ',
  ],
];
const CONNECTIONS = [
  'keep-alive',
  'close',
  'Close',
  'upgrade',
  'keep-alive, close',
  'closed',
  'close;x',
  'x,'.repeat(70),
];
const LINE_ENDS = ['\n', '\r', '\r\r\n', '', '\n\n', ' \r\n', '\0\r\n', '\r\n ', '\n\r'];

/** Interim answers, a final one, and what may stand behind it. */
export function makeAnswer(chance: Chance): string {
  let text = '';
  for (let i = chance.one(8) ? 1 + chance.below(3) : 0; i > 0; i--) {
    text += `HTTP/1.1 ${chance.pick(['100 Continue', '103 Early Hints', '102 x', '100'])}\r\n`;
    text += chance.pick(['\r\n', 'Link: </x>\r\n\r\n', 'Content-Length: 3\r\n\r\n', 'X: y\r\n\r\n']);
  }
  text += answer(chance);
  if (chance.one(6))
    text += chance.pick(['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '\r\n', 'x', answer(chance)]);
  return chance.one(12) ? text.slice(0, chance.below(text.length + 1)) : text;
}

function answer(chance: Chance): string {
  const end = (): string => (chance.one(RARE * 6) ? chance.pick(LINE_ENDS) : '\r\n');
  const space = chance.one(RARE * 4) ? chance.pick(['  ', '\t', '', '\0']) : ' ';
  const lines: string[] = [];
  if (chance.one(10_000)) lines.push(`X-Long: ${'y'.repeat(66_000)}`);
  if (chance.one(1000)) for (let i = 254 + chance.below(5); i > 0; i--) lines.push('X-A: b');
  for (let i = chance.below(4); i > 0; i--) lines.push(chance.mostly(FIELDS, 16, ODD_FIELDS));
  if (chance.one(6)) lines.push(`Connection: ${chance.pick(CONNECTIONS)}`);
  const { fields, body } = framing(chance);
  for (const line of fields) lines.splice(chance.below(lines.length + 1), 0, line);
  const status = chance.mostly(STATUSES, 10, ODD_STATUSES);
  let text = `${chance.mostly(VERSIONS, RARE, ODD_VERSIONS)}${space}${status}${end()}`;
  for (const line of lines) text += `${line}${end()}`;
  return `${text}${end()}${body}`;
}

function framing(chance: Chance): { fields: string[]; body: string } {
  const sort = chance.below(8);
  if (sort < 3) {
    const length = chance.mostly(LENGTHS, 12, ODD_LENGTHS);
    const fields = [`Content-Length: ${length}`];
    if (chance.one(20)) fields.push(`Content-Length: ${chance.pick(LENGTHS)}`);
    const said = Number.parseInt(length, 10);
    const bytes = Number.isNaN(said) || said < 0 || said > 99 ? 3 : said;
    return { fields, body: chance.octets(chance.one(12) ? chance.below(9) : bytes) };
  }
  if (sort < 6) {
    const fields = [`Transfer-Encoding: ${chance.mostly(['chunked'], 6, CODINGS)}`];
    if (chance.one(20)) fields.push(`Transfer-Encoding: ${chance.pick(CODINGS)}`);
    if (chance.one(20)) fields.push(`Content-Length: ${chance.pick(LENGTHS)}`);
    return { fields, body: chunkedBody(chance) };
  }
  return { fields: [], body: chance.octets(chance.below(10)) };
}

/** Words for the mutator. */
export const RESPONSE_WORDS: readonly string[] = [
  ...[
    '\r\n',
    '\r\n\r\n',
    '\n',
    '\r',
    ' ',
    '\t',
    ':',
    '0\r\n\r\n',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
  ],
  ...[
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'X: y\r\n',
    '204',
    '304',
    '101',
  ],
  ...[
    '\0',
    '\x80',
    'chunked',
    'gzip, ',
    '3\r\nabc\r\n',
    ';a=b',
    '+',
    '-',
    'HTTP/1.0',
    'Content-Length: 0\r\n',
    '\r\n ',
  ],
];
