// Local replies are whole messages that our own parser of answers takes, and they say what happened.
import t from 'tap';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { HandClock } from '../../src/base/clock.ts';
import { PARSE } from '../../src/wire/head-fields.ts';
import {
  CONTINUE,
  DateField,
  type LocalReply,
  prefersJson,
  writeLocalReply,
} from '../../src/wire/local-reply.ts';
import { ResponseHead } from '../../src/wire/response-head.ts';
import { bytesOf, RESPONSE_LIMITS } from './every-cut.ts';

const clock = new HandClock(0, Date.UTC(1994, 10, 15, 8, 12, 31));
const date = new DateField(clock);

const plain: LocalReply = {
  status: 503,
  code: 'pool.empty',
  text: 'no instance is available',
  requestId: 'r-1',
  json: false,
  toHead: false,
  connection: '',
};

function write(reply: LocalReply): { head: string; body: string } {
  const out = new ByteWriter();
  writeLocalReply(out, date, reply);
  const bytes = Buffer.from(out.view());
  const head = new ResponseHead(RESPONSE_LIMITS);
  if (head.parse(bytes, 0, bytes.length, reply.toHead) !== PARSE.done) throw new Error(`${head.fault?.code}`);
  return { head: bytes.toString('latin1', 0, head.end), body: bytes.toString('utf8', head.end) };
}

t.test('a text reply, to the byte', async (t) => {
  const { head, body } = write(plain);
  t.equal(
    head,
    [
      'HTTP/1.1 503 Service Unavailable',
      'Date: Tue, 15 Nov 1994 08:12:31 GMT',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${body.length}`,
      'Cache-Control: no-store',
      '',
      '',
    ].join('\r\n'),
  );
  t.equal(body, '503 Service Unavailable: no instance is available (request id r-1)\n');
  t.equal(write({ ...plain, requestId: '' }).body, '503 Service Unavailable: no instance is available\n');
});

t.test('a program that prefers JSON gets the code too', async (t) => {
  const { head, body } = write({ ...plain, json: true, requestId: '"<é>' });
  t.match(head, 'Content-Type: application/json; charset=utf-8\r\n');
  t.match(head, `Content-Length: ${Buffer.byteLength(body)}\r\n`);
  t.strictSame(JSON.parse(body), {
    error: { status: 503, code: 'pool.empty', message: 'no instance is available', requestId: '"<é>' },
  });
});

t.test('HEAD gets the same head and no body', async (t) => {
  const whole = write(plain);
  t.strictSame(write({ ...plain, toHead: true }), { head: whole.head, body: '' });
});

t.test('further fields are written when they are asked for', async (t) => {
  const lines = bytesOf('Location: /x\r\n');
  const { head } = write({
    ...plain,
    status: 405,
    retryAfterS: 1.2,
    allow: 'GET, HEAD',
    lines,
    connection: 'close',
  });
  t.match(head, 'HTTP/1.1 405 Method Not Allowed\r\n');
  t.ok(head.endsWith('Retry-After: 2\r\nAllow: GET, HEAD\r\nLocation: /x\r\nConnection: close\r\n\r\n'));
  t.match(write({ ...plain, connection: 'keep-alive' }).head, 'Connection: keep-alive\r\n');
});

t.test('204 says nothing of a body, and an own page takes the place of the usual one', async (t) => {
  const none = write({ ...plain, status: 204 });
  t.equal(none.body, '');
  t.notMatch(none.head, /content-/i);
  const page = write({ ...plain, page: { contentType: 'text/html', body: '<p>é' } });
  t.match(page.head, 'Content-Type: text/html\r\nContent-Length: 5\r\n');
  t.equal(page.body, '<p>é');
});

t.test('the date is made once a second', async (t) => {
  const first = date.line();
  clock.advance(999);
  t.equal(date.line(), first, 'the same bytes within a second');
  clock.advance(1);
  t.equal(Buffer.from(date.line()).toString(), 'Date: Tue, 15 Nov 1994 08:12:32 GMT\r\n');
});

t.test('JSON is preferred when Accept names it before HTML', async (t) => {
  const prefers = (accept: string): boolean =>
    prefersJson(bytesOf(`#${accept},application/json`), 1, 1 + accept.length);
  for (const yes of [
    'application/json',
    'Application/JSON;q=0.5',
    'text/plain, application/json',
    'application/problem+json',
  ]) {
    t.equal(prefers(yes), true, yes);
  }
  t.equal(prefers('application/json, text/html'), true);
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8,application/json';
  for (const no of [
    '',
    '*/*',
    browser,
    'text/html, application/json',
    'application/jsonx',
    'xapplication/json',
    'x;application/json',
  ]) {
    t.equal(prefers(no), false, no);
  }
});

t.test('C5: the interim answer is one', async (t) => {
  const head = new ResponseHead(RESPONSE_LIMITS);
  t.equal(head.parse(CONTINUE, 0, CONTINUE.length, false), PARSE.done);
  t.equal(head.status, 100);
  t.equal(head.end, CONTINUE.length);
});
