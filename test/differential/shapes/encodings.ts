// Content codings: what is gzipped or brotlied stays so, byte for byte, in both directions.
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { get, post } from '../../kit/judge.ts';
import { answer, bareAnswer, chunk, filler, type Shape, type ShapeGroup } from '../shape.ts';

const text = Buffer.from(filler(4000));
const codings: readonly (readonly [string, string])[] = [
  ['gzip', gzipSync(text).toString('latin1')],
  ['br', brotliCompressSync(text).toString('latin1')],
  ['deflate', deflateSync(text).toString('latin1')],
  // No compressor is needed for a proxy that must not look inside.
  ['zstd', '\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00'],
  ['gzip, br', brotliCompressSync(gzipSync(text)).toString('latin1')],
  ['x-unheard-of', 'whatever that is'],
];

const bothWays: Shape[] = codings.flatMap(([coding, body]): Shape[] => [
  {
    name: `a request body in ${coding}`,
    send: post('/encodings/up', body, `Content-Encoding: ${coding}`, 'Content-Type: application/json'),
  },
  {
    name: `an answer in ${coding}, by length`,
    send: get('/encodings/down', 'Accept-Encoding: gzip, deflate, br;q=0.9, *;q=0'),
    answer: answer('200 OK', body, `Content-Encoding: ${coding}`, 'Vary: Accept-Encoding'),
  },
  {
    name: `an answer in ${coding}, chunked`,
    send: get('/encodings/down', `Accept-Encoding: ${coding}`),
    answer: bareAnswer(
      '200 OK',
      [`Content-Encoding: ${coding}`, 'Transfer-Encoding: chunked'],
      `${chunk(body.slice(0, 7))}${chunk(body.slice(7))}0\r\n\r\n`,
    ),
  },
]);

export const encodings: ShapeGroup = {
  title: 'Content codings',
  shapes: [
    ...bothWays,
    { name: 'no Accept-Encoding is sent for a client that sends none', send: get('/encodings/none') },
    { name: 'an empty Accept-Encoding', send: get('/encodings/empty', 'Accept-Encoding:') },
    {
      name: 'Accept-Encoding: identity',
      send: get('/encodings/identity', 'Accept-Encoding: identity;q=1, *;q=0'),
    },
    {
      name: 'an answer that says identity',
      send: get('/encodings/identity'),
      answer: answer('200 OK', 'plain', 'Content-Encoding: identity'),
    },
    {
      name: 'an answer that is said to be gzip and is not',
      send: get('/encodings/lie', 'Accept-Encoding: gzip'),
      answer: answer('200 OK', 'not gzip at all', 'Content-Encoding: gzip'),
    },
    {
      name: 'digests, types and languages of content',
      send: post(
        '/encodings/digest',
        'hello',
        'Content-Type: text/plain; charset="utf-8"',
        'Content-Language: de, en',
        'Repr-Digest: sha-256=:abc=:',
        'Content-MD5: XUFAKrxLKna5cZ2REBfFkg==',
      ),
      answer: answer(
        '200 OK',
        'hallo',
        'Content-Type: text/plain;charset=iso-8859-1',
        'Content-Language: de',
        'Digest: sha-256=abc=',
      ),
    },
  ],
};
