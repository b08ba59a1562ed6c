// Requests that are no HTTP, or that two readers could read in two ways: who refuses what.
import { get, request } from '../../kit/judge.ts';
import type { DifferenceId } from '../differences.ts';
import { chunk, filler, type Shape, type ShapeGroup } from '../shape.ts';

const host = 'Host: a.example\r\n';
const LARGE_HEAD = get('/large', ...[1, 2, 3, 4].map((i) => `X-Long-${i}: ${filler(8500)}`));
const lengths: Shape[] = ['+5', '-5', '5 5', '0x5', '5,5', '', '5a', '99999999999999999999', '05'].map(
  (value) => ({
    name: `Content-Length: ${JSON.stringify(value)}`,
    send: `POST /length HTTP/1.1\r\n${host}Content-Length: ${value}\r\n\r\nhello`,
  }),
);

const CODING_DIFFERENCES: Readonly<Record<string, readonly DifferenceId[]>> = {
  identity: ['refuses request.framing.coding'],
  gzip: ['refuses request.framing.coding'],
  'gzip, chunked': ['refuses request.framing.coding'],
  'chunked, gzip': ['refuses request.framing.coding'],
  xchunked: ['refuses request.framing.coding'],
  Chunked: ['coding.spelling'],
};

const codings: Shape[] = [
  'identity',
  'gzip',
  'gzip, chunked',
  'chunked, chunked',
  'chunked, gzip',
  'xchunked',
  '"chunked"',
  'chunked;a=b',
  'Chunked',
  '',
  'chunked,',
  '\x0bchunked',
].map((value) => ({
  name: `Transfer-Encoding: ${JSON.stringify(value)}`,
  differs: CODING_DIFFERENCES[value] ?? [],
  send: `POST /coding HTTP/1.1\r\n${host}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`,
}));

/** Chunk sections that end in a mistake; what came before it may have been forwarded. */
const chunks: Shape[] = [
  ['a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a leading space', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['a space behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['no digit', '\r\nhello\r\n0\r\n\r\n'],
  ['a size beyond 64 bits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF behind the size', '5\nhello\r\n0\r\n\r\n'],
  ['a bare LF behind the data', '5\r\nhello\n0\r\n\r\n'],
  ['more data than said', '5\r\nhello!\r\n0\r\n\r\n'],
  ['a mistake in the second chunk', `${chunk('hello')}zz\r\n`],
  ['a bad trailer', `${chunk('hello')}0\r\nbad trailer\r\n\r\n`],
  ['a control byte in an extension', '5;a=\x01\r\nhello\r\n0\r\n\r\n'],
].map(([name = '', bytes = '']) => ({
  name: `chunks with ${name}`,
  send: `POST /chunks HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${bytes}`,
}));

/** Bytes, and the difference where there is one. */
const lineCases: readonly (readonly [name: string, bytes: string, differs?: DifferenceId])[] = [
  ['a bare LF as line end', `GET /l HTTP/1.1\n${host}\r\n`],
  ['a bare LF within the fields', `GET /l HTTP/1.1\r\n${host}X-A: 1\nX-B: 2\r\n\r\n`],
  ['a bare CR in a value', get('/l', 'X-A: 1\rX-B: 2')],
  ['NUL in a value', get('/l', 'X-A: 1\x002')],
  ['a control byte in a value', get('/l', 'X-A: 1\x012')],
  ['DEL in a value', get('/l', 'X-A: 1\x7f2')],
  ['a folded value', get('/l', 'X-A: 1', ' folded')],
  ['a space before the colon', get('/l', 'X-A : 1')],
  ['a line without a colon', get('/l', 'X-A')],
  ['an empty name', get('/l', ': 1')],
  ['a space in a name', get('/l', 'X A: 1')],
  ['a byte above 0x7F in a name', get('/l', 'X-\xe4: 1')],
  ['a space before the first field', `GET /l HTTP/1.1\r\n ${host}\r\n`],
  ['two spaces in the request line', `GET  /l HTTP/1.1\r\n${host}\r\n`, 'refuses request.line.malformed'],
  ['a tab in the request line', `GET\t/l HTTP/1.1\r\n${host}\r\n`],
  ['a space behind the version', `GET /l HTTP/1.1 \r\n${host}\r\n`],
  ['no version', `GET /l\r\n${host}\r\n`, 'refuses request.line.malformed'],
  ['a version in small letters', `GET /l http/1.1\r\n${host}\r\n`],
  ['a version of three digits', `GET /l HTTP/1.10\r\n${host}\r\n`],
  ['a space in the target', `GET /l m HTTP/1.1\r\n${host}\r\n`],
  ['five empty lines before the request', `${'\r\n'.repeat(5)}${get('/l')}`, 'refuses request.line.empty'],
  ['no Host', 'GET /l HTTP/1.1\r\n\r\n'],
  ['two Hosts', `GET /l HTTP/1.1\r\n${host}Host: b.example\r\n\r\n`, 'refuses request.host.repeated'],
  ['two Hosts that agree', `GET /l HTTP/1.1\r\n${host}${host}\r\n`, 'refuses request.host.repeated'],
  ['a Host with a path', 'GET /l HTTP/1.1\r\nHost: a.example/x\r\n\r\n', 'refuses request.host.malformed'],
  ['a Host with a user', 'GET /l HTTP/1.1\r\nHost: user@a.example\r\n\r\n', 'refuses request.host.malformed'],
  [
    'a Host with a port that is no number',
    'GET /l HTTP/1.1\r\nHost: a.example:http\r\n\r\n',
    'refuses request.host.malformed',
  ],
];

const lines: Shape[] = lineCases.map(([name, bytes, differs]) => ({
  name: `a request with ${name}`,
  send: bytes,
  differs: differs === undefined ? [] : [differs],
}));

export const strictness: ShapeGroup = {
  title: 'Requests that are refused',
  shapes: [
    ...lengths,
    ...codings,
    ...chunks,
    ...lines,
    {
      name: 'a Content-Length beyond 2^53',
      send: [request('POST', '/length', 'Content-Length: 9007199254740993'), 'half-close'],
    },
    {
      name: 'a length and chunks',
      send: `${request('POST', '/both', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    },
    {
      name: 'two equal lengths',
      send: `${request('POST', '/twice', 'Content-Length: 5', 'Content-Length: 5')}hello`,
    },
    {
      name: 'two lengths',
      send: `${request('POST', '/twice', 'Content-Length: 5', 'Content-Length: 6')}hello!`,
    },
    {
      name: 'Transfer-Encoding twice',
      send: `${request('POST', '/twice', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    },
    {
      name: 'Transfer-Encoding from HTTP/1.0',
      differs: ['refuses request.framing.version'],
      send: `POST /old HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    },
    {
      // In two writes that loopback carries whole: a proxy that closes with bytes unread resets, and a reset may take its answer along.
      name: 'a head of 34 KiB',
      send: [LARGE_HEAD.slice(0, 15_000), LARGE_HEAD.slice(15_000)],
    },
    {
      name: 'a body behind a GET that has no length',
      differs: ['close.ignores-the-rest'],
      send: [`${get('/smuggle', 'Connection: close')}hello`],
    },
    {
      name: 'a body that is cut by the client',
      differs: ['cut.silent'],
      send: [`${request('POST', '/cut', 'Content-Length: 10')}hello`, 'half-close'],
    },
    {
      name: 'chunks that are cut by the client',
      differs: ['cut.silent'],
      send: [`${request('POST', '/cut', 'Transfer-Encoding: chunked')}${chunk('hello')}`, 'half-close'],
    },
    {
      name: 'a head that is cut by the client',
      differs: ['cut.silent'],
      send: [get('/cut').slice(0, -2), 'half-close'],
    },
  ],
};
