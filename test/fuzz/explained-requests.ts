// Where Limpet and llhttp differ about a request, but for its body.
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for.
import {
  ABSOLUTE,
  accepts,
  authority,
  CLOSED,
  differ,
  type Explanation,
  oddExtension,
  oddOption,
  refuses,
  trailerHas,
  upgradesNothing,
} from './explanation.ts';
import { LLHTTP_METHODS } from './llhttp-reading.ts';
import { isHost, trailerLines } from './message-view.ts';

export const REQUEST_EXPLANATIONS: readonly Explanation[] = [
  refuses(
    'request',
    'line.empty',
    'L2, RFC 9112 2.2',
    'llhttp skips any number of empty lines before a request, Limpet four.',
    (view) => view.emptyLines > 4,
  ),
  refuses(
    'request',
    'line.malformed',
    'R1, RFC 9112 3',
    'llhttp takes more than one space in a request line, and requests of HTTP/0.9 without a version.',
    (view) => !/^[^ \t]+ [^ \t]+ [^ \t]+$/.test(view.line),
  ),
  refuses(
    'request',
    'line.bare-lf',
    'L1, RFC 9112 2.2',
    'llhttp skips bare LFs before a request, and takes them behind the line of HTTP/0.9.',
    (view) => /(?:^|[^\r])\n/.test(view.text),
  ),
  refuses('request', 'line.bare-cr', 'L1, RFC 9112 2.2', 'llhttp skips bare CRs before a request.', (view) =>
    /\r(?!\n)/.test(view.text),
  ),
  refuses(
    'request',
    'line.too-long',
    'F11, RFC 9110 15.5.15',
    'llhttp has no bound of its own on the line.',
    (view) => view.line.length > 8192,
  ),
  refuses(
    'request',
    'head.too-large',
    'F11',
    'The bound of llhttp is out of reach here.',
    (view) => view.head.length + 4 > 32_768,
  ),
  refuses(
    'request',
    'head.fields',
    'F11',
    'llhttp does not count fields.',
    (view) => view.lines.length > 100,
  ),
  refuses(
    'request',
    'version.malformed',
    'R3, RFC 9112 2.3',
    'llhttp takes RTSP, ICE and HTTP/0.9.',
    (view) => !/^HTTP\/[1-9]\.\d$/.test(view.version),
  ),
  refuses('request', 'version.unsupported', 'R3', 'llhttp takes HTTP/2.0 in the guise of HTTP/1.', (view) =>
    /^HTTP\/[2-9]\.\d$/.test(view.version),
  ),
  refuses(
    'request',
    'method.trace',
    'R2, RFC 9110 9.3.8',
    'TRACE would mirror credentials.',
    (view) => view.method === 'TRACE',
  ),
  refuses(
    'request',
    'method.connect',
    'R2, RFC 9110 9.3.6',
    'CONNECT asks for a tunnel.',
    (view) => view.method === 'CONNECT',
  ),
  refuses('request', 'target.bytes', 'R5, RFC 9112 3.2', 'llhttp takes a fragment in the target.', (view) =>
    /[^\x21-\x7e]|#/.test(view.target),
  ),
  refuses(
    'request',
    'target.form',
    'R4, RFC 9112 3.2',
    'llhttp takes any scheme, and an asterisk for any method.',
    (view) => !view.target.startsWith('/') && !ABSOLUTE.test(view.target),
  ),
  refuses(
    'request',
    'target.userinfo',
    'R4, RFC 9110 4.2.4',
    'llhttp takes a user in an absolute target.',
    (view) => ABSOLUTE.test(view.target) && authority(view.target).includes('@'),
  ),
  refuses(
    'request',
    'host.missing',
    'R7, RFC 9112 3.2',
    'llhttp does not look at Host.',
    (view) => view.values('Host').length === 0,
  ),
  refuses(
    'request',
    'host.repeated',
    'R7, RFC 9112 3.2',
    'llhttp does not look at Host.',
    (view) => view.values('Host').length > 1,
  ),
  refuses(
    'request',
    'host.malformed',
    'R7, RFC 9110 7.2',
    'llhttp does not look at Host, and only roughly at the authority of an absolute target.',
    (view) =>
      view.values('Host').some((host) => host !== '' && !isHost(host)) ||
      (ABSOLUTE.test(view.target) && !isHost(authority(view.target))),
  ),
  refuses('request', 'expect', 'C5, RFC 9110 10.1.1', 'llhttp does not look at Expect.', (view) =>
    view.values('Expect').some((value) => value.toLowerCase() !== '100-continue'),
  ),
  accepts(
    'request',
    'HPE_INVALID_METHOD Invalid method encountered',
    'R2, RFC 9110 9.1',
    'llhttp knows a list of methods, Limpet passes every token of up to 32 bytes on.',
    (view) => /^[\w!#$%&'*+.^`|~-]{1,32}$/.test(view.method) && !LLHTTP_METHODS.has(view.method),
  ),
  accepts(
    'request',
    'HPE_INVALID_METHOD Expected space after method',
    'R2, RFC 9110 9.1',
    'The same, for a token that begins like a known method.',
    (view) => /^[\w!#$%&'*+.^`|~-]{1,32}$/.test(view.method) && !LLHTTP_METHODS.has(view.method),
  ),
  {
    side: 'request',
    kind: '*',
    stricter: 'neither',
    source: 'R2, R3',
    why: 'Behind PRI llhttp looks for the preface of HTTP/2 and waits or refuses; to Limpet it is a token like others, and refused with HTTP/2.0.',
    holds: (view) => view.method === 'PRI',
  },
  accepts(
    'request',
    'HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value',
    'F8, RFC 9110 6.5.1',
    'llhttp reads Transfer-Encoding in trailers as if it stood in the head; Limpet drops it there.',
    trailerHas(/^Transfer-Encoding:/i),
  ),
  accepts(
    'request',
    CLOSED,
    'F8, RFC 9110 6.5.1',
    'llhttp obeys Connection in a trailer section, Limpet drops it there.',
    trailerHas(/^(?:Proxy-)?Connection:/i),
  ),
  accepts(
    'request',
    'HPE_UPGRADE',
    'F6, F8',
    'Node tells no reason once an upgrade was asked for; it is one of those above, in the body.',
    (view) => view.values('Upgrade').length > 0 && (oddExtension(view) || trailerLines(view.body).length > 0),
  ),
  differ(
    'request',
    'upgrade',
    'C7, RFC 9110 7.8',
    'Limpet asks for no upgrade of HTTP/1.0, to nothing, or to h2c.',
    (view) => view.version === 'HTTP/1.0' || upgradesNothing(view) || oddOption(view),
  ),
];
