// Fields of the connection and of proxies: what goes one hop only, what a stranger may not claim.
import { get, post } from '../../kit/judge.ts';
import type { DifferenceId } from '../differences.ts';
import { answer, bareAnswer, type Shape, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';

/** Each sent by a client that is no trusted proxy. */
const claims: readonly (readonly [line: string, differs: readonly DifferenceId[]])[] = [
  ['X-Forwarded-For: 1.2.3.4', ['claims.replaced']],
  ['X-Forwarded-For: 1.2.3.4, 5.6.7.8', ['claims.replaced']],
  ['X-Forwarded-Proto: https', ['claims.replaced']],
  ['X-Forwarded-Host: evil.example', ['claims.replaced']],
  ['X-Forwarded-Port: 444', ['claims.replaced']],
  ['X-Real-IP: 1.2.3.4', ['claims.replaced']],
  ['Forwarded: for=1.2.3.4;proto=https', ['claims.replaced']],
  ['X-Request-Id: claimed', ['claims.replaced']],
  ['traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', ['claims.replaced']],
  ['Limpet-User: admin', ['limpet.own-names']],
  ['Limpet-Session: valid', ['limpet.own-names']],
  ['limpet-anything: 1', ['limpet.own-names']],
  ['Proxy: http://evil.example', ['proxy.dropped']],
  ['Proxy-Authorization: Basic eA==', ['proxy.auth']],
  ['Via: 1.1 other-proxy', []],
  ['tracestate: a=b', ['claims.replaced']],
  ['CF-Connecting-IP: 1.2.3.4', []],
  ['X-Original-URL: /admin', []],
];

const claimed: Shape[] = claims.map(([line, differs]) => ({
  name: `a stranger's ${line}`,
  send: get('/forwarded', line),
  differs,
}));

export const forwarded: ShapeGroup = {
  title: 'Fields of connections and proxies',
  shapes: [
    ...claimed,
    {
      name: 'a field named by Connection',
      differs: ['hop.removed'],
      send: get('/hop', 'Connection: X-Hop, x-two', 'X-Hop: 1', 'X-Two: 2', 'X-Stays: 3'),
    },
    {
      name: 'Connection that names Cookie and Authorization',
      send: get('/hop', 'Connection: Cookie, Authorization', 'Cookie: a=1', 'Authorization: Basic eA=='),
    },
    {
      name: 'Connection that names Content-Length',
      send: post('/hop', 'hello', 'Connection: Content-Length'),
    },
    { name: 'Keep-Alive', send: get('/hop', 'Connection: keep-alive', 'Keep-Alive: timeout=5') },
    { name: 'Proxy-Connection', differs: ['hop.removed'], send: get('/hop', 'Proxy-Connection: keep-alive') },
    { name: 'TE: trailers', send: get('/hop', 'Connection: TE', 'TE: trailers') },
    { name: 'TE: gzip', differs: ['hop.removed'], send: get('/hop', 'Connection: TE', 'TE: gzip') },
    { name: 'Trailer without chunks', differs: ['trailer.crash'], send: get('/hop', 'Trailer: X-Later') },
    {
      name: 'Upgrade, which nobody named in Connection',
      differs: ['hop.removed'],
      send: get('/hop', 'Upgrade: websocket'),
    },
    {
      name: 'HTTP2-Settings and h2c',
      differs: ['upgrade.any'],
      send: get(
        '/hop',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      ),
    },
    {
      name: 'Via in an answer',
      send: get('/hop'),
      answer: answer('200 OK', 'ok', DATE, 'Via: 1.1 varnish', 'X-Cache: HIT'),
    },
    {
      name: 'Proxy-Connection and Keep-Alive in an answer',
      differs: ['hop.removed'],
      send: get('/hop'),
      answer: answer(
        '200 OK',
        'ok',
        DATE,
        'Proxy-Connection: x',
        'Keep-Alive: timeout=9',
        'Connection: keep-alive',
      ),
    },
    {
      name: 'Limpet fields in an answer',
      differs: ['limpet.own-names'],
      send: get('/hop'),
      answer: answer('200 OK', 'ok', DATE, 'Limpet-User: ada'),
    },
    {
      name: 'Trailer in an answer that is not chunked',
      differs: ['trailer.crash'],
      send: get('/hop'),
      answer: bareAnswer('200 OK', [DATE, 'Trailer: X-Later', 'Content-Length: 2'], 'ok'),
    },
  ],
};
