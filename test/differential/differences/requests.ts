// Listed differences of what the upstream gets of a request that both pass on.
import { values } from '../../kit/http-message.ts';
import {
  asSent,
  type Difference,
  dropped,
  field,
  orderAsSent,
  outcome,
  sameNames,
  spelledAsSent,
  words,
} from '../difference.ts';

export const REQUEST_DIFFERENCES = {
  'names.kept': {
    oracle: 'Names of request fields are put in small letters.',
    limpet: 'Names go on as they were spelled, since some apps look at the letters.',
    rule: 'RFC 9110 5.1: no letter case is right or wrong',
    everywhere: true,
    explains: (found) => found.kind === 'request.names' && sameNames(found) && spelledAsSent(found),
  },
  'order.kept': {
    oracle: 'The order of request fields is turned round.',
    limpet: 'The order is the one they came in.',
    rule: 'RFC 9110 5.3',
    everywhere: true,
    explains: (found) => found.kind === 'request.order' && orderAsSent(found),
  },
  'hop.own': {
    oracle: '`Connection` of one side is passed to the other, and `Keep-Alive` is added.',
    limpet: 'Each connection has its own; only what the version does not say by itself is said.',
    rule: 'RFC 9110 7.6.1, RFC 9112 9.3',
    everywhere: true,
    explains: (found) =>
      /\.field$/.test(found.kind) &&
      /^(connection|keep-alive)$/.test(found.name) &&
      /^(|"close"|"keep-alive"|"TE"|"Upgrade")$/.test(found.limpet),
  },
  'ids.added': {
    oracle: 'Sends no ids, and no `X-Real-IP`.',
    limpet:
      'Adds `X-Request-Id`, `traceparent` and `X-Real-IP`, so that logs can be joined and apps know the client.',
    rule: 'W3C Trace Context 2; common use',
    everywhere: true,
    explains: field(
      'request.field',
      /^(x-request-id|traceparent|x-real-ip)$/,
      ({ oracle, limpet }) =>
        oracle === '' && /^"([0-9a-f]{32}|00-[0-9a-f]{32}-[0-9a-f]{16}-00|127\.0\.0\.1)"$/.test(limpet),
    ),
  },
  'forwarded.port': {
    oracle: '`X-Forwarded-Port` is the one that the client claims in `Host`, or 80.',
    limpet: 'It is the port that the client really came to.',
    rule: 'common use; `Host` is the client’s word (RFC 9110 7.2)',
    everywhere: true,
    explains: field(
      'request.field',
      /^x-forwarded-port$/,
      ({ oracle, limpet }) => /^"\d+"$/.test(oracle) && /^"\d{5}"$/.test(limpet),
    ),
  },
  'claims.replaced': {
    oracle:
      'What a stranger says in `X-Forwarded-*`, `Forwarded` or of ids goes on, with its own hop behind it.',
    limpet:
      'Is believed only of `trustedProxies`, and replaced otherwise: else anybody could be any address.',
    rule: 'RFC 7239 8.1',
    explains: field(
      'request.field',
      /^(x-forwarded-(for|proto|host|port)|forwarded|x-real-ip|x-request-id|traceparent|tracestate)$/,
      (found) => {
        const claimed = found.sent === undefined ? [] : values(found.sent, found.name);
        return (
          claimed.length > 0 &&
          claimed.every((claim) => found.oracle.includes(claim) && !found.limpet.includes(claim))
        );
      },
    ),
  },
  'limpet.own-names': {
    oracle: '`Limpet-*` goes on both ways.',
    limpet: 'Nobody but Limpet tells the app in such fields who is logged in, and no client is told.',
    rule: 'docs/configuration.md, `sessions.*.pass`',
    explains: (found) => /\.field$/.test(found.kind) && /^limpet-/.test(found.name) && dropped(found),
  },
  'expect.last': {
    oracle: '`Expect` is turned round with the other fields.',
    limpet:
      'It stands behind the others: it is written with each attempt, as the upstream of that one can take it.',
    rule: 'RFC 9110 5.3: the order of names means nothing',
    explains: (found) =>
      found.kind === 'request.order' &&
      words(found.limpet).at(-1) === 'expect' &&
      orderAsSent({ ...found, limpet: words(found.limpet).slice(0, -1).join(' ') }),
  },
  'proxy.dropped': {
    oracle: '`Proxy` goes on, which CGI apps take for `HTTP_PROXY`.',
    limpet: 'It is dropped.',
    rule: 'CVE-2016-5385 (httpoxy)',
    explains: field('request.field', /^proxy$/, dropped),
  },
  'proxy.auth': {
    oracle: 'Credentials and challenges meant for the proxy go on.',
    limpet: 'They end here unless `proxyAuth` is configured.',
    rule: 'RFC 9110 11.7',
    explains: (found) => /^proxy-auth/.test(found.name) && dropped(found),
  },
  'hop.removed': {
    oracle:
      'Fields of one connection go on to the next: what `Connection` names, `Proxy-Connection`, `TE`, `Upgrade` that leads to no switch.',
    limpet: 'They end with their connection.',
    rule: 'RFC 9110 7.6.1, 10.1.4, 7.8',
    explains: (found) =>
      /\.field$/.test(found.kind) &&
      /^(x-hop|x-two|x-own|proxy-connection|te|upgrade)$/.test(found.name) &&
      dropped(found),
  },
  'coding.spelling': {
    oracle: '`Chunked` goes on in the letters it came in.',
    limpet: 'The body is framed anew, and said to be `chunked`.',
    rule: 'RFC 9112 7',
    explains: field('request.field', /^transfer-encoding$/, ({ limpet }) => limpet === '"chunked"'),
  },
  'underscores.dropped': {
    oracle: 'A name with `_` goes on.',
    limpet: 'It is dropped (`dropUnderscores`), since CGI and its heirs read `X_A` as `X-A`.',
    rule: 'RFC 3875 4.1.18',
    explains: field('request.field', /_/, dropped),
  },
  'repeated.kept': {
    oracle: 'Lines of one field are joined into one.',
    limpet: 'Lines stay as many as they were.',
    rule: 'RFC 9110 5.3',
    explains: ({ kind, oracle, limpet }) =>
      /\.field$/.test(kind) && limpet.includes('" "') && oracle === limpet.replaceAll('" "', ', '),
  },
  'repeated.not-lost': {
    oracle: 'Of some fields only the first line goes on.',
    limpet: 'All lines go on; whether a second one is a mistake is for the app to say.',
    rule: 'RFC 9110 5.3',
    explains: (found) =>
      /\.field$/.test(found.kind) &&
      found.limpet.startsWith(`${found.oracle} "`) &&
      (found.kind === 'answer.field' || asSent(found)),
  },
  'length.not-added': {
    oracle: 'A request without a body gets `Content-Length: 0`.',
    limpet: 'It goes on as it came: no length and no coding is no body.',
    rule: 'RFC 9112 6.3',
    explains: ({ kind, name, oracle, limpet }) =>
      (kind === 'request.field' && name === 'content-length' && oracle === '"0"' && limpet === '') ||
      (kind === 'request.framing' && oracle === 'length' && limpet === 'none'),
  },
  'host.empty': {
    oracle: 'An empty `Host` is replaced by the upstream’s own authority.',
    limpet: 'It goes on empty, as the client meant it.',
    rule: 'RFC 9112 3.2',
    explains: field('request.field', /^host$/, (found) => found.limpet === '""' && asSent(found)),
  },
  'forwarded.no-host': {
    oracle: '`X-Forwarded-Host` is sent empty where the client names no host.',
    limpet: 'It is not sent: there is nothing to say.',
    rule: 'RFC 7239 4',
    explains: field(
      'request.field',
      /^x-forwarded-host$/,
      ({ oracle, limpet }) => oracle === '""' && limpet === '',
    ),
  },
  'absolute.host': {
    oracle: 'Of a target in absolute form only the path is used; `Host` stays what it was.',
    limpet: 'The authority of the target replaces `Host`.',
    rule: 'RFC 9112 3.2.2',
    explains: field(
      'request.field',
      /^(host|x-forwarded-host)$/,
      ({ sent, limpet }) => sent !== undefined && sent.start.split('/')[2]! === limpet.slice(1, -1),
    ),
  },
  'target.kept': {
    oracle: 'Slashes are collapsed and `\\` becomes `/`, so that signatures over paths break.',
    limpet: 'The target goes on byte by byte.',
    rule: 'RFC 9112 3.2, RFC 3986 6.2.2',
    explains: ({ kind, sent, limpet }) => kind === 'request.target' && sent?.start.split(' ')[1] === limpet,
  },
  'max-forwards.counted': {
    oracle: '`Max-Forwards` goes on as it came.',
    limpet: 'It counts down for `OPTIONS`.',
    rule: 'RFC 9110 7.6.2',
    explains: field(
      'request.field',
      /^max-forwards$/,
      ({ oracle, limpet }) => oracle === '"7"' && limpet === '"6"',
    ),
  },
  'options.here': {
    oracle: '`OPTIONS *`, and `OPTIONS` with `Max-Forwards: 0`, go on.',
    limpet: 'Both are answered here with 204: they ask the proxy itself.',
    rule: 'RFC 9110 9.3.7, 7.6.2',
    explains: outcome('answered 200', 'answered 204'),
  },
  'version.minor': {
    oracle: 'HTTP/1.2 is refused.',
    limpet: 'It is read as 1.1, whose messages it must be able to be.',
    rule: 'RFC 9110 2.5, 6.2',
    explains: outcome('refused 400', 'answered 200'),
  },
  'methods.unregistered': {
    oracle: 'A method that Node does not know is refused.',
    limpet: 'Any token of up to 32 bytes goes on; which methods there are is for the app to say.',
    rule: 'RFC 9110 9.1',
    explains: outcome('refused 400', 'answered 200'),
  },
  'limits.request-head': {
    oracle: 'A request head above 16 KiB is refused with 431.',
    limpet: 'Up to `limits.head`, 32 KiB, is taken.',
    rule: 'RFC 6585 5',
    explains: outcome('refused 431', 'answered 200'),
  },
} satisfies Readonly<Record<string, Difference>>;
