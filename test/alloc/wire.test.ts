// Parsing heads, fields, chunks and cookies allocates nothing.
import t from 'tap';
import { ByteWriter, latin1Bytes } from '../../src/base/byte-writer.ts';
import { CHUNK, ChunkedDecoder } from '../../src/wire/chunked.ts';
import { CookieCursor, copyWithout, joinCookies } from '../../src/wire/cookies.ts';
import { fieldId } from '../../src/wire/fields.ts';
import { PARSE } from '../../src/wire/head-fields.ts';
import { prefersJson } from '../../src/wire/local-reply.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { ResponseHead } from '../../src/wire/response-head.ts';
import { WebSocketFrames } from '../../src/wire/websocket-frames.ts';
import { bytesPerCall, NOISE_BYTES } from './bytes-per-call.ts';

const request = Buffer.from(
  'POST /a/b?c=d HTTP/1.1\r\nHost: shop.example.com:8080\r\nUser-Agent: x\r\nX-Known-To-Nobody: 1\r\n' +
    'Connection: keep-alive, X-A\r\nX-A: 1\r\nTE: trailers\r\nExpect: 100-continue\r\nCookie: a=1; limpet=x\r\n' +
    'Content-Length: 12345678901\r\nCookie: b=2\r\n\r\n',
);
const response = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 123456789\r\nConnection: keep-alive\r\n\r\n',
);
const head = new RequestHead({ requestLineBytes: 8192, headBytes: 32768, fields: 100, strictTarget: true });

t.test('the control allocates, and is seen to', async (t) => {
  let kept: unknown;
  const bytes = bytesPerCall((i) => {
    kept = { i };
  });
  t.ok(bytes >= 16, `${bytes} bytes`);
  t.ok(kept);
});

t.test('a request head', async (t) => {
  let done = 0;
  const bytes = bytesPerCall(() => {
    if (head.parse(request, 0, request.length) === PARSE.done) done++;
  });
  t.ok(done > 0 && head.contentLength === 12345678901);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('a request head that is refused, or not complete', async (t) => {
  const bad = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n');
  let refused = 0;
  const bytes = bytesPerCall((i) => {
    if (head.parse(bad, 0, i % 2 === 0 ? bad.length : 20) === PARSE.refused) refused++;
  });
  t.ok(refused > 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('an answer head', async (t) => {
  const answer = new ResponseHead({ responseHeadBytes: 65536, fields: 256 });
  let done = 0;
  const bytes = bytesPerCall((i) => {
    if (answer.parse(response, 0, response.length, i % 2 === 0) === PARSE.done) done++;
  });
  t.ok(done > 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('a chunked body without trailers', async (t) => {
  const decoder = new ChunkedDecoder('request');
  const body = Buffer.from('5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n');
  let done = 0;
  const bytes = bytesPerCall(() => {
    decoder.reset();
    let state: number = CHUNK.data;
    for (let pos = 0; state === CHUNK.data; pos = decoder.pos) state = decoder.next(body, pos, body.length);
    if (state === CHUNK.done) done++;
  });
  t.ok(done > 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('fields, cookies and Accept', async (t) => {
  const out = new ByteWriter();
  const cursor = new CookieCursor();
  const cookies = Buffer.from('a=1; limpet=abc; b=2');
  const accept = Buffer.from('text/plain, application/json;q=0.9');
  const name = latin1Bytes('limpet');
  const names = [name];
  const fieldName = Buffer.from('X-Forwarded-Proto');
  head.parse(request, 0, request.length);
  let found = 0;
  const bytes = bytesPerCall(() => {
    out.reset();
    if (cursor.find(cookies, 0, cookies.length, name)) found++;
    copyWithout(out, cookies, 0, cookies.length, names, cursor);
    joinCookies(out, head.fields);
    if (prefersJson(accept, 0, accept.length)) found++;
    found += fieldId(fieldName, 0, fieldName.length);
  });
  t.ok(found > 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('the frames of a WebSocket', async (t) => {
  const frames = new WebSocketFrames();
  const bytes = Buffer.concat([
    Buffer.from([0x81, 0x03, 1, 2, 3, 0x82, 0x7e, 0x00, 0x80]),
    Buffer.alloc(128),
    Buffer.from([0x89, 0x80, 1, 2, 3, 4, 0x02, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6]),
  ]);
  let at = 0;
  const perCall = bytesPerCall((i) => {
    const cut = i % bytes.length;
    frames.follow(bytes, 0, cut);
    frames.follow(bytes, cut, bytes.length);
    if (frames.atBoundary) at++;
  });
  t.ok(at > 0);
  t.ok(perCall < NOISE_BYTES, `${perCall} bytes`);
});
