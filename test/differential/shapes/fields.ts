// Fields of requests: repeated, long, empty, odd bytes, case, order, many.
import { get, post, request } from '../../kit/judge.ts';
import { filler, type Shape, type ShapeGroup } from '../shape.ts';

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-Field-${i}: value ${i}`);

/** Fields that browsers, programs and crawlers send, each to pass as it is. */
const usual: readonly string[] = [
  'Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
  'Accept-Language: de-CH, de;q=0.9, *;q=0.5',
  'Authorization: Basic dXNlcjpwYXNz',
  'Authorization: Bearer a.b-c_d.e=',
  'Cache-Control: no-cache, max-age=0',
  'DNT: 1',
  'From: somebody@example.com',
  'Origin: https://a.example',
  'Pragma: no-cache',
  'Referer: https://a.example/a?b=c#d',
  'Sec-Fetch-Mode: cors',
  'Sec-CH-UA: "Chromium";v="130", "Not?A_Brand";v="99"',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) (comment (nested))',
  'Priority: u=1, i',
  'Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"',
  'If-None-Match: "a", W/"b"',
  'Baggage: a=b,c=d',
  'X-Requested-With: XMLHttpRequest',
  'X-CSRF-Token: a+b/c==',
  'Upgrade-Insecure-Requests: 1',
];

const single: Shape[] = usual.map((line) => ({
  name: `a request with ${line.slice(0, 40)}`,
  send: get('/fields', line),
}));

export const fields: ShapeGroup = {
  title: 'Fields of requests',
  shapes: [
    ...single,
    {
      name: 'all of these in one request',
      send: get('/fields', ...usual.filter((line) => !line.startsWith('Authorization: Ba'))),
    },
    { name: 'a list in one line', send: get('/fields', 'X-List: a, b,c ,, d') },
    {
      name: 'a list in three lines',
      differs: ['repeated.kept'],
      send: get('/fields', 'X-List: a', 'X-List: b', 'X-List: c'),
    },
    {
      name: 'a list in two lines with others between',
      differs: ['repeated.kept'],
      send: get('/fields', 'X-List: a', 'X-Other: 1', 'x-list: b'),
    },
    {
      name: 'Accept in two lines',
      differs: ['repeated.kept'],
      send: get('/fields', 'Accept: text/html', 'Accept: */*;q=0.1'),
    },
    {
      name: 'Content-Type in two lines',
      differs: ['repeated.not-lost'],
      send: post('/fields', 'hello', 'Content-Type: text/plain', 'Content-Type: text/html'),
    },
    {
      name: 'User-Agent in two lines',
      differs: ['repeated.not-lost'],
      send: get('/fields', 'User-Agent: a', 'User-Agent: b'),
    },
    {
      name: 'Authorization in two lines',
      differs: ['repeated.not-lost'],
      send: get('/fields', 'Authorization: Basic YQ==', 'Authorization: Basic Yg=='),
    },
    {
      name: 'If-None-Match in two lines',
      differs: ['repeated.kept'],
      send: get('/fields', 'If-None-Match: "a"', 'If-None-Match: "b"'),
    },
    { name: 'an empty value', send: get('/fields', 'X-Empty:', 'X-Blank:   ') },
    { name: 'whitespace around a value', send: get('/fields', 'X-Wide: \t  a  b \t ', 'X-Narrow:c') },
    { name: 'tabs within a value', send: get('/fields', 'X-Tab: a\tb') },
    { name: 'a value of 6,000 bytes', send: get('/fields', `X-Long: ${filler(6000)}`) },
    {
      name: 'a head of 20 KiB',
      differs: ['limits.request-head'],
      send: get(
        '/fields',
        `X-Long-1: ${filler(7000)}`,
        `X-Long-2: ${filler(7000)}`,
        `X-Long-3: ${filler(6000)}`,
      ),
    },
    { name: 'a name of 200 letters', send: get('/fields', `X-${'n'.repeat(198)}: 1`) },
    { name: '60 fields', send: get('/fields', ...many(60)) },
    { name: '99 fields beside Host', send: get('/fields', ...many(99)) },
    {
      name: '100 fields beside Host',
      differs: ['refuses request.head.fields'],
      send: get('/fields', ...many(100)),
    },
    { name: 'bytes from 0x80 to 0xFF in a value', send: get('/fields', 'X-Latin: \x80\xa0\xe4\xf6\xfc\xff') },
    { name: 'UTF-8 in a value', send: get('/fields', 'X-Name: Z\xc3\xbcrich \xe2\x82\xac') },
    {
      name: 'every printable byte in a value',
      send: get('/fields', `X-All: ${String.fromCharCode(...Array.from({ length: 94 }, (_, i) => i + 33))}`),
    },
    { name: 'every letter of a token in a name', send: get('/fields', "X!#$%&'*+-.^`|~9: 1") },
    {
      name: 'names in odd case',
      send: get('/fields', 'x-small: 1', 'X-LARGE: 2', 'x-MiXeD: 3', 'ACCEPT: */*'),
    },
    {
      name: 'a name with an underscore',
      differs: ['underscores.dropped'],
      send: get('/fields', 'X_Under: 1', 'X-Under: 2'),
    },
    {
      name: 'names that mean something to JavaScript',
      send: get('/fields', 'constructor: 2', 'toString: 3', 'hasOwnProperty: 4'),
    },
    {
      name: 'Host in another case, with a port',
      send: 'GET /fields HTTP/1.1\r\nhost: A.Example:8080\r\n\r\n',
    },
    { name: 'Host as an IPv6 address', send: 'GET /fields HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n' },
    {
      name: 'Host after other fields',
      send: 'GET /fields HTTP/1.1\r\nX-First: 1\r\nHost: a.example\r\nX-Last: 2\r\n\r\n',
    },
    {
      name: 'an empty Host',
      differs: ['forwarded.no-host', 'host.empty'],
      send: 'GET /fields HTTP/1.1\r\nHost:\r\n\r\n',
    },
    { name: 'a Content-Type without a body', send: get('/fields', 'Content-Type: application/json') },
    { name: 'a Content-Length of 0 on a GET', send: get('/fields', 'Content-Length: 0') },
    { name: 'a Date of the client', send: get('/fields', 'Date: Tue, 03 Mar 2026 10:00:00 GMT') },
    { name: 'two empty lines before the request', send: `\r\n\r\n${get('/fields')}` },
    { name: 'Max-Forwards on a GET', send: get('/fields', 'Max-Forwards: 7') },
    {
      name: 'Max-Forwards on OPTIONS',
      differs: ['length.not-added', 'max-forwards.counted'],
      send: request('OPTIONS', '/fields', 'Max-Forwards: 7'),
    },
    {
      name: 'Max-Forwards: 0 on OPTIONS',
      differs: ['options.here'],
      send: request('OPTIONS', '/fields', 'Max-Forwards: 0'),
    },
  ],
};
