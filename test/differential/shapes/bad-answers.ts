// Answers that are no HTTP, or that end too early: the client must never take one for whole, nor get bytes of another.
import { get, post, request } from '../../kit/judge.ts';
import type { DifferenceId } from '../differences.ts';
import { type AppAnswer, answer, bareAnswer, chunk, filler, type Shape, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';

/** Where the oracle passes on what is no answer. */
const BAD_DIFFERENCES: Readonly<Record<string, readonly DifferenceId[]>> = {
  'an unknown transfer coding': ['refuses response.framing.coding'],
  'a status of 600': ['refuses response.status'],
  'another version': ['refuses response.version'],
};

const malformed: Shape[] = [
  [
    'a length and chunks',
    bareAnswer('200 OK', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
  ],
  ['two lengths', bareAnswer('200 OK', ['Content-Length: 2', 'Content-Length: 3'], 'okk')],
  ['two equal lengths', bareAnswer('200 OK', ['Content-Length: 2', 'Content-Length: 2'], 'ok')],
  ['a length with a sign', bareAnswer('200 OK', ['Content-Length: +2'], 'ok')],
  ['an unknown transfer coding', bareAnswer('200 OK', ['Transfer-Encoding: gzip'], 'ok')],
  ['a chunk without a size', bareAnswer('200 OK', ['Transfer-Encoding: chunked'], 'zz\r\n')],
  ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['a folded field', bareAnswer('200 OK', ['X-A: 1', ' folded', 'Content-Length: 2'], 'ok')],
  ['NUL in a value', bareAnswer('200 OK', ['X-A: 1\x002', 'Content-Length: 2'], 'ok')],
  ['a space before a colon', bareAnswer('200 OK', ['X-A : 1', 'Content-Length: 2'], 'ok')],
  ['a status of two digits', bareAnswer('20 OK', ['Content-Length: 2'], 'ok')],
  ['a status of 600', bareAnswer('600 Beyond', ['Content-Length: 2'], 'ok')],
  ['another version', 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['no HTTP at all', '220 mail.example ESMTP ready\r\n'],
].map(([name = '', bytes = '']) => ({
  name: `an answer with ${name}`,
  send: post('/bad', 'x'),
  answer: bytes,
  differs: BAD_DIFFERENCES[name] ?? [],
}));

/** Ends the connection where the answer is not whole yet. */
const cut = (bytes: string): AppAnswer => {
  return async (exchange) => {
    await exchange.whole();
    exchange.send(bytes);
    exchange.connection.halfClose();
  };
};

export const badAnswers: ShapeGroup = {
  title: 'Answers that are bad or cut',
  shapes: [
    ...malformed,
    {
      name: 'an answer cut within its length',
      send: get('/cut'),
      answer: cut(bareAnswer('200 OK', [DATE, 'Content-Length: 100'], 'only this')),
    },
    {
      name: 'an answer cut within a chunk',
      send: get('/cut'),
      answer: cut(bareAnswer('200 OK', [DATE, 'Transfer-Encoding: chunked'], `${chunk('first')}64\r\nonly`)),
    },
    {
      name: 'an answer cut before its last chunk',
      send: get('/cut'),
      answer: cut(bareAnswer('200 OK', [DATE, 'Transfer-Encoding: chunked'], chunk('first'))),
    },
    {
      name: 'an answer cut by a reset',
      send: get('/cut'),
      answer: {
        pieces: [[bareAnswer('200 OK', [DATE, 'Transfer-Encoding: chunked'], chunk('first')), 'first']],
        end: 'reset',
      },
    },
    {
      name: 'an answer cut within its head',
      send: post('/cut', 'x'),
      answer: cut(`HTTP/1.1 200 OK\r\n${DATE}\r\nContent-`),
    },
    { name: 'no answer to a POST', send: post('/none', 'x'), answer: cut('') },
    {
      name: 'a HEAD answered with a body',
      differs: ['body.where-none-is'],
      send: request('HEAD', '/poison'),
      answer: answer('200 OK', 'a body', DATE),
    },
    {
      name: 'a 204 answered with a body',
      send: get('/poison'),
      answer: bareAnswer('204 No Content', [DATE], 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'),
    },
    {
      name: 'a 304 answered with a body',
      differs: ['body.where-none-is'],
      send: get('/poison'),
      answer: bareAnswer('304 Not Modified', [DATE, 'Content-Length: 6'], 'poison'),
    },
    {
      name: 'bytes behind an answer',
      send: get('/poison'),
      answer: `${answer('200 OK', 'ok', DATE)}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`,
    },
    {
      name: 'a head of 20 KiB in an answer',
      differs: ['limits.answer-head'],
      send: get('/large'),
      answer: answer('200 OK', 'ok', DATE, ...[1, 2, 3].map((i) => `X-Long-${i}: ${filler(7000)}`)),
    },
  ],
};
