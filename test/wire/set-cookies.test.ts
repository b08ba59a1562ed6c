// Which cookies an answer gives out, as a browser would have them afterwards.
import t from 'tap';
import { PARSE } from '../../src/wire/head-fields.ts';
import { ResponseHead } from '../../src/wire/response-head.ts';
import { givenCookies, setCookieName } from '../../src/wire/set-cookies.ts';

const NOW_MS = Date.parse('2026-11-21T12:00:00Z');

function given(...lines: string[]): string {
  const head = new ResponseHead({ responseHeadBytes: 64 * 1024, fields: 100 });
  const text = `HTTP/1.1 200 OK\r\n${lines.map((line) => `Set-Cookie: ${line}\r\n`).join('')}Content-Length: 0\r\n\r\n`;
  const bytes = Buffer.from(text, 'latin1');
  t.equal(head.parse(bytes, 0, bytes.length, false), PARSE.done);
  return givenCookies(head.fields, NOW_MS);
}

t.test('pairs without their attributes, in the order in which they come', async (t) => {
  t.equal(given(), '');
  t.equal(given('sid=a; Path=/; HttpOnly', ' b = c ;Max-Age=60', 'q="x y"'), 'sid=a; b = c; q="x y"');
  t.equal(
    given('a=1; Expires=Sat, 21 Nov 2026 12:00:01 GMT', 'b=2; expires=Sat, 21-Nov-2026 12:00:01 GMT'),
    'a=1; b=2',
  );
});

t.test('what is taken away is not given', async (t) => {
  for (const line of [
    'sid=',
    'sid=; Path=/',
    'sid=deleted; Max-Age=0',
    'sid=x; max-age=-1',
    'sid=x; Max-Age=60; Max-Age=0',
    'sid=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    'sid=x; Expires=Thu, 01-Jan-1970 00:00:01 GMT; Path=/',
    'sid=x; Expires=Sat, 21 Nov 2026 12:00:00 GMT',
    'sid',
    '; Path=/',
  ])
    t.equal(given('a=1', line), 'a=1', line);
  t.equal(given('sid=x; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT'), 'sid=x', 'Max-Age goes first');
  t.equal(given('sid=x; Max-Age=soon'), 'sid=x', 'what is no number is no age');
});

t.test('of one name the last line counts', async (t) => {
  t.equal(given('sid=; Max-Age=0', 'sid=new'), 'sid=new');
  t.equal(given('sid=new', 'sid=; Max-Age=0'), '');
  t.equal(given('sid=a', 'b=1', 'sid=c'), 'b=1; sid=c');
});

t.test('it is bounded', async (t) => {
  const many = Array.from({ length: 80 }, (_, i) => `c${i}=1`);
  t.equal(given(...many).split('; ').length, 32);
  t.equal(given('a=1', `b=${'x'.repeat(40_000)}`, 'c=1'), 'a=1');
});

t.test('the name of a line', async (t) => {
  t.equal(setCookieName(' sid = x; Path=/'), 'sid');
  t.equal(setCookieName('sid; Path=/'), 'sid');
  t.equal(setCookieName(''), '');
});
