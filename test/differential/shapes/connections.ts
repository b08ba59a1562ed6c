// Connections: HTTP/1.0 clients, close and keep-alive, pipelining, half-closing, Expect.
import { chunkedPost, get, post, request } from '../../kit/judge.ts';
import type { Exchange } from '../../kit/raw-upstream.ts';
import { answer, bareAnswer, chunk, filler, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';
const old = (...lines: readonly string[]): string =>
  `GET /old HTTP/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const chunked = bareAnswer(
  '200 OK',
  [DATE, 'Transfer-Encoding: chunked'],
  `${chunk('one')}${chunk('two')}0\r\n\r\n`,
);

/** Answers with the request's target, so that the order of answers shows. */
async function sayTarget(exchange: Exchange): Promise<void> {
  await exchange.whole();
  exchange.send(answer('200 OK', exchange.target, DATE));
}

/** Sends 100 at once, answers when the body came. */
async function goOn(exchange: Exchange): Promise<void> {
  exchange.send('HTTP/1.1 100 Continue\r\n\r\n');
  const message = await exchange.whole();
  exchange.send(answer('200 OK', `got ${message.body.length}`, DATE));
}

const expecting = request('POST', '/expect', 'Expect: 100-continue', 'Content-Length: 5');

export const connections: ShapeGroup = {
  title: 'Connections',
  shapes: [
    { name: 'HTTP/1.0 with Host', send: old('Host: a.example') },
    { name: 'HTTP/1.0 without Host', differs: ['forwarded.no-host'], send: old() },
    { name: 'HTTP/1.0 with keep-alive', send: old('Host: a.example', 'Connection: keep-alive') },
    {
      name: 'HTTP/1.0 with keep-alive in capital letters',
      send: old('Host: a.example', 'Connection: Keep-Alive'),
    },
    { name: 'HTTP/1.0 with close', send: old('Host: a.example', 'Connection: close') },
    { name: 'HTTP/1.0 and a chunked answer', send: old('Host: a.example'), answer: chunked },
    {
      name: 'HTTP/1.0 with keep-alive and a chunked answer',
      send: old('Host: a.example', 'Connection: keep-alive'),
      answer: chunked,
    },
    {
      name: 'HTTP/1.0 POST',
      send: 'POST /old HTTP/1.0\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello',
    },
    {
      name: 'HTTP/1.0 HEAD',
      send: 'HEAD /old HTTP/1.0\r\nHost: a.example\r\n\r\n',
      answer: bareAnswer('200 OK', [DATE, 'Content-Length: 99']),
    },
    {
      name: 'HTTP/1.0 and an interim answer',
      send: old('Host: a.example'),
      answer: `${bareAnswer('103 Early Hints', ['Link: </a>'])}${answer('200 OK', 'ok', DATE)}`,
    },
    {
      name: 'HTTP/1.0 with Expect',
      differs: ['expect.understood'],
      send: [
        'POST /old HTTP/1.0\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
        'hello',
      ],
      answer: sayTarget,
    },
    { name: 'HTTP/1.2', differs: ['version.minor'], send: 'GET /new HTTP/1.2\r\nHost: a.example\r\n\r\n' },
    {
      name: 'HTTP/2.0 as text',
      differs: ['refuses request.version.unsupported'],
      send: 'GET /new HTTP/2.0\r\nHost: a.example\r\n\r\n',
    },
    {
      name: 'the preface of HTTP/2',
      differs: ['refuses request.version.unsupported'],
      send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    },
    { name: 'Connection: close', send: get('/close', 'Connection: close') },
    {
      name: 'Connection: Close in another case, with more',
      differs: ['hop.removed'],
      send: get('/close', 'Connection: X-Own, Close', 'X-Own: 1'),
    },
    { name: 'Connection: keep-alive', send: get('/keep', 'Connection: keep-alive') },
    { name: 'Connection: close on a POST', send: post('/close', 'hello', 'Connection: close') },
    {
      name: 'three requests one after another',
      send: [get('/1'), { client: '/1' }, get('/2'), { client: '/2' }, get('/3')],
      answers: 3,
      answer: sayTarget,
    },
    {
      name: 'a GET, a POST, a HEAD, a GET on one connection',
      send: [
        get('/1'),
        { client: '/1' },
        post('/2', 'hello'),
        { client: '/2' },
        request('HEAD', '/3'),
        get('/4'),
      ],
      answers: 4,
      methods: ['GET', 'POST', 'HEAD', 'GET'],
      answer: async (exchange) => {
        if (exchange.method !== 'HEAD') return sayTarget(exchange);
        await exchange.whole();
        exchange.send(bareAnswer('200 OK', [DATE, 'Content-Length: 2']));
      },
    },
    {
      name: 'three requests in one packet',
      send: get('/1') + get('/2') + get('/3'),
      answers: 3,
      answer: sayTarget,
    },
    {
      name: 'a POST and a GET in one packet',
      send: post('/1', 'hello') + get('/2'),
      answers: 2,
      answer: sayTarget,
    },
    {
      name: 'a chunked POST and a GET in one packet',
      send: chunkedPost('/1', `${chunk('hello')}0\r\n\r\n`) + get('/2'),
      answers: 2,
      answer: sayTarget,
    },
    {
      name: 'twenty requests in one packet',
      send: Array.from({ length: 20 }, (_, i) => get(`/${i}`)).join(''),
      answers: 20,
      answer: sayTarget,
    },
    {
      name: 'two requests in one packet, the first with close',
      differs: ['close.ignores-the-rest'],
      send: get('/1', 'Connection: close') + get('/2'),
      answers: 2,
      answer: sayTarget,
    },
    {
      name: 'a CRLF between two requests',
      send: `${get('/1')}\r\n${get('/2')}`,
      answers: 2,
      answer: sayTarget,
    },
    {
      name: 'a large answer and another behind it',
      send: get('/1') + get('/2'),
      answers: 2,
      answer: async (exchange) => {
        await exchange.whole();
        exchange.send(answer('200 OK', exchange.target === '/1' ? filler(300_000) : 'small', DATE));
      },
    },
    {
      name: 'a client that half-closes behind its request',
      differs: ['half-close.answered'],
      send: [get('/half', 'Connection: close'), 'half-close'],
    },
    {
      name: 'Expect: 100-continue, and the app says 100',
      differs: ['expect.last'],
      send: [expecting, { client: '100 Continue' }, 'hello'],
      answer: goOn,
    },
    {
      name: 'Expect: 100-continue, and the app answers at once',
      differs: ['expect.end-to-end'],
      send: [expecting, { client: 'HTTP/1.1' }, 'hello'],
      answer: async (exchange) => {
        exchange.send(answer('200 OK', 'no need', DATE, 'Connection: close'));
        await exchange.whole();
      },
    },
    {
      name: 'Expect: 100-continue from a client that does not wait',
      differs: ['expect.last'],
      send: `${expecting}hello`,
      answer: goOn,
    },
    {
      name: 'Expect: 100-continue without a body',
      differs: ['expect.end-to-end', 'expect.last'],
      send: get('/expect', 'Expect: 100-continue'),
    },
    {
      name: 'Expect in other letters',
      differs: ['expect.understood', 'expect.last'],
      send: [expecting.replace('100-continue', '100-Continue'), { client: '100 Continue' }, 'hello'],
      answer: goOn,
    },
    {
      name: 'Expect of something else',
      differs: ['refusal.closes'],
      send: post('/expect', 'hello', 'Expect: the-unexpected'),
    },
  ],
};
