// Fields and statuses of answers: order, case, repeats, odd bytes, reasons, redirects that nobody follows.
import { get, request } from '../../kit/judge.ts';
import type { DifferenceId } from '../differences.ts';
import { answer, bareAnswer, filler, type Shape, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';
const ok = (name: string, ...lines: readonly string[]): Shape => differing([], name, ...lines);
const differing = (differs: readonly DifferenceId[], name: string, ...lines: readonly string[]): Shape => ({
  differs,
  name: `an answer with ${name}`,
  send: get('/answers'),
  answer: answer('200 OK', 'ok', DATE, ...lines),
});

const statuses: Shape[] = [
  '200 OK',
  '201 Created',
  '202 Accepted',
  '203 Non-Authoritative Information',
  '205 Reset Content',
  '206 Partial Content',
  '207 Multi-Status',
  '226 IM Used',
  '299 Somewhat Well',
  '300 Multiple Choices',
  '400 Bad Request',
  '401 Unauthorized',
  '402 Payment Required',
  '403 Forbidden',
  '404 Not Found',
  '405 Method Not Allowed',
  '406 Not Acceptable',
  '409 Conflict',
  '410 Gone',
  '418 I am a teapot',
  '421 Misdirected Request',
  '422 Unprocessable Content',
  '423 Locked',
  '426 Upgrade Required',
  '429 Too Many Requests',
  '451 Unavailable For Legal Reasons',
  '499 Client Closed Request',
  '500 Internal Server Error',
  '501 Not Implemented',
  '502 Bad Gateway',
  '503 Service Unavailable',
  '504 Gateway Timeout',
  '505 HTTP Version Not Supported',
  '507 Insufficient Storage',
  '599 Whatever',
].map((status) => ({
  name: `status ${status}`,
  send: get('/answers/status'),
  answer: answer(
    status,
    status.startsWith('205') ? '' : `the app says ${status}`,
    DATE,
    'Retry-After: 5',
    'X-App: 1',
  ),
}));

const redirects: Shape[] = [
  ['301 Moved Permanently', 'https://elsewhere.example/a?b=c#d'],
  ['302 Found', 'http://a.example/absolute'],
  ['303 See Other', '../relative'],
  ['307 Temporary Redirect', '//other.example/scheme-relative'],
  ['308 Permanent Redirect', '/a path with spaces/\xe4'],
  ['302 Found', 'http://127.0.0.1:1/the/upstream/itself'],
].map(([status = '', location = '']) => ({
  name: `a redirect ${status.slice(0, 3)} to ${JSON.stringify(location)}`,
  send: get('/answers/redirect'),
  answer: answer(status, 'over there', DATE, `Location: ${location}`, 'Refresh: 0; url=/x'),
}));

export const answerFields: ShapeGroup = {
  title: 'Fields and statuses of answers',
  shapes: [
    ...statuses,
    ...redirects,
    ok(
      'the usual fields',
      'Server: app/1.2',
      'Content-Type: text/html; charset=utf-8',
      'ETag: W/"x"',
      'Last-Modified: Mon, 02 Mar 2026 10:00:00 GMT',
      'Vary: Accept, Cookie',
      'Age: 5',
    ),
    ok(
      'security fields',
      "Content-Security-Policy: default-src 'self'; script-src 'nonce-a+b/='",
      'Strict-Transport-Security: max-age=31536000',
      'X-Frame-Options: DENY',
      'Permissions-Policy: camera=()',
    ),
    ok(
      'CORS fields',
      'Access-Control-Allow-Origin: *',
      'Access-Control-Expose-Headers: X-A, X-B',
      'Access-Control-Max-Age: 600',
    ),
    ok('names in odd case', 'x-small: 1', 'X-LARGE: 2', 'eTAG: "x"'),
    ok('empty values', 'X-Empty:', 'X-Blank:  '),
    ok('whitespace around values', 'X-Wide: \t a  b \t', 'X-Narrow:c'),
    ok(
      'bytes from 0x80 to 0xFF',
      'X-Latin: \x80\xe4\xff',
      'Content-Disposition: attachment; filename="\xc3\xa4.txt"',
    ),
    differing(['repeated.kept'], 'a list in two lines', 'X-List: a', 'X-List: b'),
    differing(['repeated.kept'], 'Vary in two lines', 'Vary: Accept', 'X-Between: 1', 'Vary: Cookie'),
    differing(
      ['repeated.kept'],
      'Link in three lines',
      'Link: </a>; rel=preload',
      'Link: </b>; rel=preload',
      'Link: </c>; rel=preload',
    ),
    differing(
      ['repeated.kept'],
      'WWW-Authenticate in two lines',
      'WWW-Authenticate: Basic realm="a, b"',
      'WWW-Authenticate: Bearer',
    ),
    differing(
      ['repeated.not-lost'],
      'Content-Type in two lines',
      'Content-Type: text/plain',
      'Content-Type: text/html',
    ),
    ok('Via of the app', 'Via: 1.1 varnish'),
    ok('a name with an underscore', 'X_Under: 1'),
    ok('a value of 9,000 bytes', `X-Long: ${filler(9000)}`),
    differing(['limits.answer-head'], 'a value of 20 KiB', `X-Long: ${filler(20_480)}`),
    ok('60 fields', ...Array.from({ length: 60 }, (_, i) => `X-Field-${i}: ${i}`)),
    ok('Alt-Svc', 'Alt-Svc: h3=":443"; ma=86400'),
    differing(['proxy.auth'], 'Proxy-Authenticate', 'Proxy-Authenticate: Basic realm="x"'),
    differing(
      ['hop.removed'],
      'fields of the connection',
      'Connection: X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=99',
      'X-Stays: 1',
    ),
    differing(['hop.removed'], 'Upgrade, without a switch', 'Connection: Upgrade', 'Upgrade: h2c'),
    {
      name: 'an answer without Date',
      send: get('/answers'),
      answer: answer('200 OK', 'ok', 'Content-Type: text/plain'),
    },
    {
      name: 'an answer without a reason',
      differs: ['reason.kept'],
      send: get('/answers'),
      answer: bareAnswer('200 ', [DATE, 'Content-Length: 2'], 'ok'),
    },
    {
      name: 'an answer without the space of a reason',
      differs: ['reason.kept'],
      send: get('/answers'),
      answer: bareAnswer('200', [DATE, 'Content-Length: 2'], 'ok'),
    },
    {
      name: 'an answer with a reason of its own',
      send: get('/answers'),
      answer: bareAnswer('200 Tutto bene, grazie', [DATE, 'Content-Length: 2'], 'ok'),
    },
    {
      name: 'an answer with Latin-1 in its reason',
      send: get('/answers'),
      answer: bareAnswer('200 Sch\xf6n', [DATE, 'Content-Length: 2'], 'ok'),
    },
    {
      name: 'an answer of an HTTP/1.0 app',
      send: get('/answers'),
      answer: async (exchange) => {
        await exchange.whole();
        exchange.send(`HTTP/1.0 200 OK\r\n${DATE}\r\n\r\nold`);
        exchange.connection.halfClose();
      },
    },
    {
      name: 'an answer of an HTTP/1.0 app with a length',
      send: get('/answers'),
      answer: `HTTP/1.0 200 OK\r\n${DATE}\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold`,
    },
    {
      name: 'an answer with Connection: close',
      differs: ['close.kept-open'],
      send: get('/answers'),
      answer: answer('200 OK', 'bye', DATE, 'Connection: close'),
    },
    {
      name: 'Allow, to OPTIONS',
      differs: ['length.not-added'],
      send: request('OPTIONS', '/answers'),
      answer: answer('200 OK', '', DATE, 'Allow: GET, HEAD, OPTIONS'),
    },
  ],
};
