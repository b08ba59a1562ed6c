// Streams: what the app sends reaches the client before the app sends more; interim answers come first.
import { get, post, request } from '../../kit/judge.ts';
import { answer, bareAnswer, chunk, type Shape, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';
const head = (...lines: readonly string[]): string =>
  bareAnswer('200 OK', [DATE, ...lines, 'Transfer-Encoding: chunked']);
const event = (i: number): string => `id: ${i}\nevent: tick\ndata: {"tick": ${i}}\n\n`;

const interim: Shape[] = [
  [
    '103 with links',
    bareAnswer('103 Early Hints', ['Link: </a.css>; rel=preload', 'Link: </b.js>; rel=preload']),
  ],
  ['102', bareAnswer('102 Processing', [])],
  ['100 that nobody asked for', bareAnswer('100 Continue', [])],
  [
    '102, 103 and 103',
    `${bareAnswer('102 Processing', [])}${bareAnswer('103 Early Hints', ['Link: </a>']).repeat(2)}`,
  ],
  ['a 1xx nobody registered', bareAnswer('142 Whatever', ['X-App: 1'])],
].map(([name = '', bytes = '']) => ({
  name: `interim answers: ${name}`,
  differs: ['interim.passed'],
  send: get('/interim'),
  answer: `${bytes}${answer('200 OK', 'ok', DATE)}`,
}));

export const streams: ShapeGroup = {
  title: 'Streams and interim answers',
  shapes: [
    ...interim,
    {
      name: 'server-sent events, one by one',
      send: get('/events', 'Accept: text/event-stream', 'Last-Event-ID: 0'),
      answer: {
        pieces: [
          [
            `${head('Content-Type: text/event-stream', 'Cache-Control: no-store', 'X-Accel-Buffering: no')}${chunk(': hello\n\n')}`,
            ': hello',
          ],
          ...[1, 2, 3, 4, 5].map((i) => [chunk(event(i)), `"tick": ${i}`] as const),
          ['0\r\n\r\n', '\r\n0\r\n\r\n'],
        ],
      },
    },
    {
      name: 'an answer by length, in three pieces',
      send: get('/slow'),
      answer: {
        pieces: [
          [bareAnswer('200 OK', [DATE, 'Content-Length: 9'], 'one'), 'one'],
          ['two', 'two'],
          ['six', 'six'],
        ],
      },
    },
    {
      name: 'chunks of one byte, one by one',
      send: get('/slow'),
      answer: {
        pieces: [
          [`${head()}${chunk('first')}`, 'first'],
          ...[...'abcdefghij'].map((letter) => [chunk(letter), `${letter}\r\n`] as const),
          ['0\r\n\r\n', '\r\n0\r\n\r\n'],
        ],
      },
    },
    {
      name: 'a chunk that comes cut in its size line',
      send: get('/slow'),
      answer: async (exchange) => {
        await exchange.whole();
        for (const letter of `${head()}${chunk('sixteen letters!')}0\r\n\r\n`) {
          exchange.send(letter);
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    },
    {
      name: 'an echo: each piece of the request is answered before the next is sent',
      send: [
        `${request('POST', '/echo', 'Transfer-Encoding: chunked')}${chunk('ping 1')}`,
        { client: 'pong 1' },
        chunk('ping 2'),
        { client: 'pong 2' },
        '0\r\n\r\n',
      ],
      answer: async (exchange) => {
        await exchange.connection.untilText('ping 1');
        exchange.send(`${head()}${chunk('pong 1')}`);
        await exchange.connection.untilText('ping 2');
        exchange.send(chunk('pong 2'));
        await exchange.whole();
        exchange.send('0\r\n\r\n');
      },
    },
    {
      name: 'newline-delimited JSON, until the end of the connection',
      differs: ['close.kept-open'],
      send: get('/lines'),
      answer: async (exchange) => {
        await exchange.whole();
        exchange.send(
          bareAnswer(
            '200 OK',
            [DATE, 'Content-Type: application/x-ndjson', 'Connection: close'],
            '{"a":1}\n',
          ),
        );
        exchange.send('{"a":2}\n');
        exchange.connection.halfClose();
      },
    },
    {
      name: 'HEAD of a stream',
      send: request('HEAD', '/events'),
      answer: bareAnswer('200 OK', [DATE, 'Content-Type: text/event-stream', 'Cache-Control: no-store']),
    },
    {
      name: 'HEAD with a length',
      send: request('HEAD', '/slow'),
      answer: bareAnswer('200 OK', [DATE, 'Content-Length: 1048576']),
    },
    {
      name: '204 to a POST',
      send: post('/beacon', '{"x":1}', 'Content-Type: application/json'),
      answer: bareAnswer('204 No Content', [DATE]),
    },
  ],
};
