// Listed differences of strictness: what Limpet refuses and `http-proxy` passes on, or refuses with another status.
import { type Difference, refuses } from '../difference.ts';

export const REFUSAL_DIFFERENCES = {
  'refuses request.framing.coding': refuses(
    'Refused with 400, or passed on as it came.',
    'request.framing.coding',
    'the coding is well formed and unknown here, which has a status of its own; a list of codings would have to be trusted blindly.',
    'RFC 9112 6.1, 7',
  ),
  'refuses request.framing.version': refuses(
    'HTTP/1.0 with `Transfer-Encoding` is passed on as chunked.',
    'request.framing.version',
    'whoever speaks 1.0 can’t mean it, and another proxy on the way may have read a length.',
    'RFC 9112 6.1',
  ),
  'refuses request.line.malformed': refuses(
    'Two spaces in the request line, or no version (HTTP/0.9), are taken.',
    'request.line.malformed',
    'exactly one space stands between three words.',
    'RFC 9112 3',
  ),
  'refuses request.line.empty': refuses(
    'Any number of empty lines before a request is skipped.',
    'request.line.empty',
    'at most four are.',
    'RFC 9112 2.2',
  ),
  'refuses request.line.too-long': refuses(
    'A request line of 9,000 bytes is taken.',
    'request.line.too-long',
    '`limits.requestLine` is 8 KiB.',
    'RFC 9110 15.5.15',
  ),
  'refuses request.head.fields': refuses(
    'More than 100 fields are taken.',
    'request.head.fields',
    '`limits.fields` is 100.',
    'RFC 6585 5',
  ),
  'refuses request.host.repeated': refuses(
    'Of two `Host` fields the first is passed on.',
    'request.host.repeated',
    'two readers may choose two hosts.',
    'RFC 9112 3.2',
  ),
  'refuses request.host.malformed': refuses(
    'A `Host` that is none is passed on.',
    'request.host.malformed',
    'what is no `host[:port]` would reach routes, logs and links of apps.',
    'RFC 9112 3.2, RFC 9110 7.2',
  ),
  'refuses request.version.unsupported': refuses(
    '`HTTP/2.0` in a request line is read as HTTP/1.1, or is a 400.',
    'request.version.unsupported',
    'another major version has other messages.',
    'RFC 9110 2.5, 15.6.6',
  ),
  'refuses request.method.trace': refuses(
    '`TRACE` is passed on.',
    'request.method.trace',
    'it would mirror cookies and credentials.',
    'RFC 9110 9.3.8',
  ),
  'refuses request.method.connect': refuses(
    '`CONNECT` is hung up on.',
    'request.method.connect',
    'it is told that this is no method here.',
    'RFC 9110 9.3.6',
  ),
  'refuses request.target.nul': refuses(
    'An escaped NUL in a path is passed on.',
    'request.target.nul',
    'apps cut their file names at it.',
    'RFC 3986 7.3',
  ),
  'refuses request.target.climbs': refuses(
    'A path that climbs above its root is passed on.',
    'request.target.climbs',
    'there is nothing there that a client may ask for.',
    'RFC 3986 5.2.4',
  ),
  'refuses request.target.bytes': refuses(
    'A `#` in the target is cut off with what follows.',
    'request.target.bytes',
    'no fragment is part of a request target.',
    'RFC 9112 3.2',
  ),
  'refuses request.target.form': refuses(
    'Another scheme, or `*` with GET, is passed on.',
    'request.target.form',
    'those are no targets for that method and listener.',
    'RFC 9112 3.2',
  ),
  'refuses request.target.userinfo': refuses(
    'A user in an absolute target is passed over.',
    'request.target.userinfo',
    'it is deprecated and used to deceive.',
    'RFC 9110 4.2.4',
  ),
  'refuses response.framing.coding': refuses(
    'An answer in an unknown transfer coding is passed on, with a body that ends nobody knows where.',
    'response.framing.coding',
    'its end can’t be found.',
    'RFC 9112 6.1, 6.3',
  ),
  'refuses response.status': refuses(
    'Status 600 is passed on.',
    'response.status',
    'a status is a number from 100 to 599.',
    'RFC 9110 15',
  ),
  'refuses response.version': refuses(
    'An answer that says HTTP/2.0 is taken for HTTP/1.1.',
    'response.version',
    'another major version has other messages.',
    'RFC 9110 2.5',
  ),
} satisfies Readonly<Record<string, Difference>>;
