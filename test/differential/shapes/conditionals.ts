// Ranges and conditions: all of it is between client and app.
import { get, request } from '../../kit/judge.ts';
import { answer, bareAnswer, type Shape, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';
const partial = (range: string, body: string): string =>
  answer('206 Partial Content', body, DATE, `Content-Range: ${range}`, 'ETag: "v1"');
const parts =
  '--sep\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--sep\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--sep--\r\n';

const ranges: Shape[] = [
  ['bytes=0-3', 'bytes 0-3/10', '0123'],
  ['bytes=-2', 'bytes 8-9/10', '89'],
  ['bytes=9-', 'bytes 9-9/10', '9'],
  ['bytes=0-0', 'bytes 0-0/*', '0'],
  ['items=1-2', 'items 1-2/3', 'two'],
].map(([range = '', content = '', body = '']) => ({
  name: `Range: ${range}`,
  send: get('/range', `Range: ${range}`),
  answer: partial(content, body),
}));

const conditions: Shape[] = [
  'If-None-Match: "v1"',
  'If-None-Match: W/"v1", "v0"',
  'If-None-Match: *',
  'If-Modified-Since: Tue, 03 Mar 2026 10:00:00 GMT',
  'If-Modified-Since: yesterday',
].map((line) => ({
  name: `304 to ${line}`,
  send: get('/conditional', line),
  answer: bareAnswer('304 Not Modified', [DATE, 'ETag: "v1"', 'Cache-Control: max-age=60', 'Vary: Accept']),
}));

export const conditionals: ShapeGroup = {
  title: 'Ranges and conditions',
  shapes: [
    ...ranges,
    ...conditions,
    {
      name: '304 with a length',
      send: get('/conditional', 'If-None-Match: "v1"'),
      answer: bareAnswer('304 Not Modified', [DATE, 'ETag: "v1"', 'Content-Length: 10']),
    },
    {
      name: '304 with Transfer-Encoding',
      differs: ['coding.of-no-body'],
      send: get('/conditional', 'If-None-Match: "v1"'),
      answer: bareAnswer('304 Not Modified', [DATE, 'Transfer-Encoding: chunked']),
    },
    {
      name: 'several ranges',
      send: get('/range', 'Range: bytes=0-1,8-9'),
      answer: answer('206 Partial Content', parts, DATE, 'Content-Type: multipart/byteranges; boundary=sep'),
    },
    {
      name: 'a range that cannot be had',
      send: get('/range', 'Range: bytes=100-'),
      answer: answer('416 Range Not Satisfiable', '', DATE, 'Content-Range: bytes */10'),
    },
    {
      name: 'If-Range',
      send: get('/range', 'Range: bytes=0-3', 'If-Range: "v1"'),
      answer: partial('bytes 0-3/10', '0123'),
    },
    {
      name: 'If-Match that fails',
      send: `${request('PUT', '/conditional', 'If-Match: "v0"', 'Content-Length: 3')}new`,
      answer: answer('412 Precondition Failed', '', DATE),
    },
    {
      name: 'If-Unmodified-Since',
      differs: ['length.not-added'],
      send: request('DELETE', '/conditional', 'If-Unmodified-Since: Tue, 03 Mar 2026 10:00:00 GMT'),
      answer: bareAnswer('204 No Content', [DATE]),
    },
    {
      name: 'HEAD of a file',
      send: request('HEAD', '/range'),
      answer: bareAnswer('200 OK', [DATE, 'Accept-Ranges: bytes', 'Content-Length: 1234567', 'ETag: "v1"']),
    },
    {
      name: 'HEAD of a chunked page',
      differs: ['coding.of-no-body'],
      send: request('HEAD', '/chunked'),
      answer: bareAnswer('200 OK', [DATE, 'Transfer-Encoding: chunked']),
    },
    {
      name: 'HEAD without a length',
      send: request('HEAD', '/unknown'),
      answer: bareAnswer('200 OK', [DATE, 'Content-Type: text/html']),
    },
    {
      name: 'HEAD of what is not there',
      send: request('HEAD', '/gone'),
      answer: bareAnswer('404 Not Found', [DATE, 'Content-Length: 9']),
    },
    {
      name: 'HEAD with a range',
      send: request('HEAD', '/range', 'Range: bytes=0-3'),
      answer: bareAnswer('206 Partial Content', [DATE, 'Content-Range: bytes 0-3/10', 'Content-Length: 4']),
    },
    { name: '204 to a GET', send: get('/nothing'), answer: bareAnswer('204 No Content', [DATE, 'X-App: 1']) },
    {
      name: '204 with a length of 0',
      differs: ['length.of-204'],
      send: get('/nothing'),
      answer: bareAnswer('204 No Content', [DATE, 'Content-Length: 0']),
    },
    { name: '204 to HEAD', send: request('HEAD', '/nothing'), answer: bareAnswer('204 No Content', [DATE]) },
    {
      name: 'a GET with a length that the app answers 304 without Date',
      send: get('/c', 'If-None-Match: "v1"'),
      answer: bareAnswer('304 Not Modified', ['ETag: "v1"']),
    },
  ],
};
