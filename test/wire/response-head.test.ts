// Answers by the HTTP rules, row by row, and the promise that no cut changes a verdict.
import t from 'tap';
import { PARSE } from '../../src/wire/head-fields.ts';
import { BODY, ResponseHead } from '../../src/wire/response-head.ts';
import { bytesOf, Corpus, RESPONSE_LIMITS, readResponse } from './every-cut.ts';

const corpus = new Corpus((text, cut) => readResponse(text, cut));
/** A 200 with these further field lines. */
const ok = (...lines: string[]): string => `HTTP/1.1 200 OK\r\n${[...lines, '', ''].join('\r\n')}`;
const status = (statusLine: string): string => `${statusLine}\r\nContent-Length: 0\r\n\r\n`;

t.test('a plain answer is taken apart', async (t) => {
  t.strictSame(corpus.read('HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\n\r\nabc'), {
    end: 62,
    minor: 1,
    status: 404,
    reason: 'Not Found',
    framing: BODY.length,
    contentLength: 3,
    keepAlive: true,
    upgrade: -1,
    fields: ['3/0 Content-Length=3', '6/0 Set-Cookie=a=b'],
  });
});

t.test('A1: a status line is a version, three digits and a reason that may be empty', async (t) => {
  corpus.takes(t, status('HTTP/1.1 200 '), { status: 200, reason: '' });
  corpus.takes(t, status('HTTP/1.1 200'), { status: 200, reason: '' });
  corpus.takes(t, status('HTTP/1.0 599 \xe9t\xe9 \t ok'), {
    minor: 0,
    status: 599,
    reason: '\xe9t\xe9 \t ok',
  });
  corpus.takes(t, status('HTTP/1.7 200 OK'), { minor: 1 });
  corpus.refuses(
    t,
    'response.status',
    status('HTTP/1.1 099 X'),
    status('HTTP/1.1 600 X'),
    status('HTTP/1.1 2x0 X'),
  );
  corpus.refuses(
    t,
    'response.status',
    status('HTTP/1.1 000 X'),
    status('HTTP/1.1  200'),
    status('HTTP/1.1 -20 X'),
  );
  for (const bad of [
    'HTTP/1.1 2000 X',
    'HTTP/1.1 200X',
    'HTTP/1.1',
    'HTTP/1.1 20',
    '',
    'ICY 200 OK',
    'http/1.1 200 OK',
  ]) {
    corpus.refuses(t, 'response.line.malformed', status(bad));
  }
  corpus.refuses(
    t,
    'response.line.malformed',
    status('HTTP/1.1\t200 OK'),
    status('HTTP/1.1 200 a\x00b'),
    `\r\n${ok()}`,
  );
  corpus.refuses(t, 'response.line.malformed', status(' HTTP/1.1 200 OK'), status('HTTP/01.1 200 OK'));
  corpus.refuses(t, 'response.version', status('HTTP/2.0 200 OK'), status('HTTP/0.9 200 OK'));
});

t.test('A2: answers to HEAD, 1xx, 204 and 304 have no body, whatever they declare', async (t) => {
  for (const code of [100, 103, 204, 304]) {
    corpus.takes(t, `HTTP/1.1 ${code} X\r\nContent-Length: 5\r\n\r\n`, {
      framing: BODY.none,
      contentLength: 5,
    });
    corpus.takes(t, `HTTP/1.1 ${code} X\r\n\r\n`, { framing: BODY.none, contentLength: -1, keepAlive: true });
  }
  t.match(readResponse(ok('Content-Length: 7'), undefined, true), { framing: BODY.none, contentLength: 7 });
  t.match(readResponse(ok('Transfer-Encoding: chunked'), undefined, true), {
    framing: BODY.none,
    keepAlive: true,
  });
  t.match(readResponse(ok(), undefined, true), { framing: BODY.none, contentLength: -1, keepAlive: true });
  corpus.refuses(t, 'response.framing.length', 'HTTP/1.1 304 X\r\nContent-Length: x\r\n\r\n');
});

t.test('A3: ambiguous or malformed framing is a bad answer', async (t) => {
  corpus.refuses(t, 'response.framing.both', ok('Transfer-Encoding: chunked', 'Content-Length: 5'));
  corpus.refuses(
    t,
    'response.framing.length',
    ok('Content-Length: +5'),
    ok('Content-Length: 5, 5'),
    ok('Content-Length:'),
  );
  corpus.refuses(t, 'response.framing.length-repeated', ok('Content-Length: 5', 'Content-Length: 5'));
  corpus.refuses(
    t,
    'response.framing.coding',
    ok('Transfer-Encoding: gzip'),
    ok('Transfer-Encoding: gzip, chunked'),
  );
  corpus.refuses(
    t,
    'response.framing.malformed',
    ok('Transfer-Encoding:'),
    ok('Transfer-Encoding: chunked,chunked'),
  );
  corpus.refuses(t, 'response.framing.version', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  corpus.takes(t, ok('Transfer-Encoding: Chunked'), {
    framing: BODY.chunked,
    contentLength: -1,
    keepAlive: true,
  });
});

t.test('A4: without length and coding an answer ends with its connection', async (t) => {
  corpus.takes(t, ok('Connection: keep-alive'), { framing: BODY.close, keepAlive: false });
  corpus.takes(t, 'HTTP/1.0 200 OK\r\n\r\n', { framing: BODY.close, keepAlive: false, minor: 0 });
});

t.test('A9: folding, NUL, bare CR and LF and bad names are a bad answer', async (t) => {
  corpus.refuses(t, 'response.field.fold', ok('X: a', ' b'));
  corpus.refuses(t, 'response.field.leading-space', ok(' X: a'));
  corpus.refuses(t, 'response.field.value', ok('X: a\x00b'), ok('X: \x7f'));
  corpus.refuses(t, 'response.field.name', ok('X : a'), ok(': a'), ok('X\x80: a'));
  corpus.refuses(t, 'response.field.colon', ok('X'));
  corpus.refuses(
    t,
    'response.line.bare-lf',
    'HTTP/1.1 200 OK\n\r\n',
    'HTTP/1.1 200 OK\r\nX: y\n\r\n',
    'HTTP/1.1 200 OK\r\n\n',
  );
  corpus.refuses(
    t,
    'response.line.bare-cr',
    'HTTP/1.1 200 O\rK\r\n\r\n',
    ok('X: \ry'),
    'HTTP/1.1 200\r \r\n\r\n',
  );
});

t.test('C1: what an answer says of its connection', async (t) => {
  corpus.takes(t, ok('Content-Length: 0', 'Connection: close'), { keepAlive: false });
  corpus.takes(t, 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', { keepAlive: false });
  corpus.takes(t, 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n', {
    keepAlive: true,
  });
});

t.test('C7: a 101 tells which field names the protocol', async (t) => {
  corpus.takes(t, 'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', {
    status: 101,
    upgrade: 1,
  });
  corpus.takes(t, 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n', { upgrade: -1 });
});

t.test('F11: a head over its limit is a bad answer', async (t) => {
  const small = { responseHeadBytes: 40, fields: 2 };
  const judge = (text: string) => readResponse(text, undefined, false, small);
  t.match(judge(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(16)}\r\n\r\n`), { end: 40 });
  t.equal(judge(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(17)}\r\n\r\n`), 'response.head.too-large');
  t.equal(judge(`HTTP/1.1 200 ${'O'.repeat(40)}`), 'response.head.too-large');
  t.equal(judge('x'.repeat(41)), 'response.head.too-large');
  t.equal(judge('x'.repeat(40)), 'more');
  t.equal(judge('HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n'), 'response.head.fields');
});

t.test('a head that is not complete is never judged by bytes behind it', async (t) => {
  const head = new ResponseHead(RESPONSE_LIMITS);
  const bytes = bytesOf(ok('Content-Length: 0'));
  for (let end = 0; end < bytes.length; end++) t.equal(head.parse(bytes, 0, end, false), PARSE.more);
  t.equal(head.parse(bytes, 0, bytes.length, false), PARSE.done);
});

t.test('every answer cut at every byte gives the same result as whole', async (t) => {
  t.ok(corpus.messages.length > 50, 'the messages of the tests above are here');
  t.strictSame(corpus.differing(), []);
});

t.test('every answer cut at every byte gives the same result under small limits', async (t) => {
  const differing: string[] = [];
  for (let size = 12; size < 60; size += 5) {
    const small = { responseHeadBytes: size, fields: 1 };
    for (const text of corpus.messages) {
      const whole = JSON.stringify(readResponse(text, undefined, false, small));
      for (let cut = -1; cut < text.length; cut++) {
        if (JSON.stringify(readResponse(text, cut, false, small)) !== whole)
          differing.push(`${size} ${cut} ${text}`);
      }
    }
  }
  t.strictSame(differing, []);
});
