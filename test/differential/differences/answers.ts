// Listed differences of what the client gets, and of when connections end.
import { type Difference, dropped, field, outcome, sameNames } from '../difference.ts';

export const ANSWER_DIFFERENCES = {
  'coding.of-no-body': {
    oracle: '`Transfer-Encoding` of an answer that has no body goes on.',
    limpet: 'It is dropped: it says how a body would be framed on that connection.',
    rule: 'RFC 9112 6.1',
    explains: field('answer.field', /^transfer-encoding$/, dropped),
  },
  'length.of-204': {
    oracle: 'A `Content-Length` of a 204 goes on.',
    limpet: 'It is dropped, since a 204 must not have one.',
    rule: 'RFC 9110 8.6',
    explains: field(
      'answer.field',
      /^content-length$/,
      ({ oracle, limpet }) => oracle === '"0"' && limpet === '',
    ),
  },
  'repeated.spelling': {
    oracle: 'Lines of one field get one spelling of its name.',
    limpet: 'Each line keeps its own.',
    rule: 'RFC 9110 5.1',
    explains: (found) => found.kind === 'answer.names' && sameNames(found),
  },
  'trailers.passed': {
    oracle: 'Trailers are lost.',
    limpet: 'They go on as trailers, but for those that may not be one.',
    rule: 'RFC 9110 6.5',
    explains: ({ kind, oracle, limpet }) =>
      (kind.endsWith('.trailers') && oracle === '[]') ||
      (kind === 'client.result' &&
        oracle.includes('"trailers":{}') &&
        /"trailers":\{"x-sum":"42"\}/.test(limpet)),
  },
  'trailer.crash': {
    oracle: 'A `Trailer` field without chunks makes it throw where nobody can catch: the process ends.',
    limpet: 'It is a field like any other.',
    rule: 'RFC 9110 6.6.2',
    explains: outcome('closed without an answer', 'answered 200'),
  },
  'close.kept-open': {
    oracle: 'An upstream that closes its connection has the client’s closed as well.',
    limpet: 'The client’s connection goes on: it is another one.',
    rule: 'RFC 9110 7.6.1',
    explains: ({ kind, oracle, limpet }) =>
      kind === 'connection' && oracle === 'closes' && limpet === 'goes on',
  },
  'close.empty': {
    oracle: 'An answer until the end of the connection that is empty gets a length of 0.',
    limpet: 'It is passed on while it comes, and so chunked: its length is not known when its head is sent.',
    rule: 'RFC 9112 6.3',
    explains: ({ kind, name, limpet }) =>
      (kind === 'answer.field' && name === 'content-length' && limpet === '') ||
      (kind === 'answer.field' && name === 'transfer-encoding' && limpet === '"chunked"') ||
      (kind === 'answer.framing' && limpet === 'chunked'),
  },
  'date.added': {
    oracle:
      'An answer without `Date` that refuses an upgrade goes on without; any other gets one, as at Limpet.',
    limpet: 'Every final answer without `Date` gets the time at which it came.',
    rule: 'RFC 9110 6.6.1',
    explains: field('answer.field', /^date$/, ({ oracle, limpet }) => oracle === '' && limpet === '"now"'),
  },
  'reason.kept': {
    oracle: 'An empty reason is filled in.',
    limpet: 'It stays empty.',
    rule: 'RFC 9112 4',
    explains: ({ kind, limpet }) => kind === 'answer.reason' && limpet === '',
  },
  'interim.passed': {
    oracle: 'Interim answers are lost.',
    limpet: 'They reach the client in their order.',
    rule: 'RFC 9110 15.2',
    explains: ({ kind, oracle, limpet }) =>
      kind === 'answer.count' && oracle === '' && /^(1\d\d ?)+$/.test(limpet),
  },
  'expect.end-to-end': {
    oracle: 'Says 100 itself, whatever the app thinks, and also where no body follows.',
    limpet: 'The app says it; an app that answers at once is not sent a body that it did not ask for.',
    rule: 'RFC 9110 10.1.1',
    explains: ({ kind, oracle, limpet }) =>
      (kind === 'answer.count' && oracle === '100' && limpet === '') ||
      (kind === 'request.count' && oracle === '1' && limpet === '0'),
  },
  'expect.understood': {
    oracle: '`Expect` goes on as it was spelled, and from HTTP/1.0 too.',
    limpet:
      'It is said anew to the app as `100-continue`, and not for an HTTP/1.0 client, which can’t be told.',
    rule: 'RFC 9110 10.1.1',
    explains: field(
      'request.field',
      /^expect$/,
      ({ limpet }) => limpet === '' || limpet === '"100-continue"',
    ),
  },
  'refusal.closes': {
    oracle: 'The connection goes on behind a 417.',
    limpet: 'It ends with every refusal: nothing that follows one is read as a request.',
    rule: 'RFC 9112 11.2',
    explains: ({ kind, oracle, limpet }) =>
      kind === 'connection' && oracle === 'goes on' && limpet === 'closes',
  },
  'close.ignores-the-rest': {
    oracle: 'Bytes behind a request that says `close` make it refuse that request too.',
    limpet: 'The request is answered, the rest is not looked at.',
    rule: 'RFC 9112 9.6',
    explains: outcome('refused 400', 'answered 200'),
  },
  'half-close.answered': {
    oracle: 'A client that half-closes behind its request is hung up on.',
    limpet: 'It still gets its answer.',
    rule: 'RFC 9112 9.6',
    explains: outcome('closed without an answer', 'answered 200'),
  },
  'cut.silent': {
    oracle: 'A request that the client cuts short is answered 400.',
    limpet:
      'The connection is closed: who left reads no answer. The upstream sees no whole request either way.',
    rule: 'RFC 9112 8',
    explains: outcome('refused 400', 'closed without an answer'),
  },
  'limits.answer-head': {
    oracle: 'An answer’s head above 16 KiB is a 502.',
    limpet: 'Up to `limits.responseHead`, 64 KiB, is taken.',
    rule: 'RFC 9110 15.6.3',
    explains: outcome('refused 502', 'answered 200'),
  },
  'body.where-none-is': {
    oracle: 'An answer to HEAD, or a 304, with a body behind it is a 502.',
    limpet: 'The head goes on, the bytes reach nobody, and the upstream’s connection is destroyed.',
    rule: 'RFC 9112 6.3',
    explains: (found) =>
      outcome('refused 502', 'answered 200')(found) || outcome('refused 502', 'answered 304')(found),
  },
  'upgrade.forwarded': {
    oracle: 'Of an upgrade, `X-Forwarded-Proto` is `ws` and `X-Forwarded-Host` is left out.',
    limpet: 'Both are what they are for any other request: the scheme is http.',
    rule: 'RFC 6455 4.1: the handshake is an HTTP request',
    explains: field('request.field', /^x-forwarded-(proto|host)$/, ({ name, oracle, limpet }) =>
      name === 'x-forwarded-proto'
        ? oracle === '"ws"' && limpet === '"http"'
        : oracle === '' && limpet !== '',
    ),
  },
  'upgrade.names': {
    oracle: 'Names of fields in the answer to an upgrade are put in small letters.',
    limpet: 'They go on as the app spelled them.',
    rule: 'RFC 9110 5.1',
    explains: (found) => found.kind === 'answer.names' && found.oracle === found.limpet.toLowerCase(),
  },
  'upgrade.any': {
    oracle: 'An upgrade to anything but a WebSocket is hung up on.',
    limpet:
      'Any protocol may be asked for, and the app switches if it likes; `h2c` alone never goes on, and such a request is answered in plain.',
    rule: 'RFC 9110 7.8, RFC 9113 3.1',
    explains: ({ kind, oracle, limpet }) =>
      kind === 'outcome' && oracle === 'closed without an answer' && /^answered (101|200)$/.test(limpet),
  },
} satisfies Readonly<Record<string, Difference>>;
