// Request lines, targets and Host by the HTTP rules, row by row, and the promise that no cut changes a verdict.
import t from 'tap';
import { hasLineEnd, PARSE } from '../../src/wire/head-fields.ts';
import { FORM, FRAMING, RequestHead } from '../../src/wire/request-head.ts';
import { METHOD } from '../../src/wire/request-method.ts';
import { bytesOf, Corpus, differingUnderSmallLimits, REQUEST_LIMITS, readRequest } from './every-cut.ts';

const corpus = new Corpus((text, cut) => readRequest(text, cut));
const line = (requestLine: string): string => `${requestLine}\r\nHost: a\r\n\r\n`;
/** A 1.1 request with these further field lines. */
const with11 = (...lines: string[]): string =>
  `POST / HTTP/1.1\r\n${['Host: a', ...lines, '', ''].join('\r\n')}`;

t.test('a plain request is taken apart', async (t) => {
  t.strictSame(corpus.read('GET /a/b?c=d HTTP/1.1\r\nHost: Shop.example:8080\r\nX_Y:  1 \r\n\r\nrest'), {
    start: 0,
    end: 60,
    method: 'GET',
    methodId: METHOD.GET,
    target: '/a/b?c=d',
    form: FORM.origin,
    path: '/a/b',
    query: '?c=d',
    pathSpecial: false,
    minor: 1,
    host: 'Shop.example',
    authority: 'Shop.example:8080',
    hostIsEmpty: false,
    hostIsMissing: false,
    framing: FRAMING.none,
    contentLength: 0,
    keepAlive: true,
    expectContinue: false,
    upgrade: -1,
    teTrailers: false,
    hasUnderscore: true,
    fields: ['1/0 Host=Shop.example:8080', '0/1 X_Y=1'],
  });
});

t.test('R1: a request line is three parts with one space between each', async (t) => {
  corpus.refuses(
    t,
    'request.line.malformed',
    line('GET  / HTTP/1.1'),
    line('GET /  HTTP/1.1'),
    line('GET / HTTP/1.1 '),
  );
  corpus.refuses(
    t,
    'request.line.malformed',
    line(' GET / HTTP/1.1'),
    line('GET /'),
    line('GET'),
    line('GET '),
    line('GET / '),
  );
  corpus.refuses(
    t,
    'request.line.malformed',
    line('GET /\tHTTP/1.1'),
    line('GET / HTTP/1.1 x'),
    line('GET / HTTP/1.1\t'),
  );
  corpus.refuses(t, 'request.method.malformed', line('GET\t/ HTTP/1.1'));
});

t.test('R2: a method is a token of at most 32 bytes; CONNECT and TRACE are not served', async (t) => {
  corpus.refuses(
    t,
    'request.method.malformed',
    line('G@T / HTTP/1.1'),
    line(`${'M'.repeat(33)} / HTTP/1.1`),
    line('G\x00T / HTTP/1.1'),
  );
  corpus.refuses(t, 'request.method.connect', line('CONNECT a:443 HTTP/1.1'));
  corpus.refuses(t, 'request.method.trace', line('TRACE / HTTP/1.1'));
  corpus.takes(t, line(`${'M'.repeat(32)} / HTTP/1.1`), { method: 'M'.repeat(32), methodId: METHOD.other });
  corpus.takes(t, line('get / HTTP/1.1'), { method: 'get', methodId: METHOD.other });
  for (const name of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'] as const) {
    corpus.takes(t, line(`${name} / HTTP/1.1`), { methodId: METHOD[name] });
  }
});

t.test('R3: 1.0 and 1.x are served, a higher major version is 505, another spelling 400', async (t) => {
  corpus.takes(t, 'GET / HTTP/1.0\r\n\r\n', { minor: 0 });
  corpus.takes(t, line('GET / HTTP/1.2'), { minor: 1 });
  corpus.takes(t, line('GET / HTTP/1.9'), { minor: 1 });
  corpus.refuses(
    t,
    'request.version.unsupported',
    line('GET / HTTP/2.0'),
    line('GET / HTTP/3.1'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  );
  corpus.refuses(
    t,
    'request.version.malformed',
    line('GET / http/1.1'),
    line('GET / HTTP/01.1'),
    line('GET / HTTP/1.10'),
  );
  corpus.refuses(
    t,
    'request.version.malformed',
    line('GET / HTTP/0.9'),
    line('GET / HTTP/1'),
    line('GET / HTTP/1,1'),
    line('GET / X'),
  );
  corpus.refuses(
    t,
    'request.version.malformed',
    line('GET / HTTPS/1.1'),
    line('GET / HTTP/1.x'),
    line('GET / HTTP/11'),
  );
});

t.test('R4: each form of target is taken where it may stand', async (t) => {
  corpus.takes(t, line('GET http://b:81/x/y?z HTTP/1.1'), {
    form: FORM.absolute,
    host: 'b',
    authority: 'b:81',
    path: '/x/y',
    query: '?z',
  });
  corpus.takes(t, line('GET HTTP://b HTTP/1.1'), { host: 'b', path: '', query: null, pathSpecial: false });
  corpus.takes(t, line('GET http://b?q HTTP/1.1'), { host: 'b', path: '', query: '?q' });
  corpus.takes(t, line('GET http://b/x/../y HTTP/1.1'), { pathSpecial: true });
  corpus.takes(t, 'GET http://b/ HTTP/1.1\r\nHost:\r\n\r\n', { host: 'b', hostIsEmpty: true });
  corpus.takes(t, line('OPTIONS * HTTP/1.1'), { form: FORM.asterisk, path: '', host: 'a' });
  corpus.refuses(
    t,
    'request.target.form',
    line('GET * HTTP/1.1'),
    line('OPTIONS ** HTTP/1.1'),
    line('GET a HTTP/1.1'),
  );
  corpus.refuses(
    t,
    'request.target.form',
    line('GET https://b/ HTTP/1.1'),
    line('GET ftp://b/ HTTP/1.1'),
    line('GET a:443 HTTP/1.1'),
  );
  corpus.refuses(
    t,
    'request.target.form',
    line('GET http:/b HTTP/1.1'),
    line('GET ?q HTTP/1.1'),
    line('GET \\x HTTP/1.1'),
  );
  corpus.refuses(
    t,
    'request.target.userinfo',
    line('GET http://u@b/ HTTP/1.1'),
    line('GET http://u:p@b/ HTTP/1.1'),
  );
  corpus.refuses(
    t,
    'request.host.malformed',
    line('GET http:///x HTTP/1.1'),
    line('GET http://b:x/ HTTP/1.1'),
    line('GET http://?x HTTP/1.1'),
  );
});

t.test('R5: a target holds visible ASCII but #; strictTarget holds it to RFC 3986', async (t) => {
  for (let b = 0; b < 256; b++) {
    if (b === 0x0a || b === 0x0d || b === 0x20 || b === 0x09) continue;
    const message = line(`GET /a${String.fromCharCode(b)}b HTTP/1.1`);
    if (b >= 0x21 && b <= 0x7e && b !== 0x23)
      corpus.takes(t, message, { target: `/a${String.fromCharCode(b)}b` });
    else corpus.refuses(t, 'request.target.bytes', message);
  }
  corpus.refuses(
    t,
    'request.target.bytes',
    line('GET # HTTP/1.1'),
    line('GET /?# HTTP/1.1'),
    line('GET http://a/\x80 HTTP/1.1'),
  );
  const strict = { ...REQUEST_LIMITS, strictTarget: true };
  for (const bad of ['"', '<', '>', '\\', '^', '{', '}', '|', '`', '[', ']', '%', '%0', '%0g']) {
    t.equal(readRequest(line(`GET /${bad} HTTP/1.1`), undefined, strict), 'request.target.bytes', bad);
  }
  for (const good of ["/a-._~!$&'()*+,;=:@%7E/b?c/d?e%20", 'http://[::1]:80/x', 'http://b']) {
    t.match(readRequest(line(`GET ${good} HTTP/1.1`), undefined, strict), { target: good });
  }
  t.match(readRequest(line('OPTIONS * HTTP/1.1'), undefined, strict), { target: '*' });
});

t.test('R6: a path that an app may read in another way is pointed out', async (t) => {
  const special = [
    '/%2e',
    '/a;b',
    '/a\\b',
    '//',
    '/a//b',
    '/./a',
    '/a/.',
    '/a/..',
    '/../a',
    '/a/..?x',
    '/a/../b',
    '/%',
  ];
  for (const path of special) corpus.takes(t, line(`GET ${path} HTTP/1.1`), { pathSpecial: true });
  const plain = [
    '/',
    '/a',
    '/a/b.c',
    '/.well-known/x',
    '/a/',
    '/a?b//c',
    '/a?%2e;\\',
    '/a.b/c..d',
    '/a?/../',
  ];
  for (const path of plain) corpus.takes(t, line(`GET ${path} HTTP/1.1`), { pathSpecial: false });
});

t.test('R7: a 1.1 request has exactly one Host, which is a host with an optional port', async (t) => {
  corpus.refuses(
    t,
    'request.host.missing',
    'GET / HTTP/1.1\r\n\r\n',
    'GET http://a/ HTTP/1.1\r\nX: y\r\n\r\n',
  );
  corpus.refuses(
    t,
    'request.host.repeated',
    with11('Host: a'),
    with11('host: b'),
    'GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n',
  );
  for (const bad of [
    'a b',
    'a/b',
    'u@a',
    'a:b',
    'a:1:2',
    'a:65536',
    ':80',
    'a?',
    '[::1',
    '::1',
    '[a]',
    'a,b c',
    'ä',
    'a%2',
    'a\\b',
  ]) {
    corpus.refuses(t, 'request.host.malformed', `GET / HTTP/1.1\r\nHost: ${bad}\r\n\r\n`);
  }
  corpus.takes(t, 'GET / HTTP/1.1\r\nHost:\r\n\r\n', { hostIsEmpty: true, hostIsMissing: false, host: '' });
  corpus.takes(t, 'GET / HTTP/1.0\r\n\r\n', { hostIsMissing: true, host: '' });
  corpus.takes(t, 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', { host: '[::1]', authority: '[::1]:80' });
});

t.test('a head that is not complete is never judged by bytes behind it', async (t) => {
  const head = new RequestHead(REQUEST_LIMITS);
  const bytes = bytesOf(line('GET / HTTP/1.1'));
  for (let end = 0; end < bytes.length; end++) t.equal(head.parse(bytes, 0, end), PARSE.more);
  t.equal(head.parse(bytes, 0, bytes.length), PARSE.done);
  t.equal(hasLineEnd(bytes, 0, 15), false);
  t.equal(hasLineEnd(bytes, 0, 16), true);
});

t.test('one instance forgets the message before', async (t) => {
  const head = new RequestHead(REQUEST_LIMITS);
  const all = with11(
    'Content-Length: 3',
    'Expect: 100-continue',
    'X_Y: 1',
    'TE: trailers',
    'Connection: upgrade',
    'Upgrade: x',
  );
  for (const text of [
    all,
    'GET http://h:1/;?q HTTP/1.1\r\nHost: a\r\n\r\n',
    `${all.slice(0, 40)}\x00\r\n\r\n`,
  ]) {
    head.parse(bytesOf(text), 0, text.length);
    const plain = bytesOf('GET /x HTTP/1.0\r\n\r\n');
    t.equal(head.parse(plain, 0, plain.length), PARSE.done);
    t.strictSame(
      [
        head.framing,
        head.contentLength,
        head.expectContinue,
        head.hasUnderscore,
        head.teTrailers,
        head.upgrade,
      ],
      [FRAMING.none, 0, false, false, false, -1],
    );
    t.strictSame(
      [head.queryStart, head.pathSpecial, head.hostStart, head.hostEnd, head.form],
      [-1, false, 0, 0, FORM.origin],
    );
    t.ok(head.fields.first.every((index) => index === -1));
    t.ok(head.fields.seen.every((count) => count === 0));
  }
});

t.test('every message cut at every byte gives the same result as whole', async (t) => {
  t.ok(corpus.messages.length > 200, 'the messages of the tests above are here');
  t.strictSame(corpus.differing(), []);
});

t.test('every message cut anywhere gives the same result under small limits', async (t) => {
  t.strictSame(differingUnderSmallLimits(corpus.messages), []);
});

t.test('a head that trickles in is parsed again only when that can tell more', async (t) => {
  const head = new RequestHead(REQUEST_LIMITS);
  const parses = (text: string): { parses: number; state: number; code: string | undefined } => {
    const bytes = bytesOf(text);
    let parses = 1;
    let state = head.parse(bytes, 0, 1);
    for (let held = 2; held <= bytes.length && state === PARSE.more; held++) {
      if (!head.knowsMoreBy(bytes, held - 1, held, held)) continue;
      parses++;
      state = head.parse(bytes, 0, held);
    }
    return { parses, state, code: head.fault?.code };
  };
  // The lines, those below the limit of the request line and just above it, and nothing for each byte of a long field.
  const long = parses(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(24_000)}\r\n\r\n`);
  t.equal(long.state, PARSE.done);
  t.ok(long.parses < 20, `${long.parses} parses`);
  const endless = parses(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(40_000)}`);
  t.match(endless, { state: PARSE.refused, code: 'request.head.too-large' });
  t.ok(endless.parses < 20, `${endless.parses} parses`);
  for (const before of ['', '\r\n', '\r\n\r\n\r\n'])
    t.match(parses(`${before}GET /${'y'.repeat(9_000)}`), { state: PARSE.refused });
});
