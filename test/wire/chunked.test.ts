// Chunked bodies by rules F6 to F8, and the promise that no cut changes what is decoded.
import t, { type Test } from 'tap';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import {
  BODY_END,
  CHUNK,
  CHUNK_LIMITS,
  ChunkedDecoder,
  LAST_CHUNK,
  writeChunkHead,
} from '../../src/wire/chunked.ts';
import { bytesOf, type Outcome, readChunked } from './every-cut.ts';

const corpus: string[] = [];

function read(text: string): Outcome {
  corpus.push(text);
  return readChunked(text, 0);
}

function refuses(t: Test, code: string, ...bodies: string[]): void {
  for (const body of bodies) t.equal(read(body), code, JSON.stringify(body.slice(0, 60)));
}

const END = '0\r\n\r\n';
const trailed = (...lines: string[]): string => `0\r\n${[...lines, '', ''].join('\r\n')}`;

t.test('F6: a chunk line is 1 to 13 hex digits', async (t) => {
  t.strictSame(read(`5\r\nhello\r\n${END}GET`), { body: 'hello', trailers: '', rest: 'GET' });
  t.match(read(`a\r\n0123456789\r\nA\r\n0123456789\r\n0000000000001\r\nx\r\n${END}`), {
    body: '01234567890123456789x',
  });
  t.match(read(`000\r\n\r\n`), { body: '' });
  for (const bad of [
    '',
    '+5',
    '-5',
    '0x5',
    ' 5',
    '5 ',
    '5\t',
    'g',
    '5g',
    '00000000000005',
    'fffffffffffffffff',
    '5 ;a',
    '5,',
  ]) {
    refuses(t, 'request.chunk.size', `${bad}\r\nhello\r\n${END}`);
  }
  refuses(
    t,
    'request.chunk.line',
    `5\nhello\r\n${END}`,
    `5\rhello\r\n${END}`,
    `5\r\rhello`,
    '5;a\nhello',
    '5;a\rb\r\n',
    '5;a \r\nhello',
  );
  t.equal(read('fffffffffffff\r\nx'), 'more', 'the largest size that is taken');
});

t.test('F6: extensions are checked and dropped', async (t) => {
  t.match(read(`5;a=b;c="d e\x80"\r\nhello\r\n0;last\r\n\r\n`), { body: 'hello', trailers: '', rest: '' });
  refuses(t, 'request.chunk.extension', '5;\x00\r\n', '5;a\x7f\r\n', '5;a\x1b\r\n', '5;a\tb\r\n');
  t.match(read(`1;${'x'.repeat(255)}\r\nx\r\n${END}`), { body: 'x' });
  refuses(t, 'request.chunk.extension-size', `1;${'x'.repeat(256)}\r\nx\r\n${END}`);
  const chunk = `1;${'x'.repeat(255)}\r\nx\r\n`;
  t.match(read(`${chunk.repeat(16)}${END}`), { body: 'x'.repeat(16) });
  refuses(t, 'request.chunk.extension-size', `${chunk.repeat(16)}1;\r\nx\r\n${END}`);
});

t.test('F7: CRLF exactly follows the data of a chunk', async (t) => {
  refuses(
    t,
    'request.chunk.end',
    '5\r\nhellox',
    '5\r\nhello\n',
    '5\r\nhello\rx',
    '5\r\nhello5\r\n',
    '5\r\nhello\r\r\n',
  );
  t.equal(read('5\r\nhello\r\n'), 'more');
  t.equal(read('5\r\nhello\r\n0\r\n'), 'more');
  t.equal(read('5\r\nhello\r\n0\r\n\r'), 'more');
});

t.test('F8: trailers pass, newly written, but for what may not stand in one', async (t) => {
  t.strictSame(read(`${trailed('X-Sum:abc', 'Y:  z \t')}rest`), {
    body: '',
    trailers: 'X-Sum: abc\r\nY: z\r\n',
    rest: 'rest',
  });
  const dropped = [
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Authorization',
    'Cookie',
    'Set-Cookie',
    'Connection',
    'TE',
  ];
  dropped.push(
    'Limpet-User',
    'LIMPET-X',
    'Proxy',
    'X-Forwarded-For',
    'X-Forwarded-Ssl',
    'Trailer',
    'Upgrade',
    'Keep-Alive',
  );
  dropped.push(
    'Forwarded',
    'X-Real-IP',
    'Content-Type',
    'Content-Encoding',
    'Expect',
    'Proxy-Authorization',
    'X_Sum',
  );
  for (const name of dropped)
    t.match(read(trailed('A: 1', `${name}: x`, 'B: 2')), { trailers: 'A: 1\r\nB: 2\r\n' }, name);
  t.match(readChunked(trailed('X_Sum: x'), 0, { ...CHUNK_LIMITS, dropUnderscores: false }), {
    trailers: 'X_Sum: x\r\n',
  });
});

t.test('F8: a malformed or too large trailer is refused', async (t) => {
  refuses(
    t,
    'request.trailer.malformed',
    trailed('X'),
    trailed('X : y'),
    trailed(': y'),
    trailed('X: a', ' b'),
    trailed(' X: y'),
  );
  refuses(
    t,
    'request.trailer.malformed',
    trailed('X: \x00'),
    trailed('X: a\rb'),
    '0\r\nX: y\n\r\n',
    '0\r\n\n',
    '0\r\n\rX: y\r\n\r\n',
  );
  refuses(t, 'request.trailer.malformed', '0\r\nX: y\r\n\n', '0\r\n\nX: y\r\n\r\n');
  t.match(read(trailed(`X: ${'x'.repeat(8192 - 7)}`)), { body: '' });
  refuses(t, 'request.trailer.too-large', trailed(`X: ${'x'.repeat(8192 - 6)}`));
  refuses(t, 'request.trailer.too-large', trailed(...new Array(101).fill('X: y')));
});

t.test('an answer is refused as the upstream’s doing', async (t) => {
  t.equal(readChunked('x', 0, undefined, 'response'), 'response.chunk.size');
  t.equal(readChunked(trailed('X'), 0, undefined, 'response'), 'response.trailer.malformed');
});

t.test('data is handed out where it lies, and nothing is read behind the end', async (t) => {
  const decoder = new ChunkedDecoder('request');
  decoder.reset();
  const bytes = bytesOf(`..3\r\nabc\r\n${END}NEXT`);
  t.equal(decoder.next(bytes, 2, bytes.length), CHUNK.data);
  t.strictSame([decoder.dataStart, decoder.dataEnd, decoder.pos], [5, 8, 8]);
  t.equal(decoder.next(bytes, decoder.pos, bytes.length), CHUNK.done);
  t.equal(bytes.toString('latin1', decoder.pos), 'NEXT');
  t.equal(decoder.next(bytes, decoder.pos, bytes.length), CHUNK.done);
  t.equal(bytes.toString('latin1', decoder.pos), 'NEXT');
});

t.test('a decoder serves the next body after a refusal and after trailers', async (t) => {
  const decoder = new ChunkedDecoder('request');
  const bad = bytesOf('5;xx\x00');
  t.equal(decoder.next(bad, 0, bad.length), CHUNK.refused);
  t.equal(decoder.next(bad, decoder.pos, bad.length), CHUNK.refused, 'a refusal stands');
  for (const trailer of ['A: 1', 'B: 2']) {
    decoder.reset();
    t.equal(decoder.fault, null);
    const body = bytesOf(trailed(trailer));
    t.equal(decoder.next(body, 0, body.length), CHUNK.done);
    t.equal(Buffer.from(decoder.trailers).toString('latin1', 0, decoder.trailersLength), `${trailer}\r\n`);
  }
  decoder.reset();
  t.equal(decoder.trailersLength, 0);
});

t.test('what is encoded is decoded again', async (t) => {
  const out = new ByteWriter();
  for (const size of [1, 15, 16, 255, 4096]) {
    writeChunkHead(out, size);
    out.latin1('x'.repeat(size));
    out.latin1('\r\n');
  }
  out.block(BODY_END);
  t.match(readChunked(Buffer.from(out.view()).toString('latin1'), 0), { body: 'x'.repeat(4383), rest: '' });
  t.equal(Buffer.from(LAST_CHUNK).toString(), '0\r\n');
});

t.test('every body cut at every byte gives the same result as whole', async (t) => {
  t.ok(corpus.length > 70, 'the bodies of the tests above are here');
  const differing: string[] = [];
  for (const text of corpus) {
    const whole = JSON.stringify(readChunked(text, 0));
    for (let cut = -1; cut < text.length; cut++) {
      if (JSON.stringify(readChunked(text, cut)) !== whole) differing.push(`${cut}: ${JSON.stringify(text)}`);
    }
  }
  t.strictSame(differing, []);
});
