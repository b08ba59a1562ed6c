// Framing, limits and options of requests by the HTTP rules, row by row, and the promise that no cut changes a verdict.
import t from 'tap';
import { FRAMING } from '../../src/wire/request-head.ts';
import { Corpus, type Outcome, REQUEST_LIMITS, readRequest } from './every-cut.ts';

const corpus = new Corpus((text, cut) => readRequest(text, cut));
/** A 1.1 request with these further field lines. */
const with11 = (...lines: string[]): string =>
  `POST / HTTP/1.1\r\n${['Host: a', ...lines, '', ''].join('\r\n')}`;

t.test('F1: Transfer-Encoding and Content-Length together are refused', async (t) => {
  corpus.refuses(t, 'request.framing.both', with11('Transfer-Encoding: chunked', 'Content-Length: 5'));
  corpus.refuses(t, 'request.framing.both', with11('Content-Length: 0', 'transfer-encoding: identity'));
  corpus.refuses(
    t,
    'request.framing.both',
    'POST / HTTP/1.0\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
});

t.test('F2: Transfer-Encoding is chunked and nothing else', async (t) => {
  for (const value of ['chunked', 'CHUNKED', 'cHuNkEd', '\tchunked ']) {
    corpus.takes(t, with11(`Transfer-Encoding:${value}`), { framing: FRAMING.chunked });
  }
  for (const value of [
    'gzip',
    'identity',
    'gzip, chunked',
    'chunked, gzip',
    'x',
    'gzip;q=1',
    'xchunked',
    'chunkedx',
  ]) {
    corpus.refuses(t, 'request.framing.coding', with11(`Transfer-Encoding: ${value}`));
  }
  for (const value of [
    '',
    'chunked, chunked',
    'chunked;q=1',
    'chunked,',
    ',chunked',
    'chunked chunked',
    '"chunked"',
    'chunked\xa0',
    // llhttp takes these for no coding at all.
    'chunked\t',
    'chunked \t ',
  ]) {
    corpus.refuses(t, 'request.framing.malformed', with11(`Transfer-Encoding: ${value}`));
  }
  corpus.refuses(
    t,
    'request.framing.malformed',
    with11('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  );
  corpus.refuses(
    t,
    'request.framing.malformed',
    with11('Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'),
  );
  corpus.refuses(t, 'request.field.value', with11('Transfer-Encoding: \x0bchunked'));
  corpus.refuses(t, 'request.field.name', with11('Transfer-Encoding : chunked'));
});

t.test('F3: Transfer-Encoding in a 1.0 request is refused', async (t) => {
  corpus.refuses(t, 'request.framing.version', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n');
});

t.test('F4: Content-Length is one field of 1 to 15 digits', async (t) => {
  corpus.takes(t, with11('Content-Length: 5'), { framing: FRAMING.length, contentLength: 5 });
  corpus.takes(t, with11('Content-Length: 0'), { framing: FRAMING.length, contentLength: 0 });
  corpus.takes(t, with11('Content-Length: 999999999999999'), { contentLength: 999999999999999 });
  for (const bad of [
    '',
    '+5',
    '-5',
    '5 5',
    '0x5',
    '5, 5',
    '5,5',
    '1000000000000000',
    '9007199254740993',
    '5.0',
    '1e3',
    '5;',
  ]) {
    corpus.refuses(t, 'request.framing.length', with11(`Content-Length: ${bad}`));
  }
  corpus.refuses(t, 'request.framing.length-repeated', with11('Content-Length: 5', 'Content-Length: 5'));
});

t.test('F5: without either there is no body', async (t) => {
  corpus.takes(t, with11(), { framing: FRAMING.none, contentLength: 0 });
});

t.test('F11: limits are refused by 414 and 431', async (t) => {
  const small = { ...REQUEST_LIMITS, requestLineBytes: 24, headBytes: 64, fields: 3 };
  const judge = (text: string): Outcome => readRequest(text, undefined, small);
  t.match(judge(`GET /${'a'.repeat(10)} HTTP/1.1\r\nHost: a\r\n\r\n`), { method: 'GET' });
  t.equal(judge(`GET /${'a'.repeat(11)} HTTP/1.1\r\nHost: a\r\n\r\n`), 'request.line.too-long');
  t.equal(judge('A'.repeat(26)), 'request.line.too-long', 'without its LF too');
  t.equal(judge('A'.repeat(25)), 'more');
  const head = 'GET / HTTP/1.1\r\nHost: a\r\n';
  t.match(judge(`${head}X: ${'x'.repeat(64 - head.length - 7)}\r\n\r\n`), { end: 64 });
  t.equal(judge(`${head}X: ${'x'.repeat(64 - head.length - 6)}\r\n\r\n`), 'request.head.too-large');
  t.equal(judge(`${head}X: ${'x'.repeat(64)}`), 'request.head.too-large');
  t.match(judge(`${head}A: 1\r\nB: 2\r\n\r\n`), { method: 'GET' });
  t.equal(judge(`${head}A: 1\r\nB: 2\r\nC: 3\r\n\r\n`), 'request.head.fields');
});

t.test('C1: what a request says of its connection', async (t) => {
  corpus.takes(t, with11('Connection: close'), { keepAlive: false });
  corpus.takes(t, with11('Connection: Keep-Alive'), { keepAlive: true });
  corpus.takes(t, with11('Connection: keep-alive, CLOSE'), { keepAlive: false });
  corpus.takes(t, 'GET / HTTP/1.0\r\n\r\n', { keepAlive: false });
  corpus.takes(t, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', { keepAlive: true });
  corpus.takes(t, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n', {
    keepAlive: false,
  });
});

t.test('C5: 100-continue is the only expectation that is met', async (t) => {
  corpus.takes(t, with11('Expect: 100-Continue', 'Content-Length: 5'), { expectContinue: true });
  corpus.takes(t, with11('Expect: 100-continue'), { expectContinue: false });
  corpus.takes(t, 'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n', {
    expectContinue: false,
  });
  corpus.refuses(
    t,
    'request.expect',
    with11('Expect: 200-ok'),
    with11('Expect:'),
    with11('Expect: 100-continue, x'),
  );
  corpus.refuses(t, 'request.expect', with11('Expect: 100-continue', 'X: y', 'Expect: x'));
});

t.test('C7: an upgrade has to be asked for by Connection, in 1.1, and h2c never is', async (t) => {
  corpus.takes(t, with11('Connection: Upgrade', 'Upgrade: websocket'), { upgrade: 2 });
  corpus.takes(t, with11('Upgrade: websocket', 'Connection: keep-alive, upgrade'), { upgrade: 1 });
  corpus.takes(t, with11('Upgrade: websocket'), { upgrade: -1 });
  corpus.takes(t, with11('Connection: upgrade', 'Upgrade: h2c'), { upgrade: -1 });
  corpus.takes(t, with11('Connection: upgrade', 'Upgrade: websocket, H2C'), { upgrade: 2 });
  corpus.takes(t, with11('Connection: upgrade', 'Upgrade: h2c, H2C', 'Upgrade: h2c'), { upgrade: -1 });
  corpus.takes(t, 'GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', { upgrade: -1 });
});

t.test('H1: TE is heard for trailers alone', async (t) => {
  corpus.takes(t, with11('TE: trailers'), { teTrailers: true });
  corpus.takes(t, with11('TE: gzip, Trailers'), { teTrailers: true });
  corpus.takes(t, with11('TE: gzip'), { teTrailers: false });
});

t.test('every message cut at every byte gives the same result as whole', async (t) => {
  t.ok(corpus.messages.length > 60, 'the messages of the tests above are here');
  t.strictSame(corpus.differing(), []);
});
