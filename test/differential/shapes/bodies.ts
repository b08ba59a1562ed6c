// Bodies both ways: none, empty, one byte to a mebibyte, by length and in chunks of odd sizes, with trailers.
import { chunkedPost, get, post } from '../../kit/judge.ts';
import { type AppAnswer, answer, bareAnswer, chunk, filler, type Shape, type ShapeGroup } from '../shape.ts';

const KIB = filler(1024);
const MIB = filler(1 << 20);
const everyByte = String.fromCharCode(...Array(256).keys());
const chunked = (chunks: string): string => bareAnswer('200 OK', ['Transfer-Encoding: chunked'], chunks);
/** Cut into chunks of 1, 2, 3, … bytes. */
function oddChunks(text: string): string {
  let cut = '';
  for (let at = 0, size = 1; at < text.length; at += size, size++) cut += chunk(text.slice(at, at + size));
  return cut;
}

const lengths: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['one byte', 'x'],
  ['all 256 bytes', everyByte],
  ['4 KiB', KIB.repeat(4)],
  ['just over 64 KiB', `${KIB.repeat(64)}!`],
  ['1 MiB', MIB],
];

const byLength: Shape[] = lengths.flatMap(([size, body]): Shape[] => [
  { name: `a request body by length: ${size}`, send: post('/bodies/up', body) },
  {
    name: `an answer's body by length: ${size}`,
    send: get('/bodies/down'),
    answer: answer('200 OK', body, 'Content-Type: application/octet-stream'),
  },
  {
    name: `an answer's body until the end of the connection: ${size}`,
    send: get('/bodies/close'),
    answer: untilEnd(body),
    differs: body === '' ? ['close.kept-open', 'close.empty'] : ['close.kept-open'],
  },
]);

/** An answer that is over when the connection is. */
function untilEnd(body: string): AppAnswer {
  return async (exchange) => {
    await exchange.whole();
    exchange.send(bareAnswer('200 OK', ['Content-Type: text/plain', 'Connection: close'], body));
    exchange.connection.halfClose();
  };
}

const chunkings: readonly (readonly [string, string])[] = [
  ['one chunk', `${chunk('hello')}0\r\n\r\n`],
  ['no chunk but the last', '0\r\n\r\n'],
  ['chunks of 1, 2, 3, … bytes', `${oddChunks(KIB)}0\r\n\r\n`],
  ['sizes with leading zeros', `00005\r\nhello\r\n000\r\n\r\n`],
  ['sizes in capital letters', `1A\r\n${'z'.repeat(26)}\r\n0\r\n\r\n`],
  ['data that looks like chunks', `${chunk('0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n')}0\r\n\r\n`],
  [
    '1 MiB in chunks of 10,007 bytes',
    `${MIB.match(/.{1,10007}/g)!
      .map(chunk)
      .join('')}0\r\n\r\n`,
  ],
];

const inChunks: Shape[] = chunkings.flatMap(([cut, chunks]): Shape[] => [
  { name: `a chunked request: ${cut}`, send: chunkedPost('/bodies/up', chunks) },
  { name: `a chunked answer: ${cut}`, send: get('/bodies/down'), answer: chunked(chunks) },
]);

export const bodies: ShapeGroup = {
  title: 'Bodies',
  shapes: [
    ...byLength,
    ...inChunks,
    {
      name: 'a chunked request with extensions',
      send: chunkedPost('/bodies/up', '5;name=value;other="x y"\r\nhello\r\n0;last\r\n\r\n'),
    },
    {
      name: 'a chunked answer with extensions',
      send: get('/b'),
      answer: chunked('5;a=b\r\nhello\r\n0;c\r\n\r\n'),
    },
    {
      name: 'a chunked request with a trailer',
      differs: ['trailers.passed'],
      send: chunkedPost(
        '/bodies/up',
        `${chunk('hello')}0\r\nX-Checksum: 5d41\r\nX-More: \r\n\r\n`,
        'Trailer: X-Checksum',
      ),
    },
    {
      name: 'a chunked answer with a trailer',
      differs: ['trailers.passed'],
      send: get('/b', 'Connection: TE', 'TE: trailers'),
      answer: bareAnswer(
        '200 OK',
        ['Trailer: Server-Timing', 'Transfer-Encoding: chunked'],
        `${chunk('hello')}0\r\nServer-Timing: db;dur=1\r\n\r\n`,
      ),
    },
    {
      name: 'a request body that comes in three pieces',
      send: [
        post('/bodies/up', filler(300)).slice(0, -200),
        { upstream: filler(100) },
        filler(300).slice(100, 200),
        { upstream: filler(200) },
        filler(300).slice(200),
      ],
    },
    {
      name: 'a chunked request that comes in two pieces',
      send: [chunkedPost('/bodies/up', chunk('first')), { upstream: 'first' }, `${chunk('second')}0\r\n\r\n`],
    },
    {
      name: 'a head that comes in two pieces, cut within a name',
      send: [get('/b', 'X-Cut: 1').slice(0, 30), get('/b', 'X-Cut: 1').slice(30)],
    },
    {
      name: 'an answer of length 0 to a POST',
      send: post('/b', 'hello'),
      answer: answer('201 Created', '', 'Location: /b/1'),
    },
    {
      name: 'an answer before the body was read',
      send: post('/b', 'hello'),
      answer: async (exchange) => {
        exchange.send(answer('200 OK', 'early'));
        await exchange.whole();
      },
    },
  ],
};
