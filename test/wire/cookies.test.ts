// Cookies found, taken out and joined in place, the way browsers and less careful clients send them.
import t from 'tap';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { CookieCursor, copyWithout, joinCookies, joinCookiesWithout } from '../../src/wire/cookies.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { bytesOf, REQUEST_LIMITS } from './every-cut.ts';

const cursor = new CookieCursor();

function find(value: string, name: string): [value: string, pair: string, count: number] | null {
  // Another cookie of the name lies beyond the end: reading on would find it.
  const bytes = bytesOf(`##${value}; ${name}=beyond`);
  if (!cursor.find(bytes, 2, 2 + value.length, bytesOf(name))) return null;
  const text = (start: number, end: number): string => bytes.toString('latin1', start, end);
  return [text(cursor.valueStart, cursor.valueEnd), text(cursor.pairStart, cursor.pairEnd), cursor.count];
}

t.test('a cookie is found by its exact name', async (t) => {
  t.strictSame(find('a=1; limpet=xyz; b=2', 'limpet'), ['xyz', 'limpet=xyz', 1]);
  t.strictSame(find('limpet=xyz', 'limpet'), ['xyz', 'limpet=xyz', 1]);
  t.strictSame(find('a=1;limpet=x=y=', 'limpet'), ['x=y=', 'limpet=x=y=', 1]);
  t.strictSame(find('limpet=', 'limpet'), ['', 'limpet=', 1]);
  t.strictSame(find('limpet="q"', 'limpet'), ['"q"', 'limpet="q"', 1]);
  t.strictSame(find(' \t limpet = x \t;', 'limpet'), ['x', 'limpet = x', 1]);
  for (const other of [
    'Limpet=1',
    'limpet2=1',
    'xlimpet=1',
    'limpe=1',
    'limpet',
    'a=limpet=1',
    '',
    ';;',
    'limp et=1',
  ]) {
    t.equal(find(other, 'limpet'), null, other);
  }
});

t.test('of several cookies of one name the first counts, and all are counted', async (t) => {
  t.strictSame(find('a=1; a=2; b=3; a=4', 'a'), ['1', 'a=1', 3]);
  t.equal(find('b=1', 'a'), null);
  t.equal(cursor.count, 0);
});

function without(value: string, ...names: string[]): [value: string, pairs: number] {
  const out = new ByteWriter();
  const bytes = bytesOf(`#${value}; tail=1`);
  const pairs = copyWithout(out, bytes, 1, 1 + value.length, names.map(bytesOf), cursor);
  return [Buffer.from(out.view()).toString('latin1'), pairs];
}

t.test('cookies are taken out without doubled separators', async (t) => {
  t.strictSame(without('a=1; limpet=x; b=2', 'limpet'), ['a=1; b=2', 2]);
  t.strictSame(without('limpet=x; b=2', 'limpet'), ['b=2', 1]);
  t.strictSame(without('a=1; limpet=x', 'limpet'), ['a=1', 1]);
  t.strictSame(without('limpet=x', 'limpet'), ['', 0]);
  t.strictSame(without('limpet=x; limpet=y;limpet=z', 'limpet'), ['', 0]);
  t.strictSame(without('a=1;; ;b=2;', 'limpet'), ['a=1; b=2', 2]);
  t.strictSame(without('a=1;b;limpet; c="x y"', 'limpet'), ['a=1; b; limpet; c="x y"', 4]);
  t.strictSame(without('a=1; b=2; c=3', 'a', 'c'), ['b=2', 1]);
});

t.test('L7: several Cookie lines become one', async (t) => {
  const head = new RequestHead(REQUEST_LIMITS);
  const bytes = bytesOf(
    'GET / HTTP/1.1\r\nCookie: a=1\r\nHost: a\r\ncookie:\r\nCookie: limpet=x\r\nX: y\r\nCookie: b=2;c=3\r\n\r\n',
  );
  head.parse(bytes, 0, bytes.length);
  const out = new ByteWriter();
  t.equal(joinCookies(out, head.fields), 3);
  t.equal(Buffer.from(out.view()).toString(), 'a=1; limpet=x; b=2;c=3');
  out.reset();
  t.equal(joinCookiesWithout(out, head.fields, [bytesOf('limpet')], cursor), 3);
  t.equal(Buffer.from(out.view()).toString(), 'a=1; b=2; c=3');
  out.reset();
  t.equal(joinCookiesWithout(out, head.fields, ['limpet', 'a', 'b', 'c'].map(bytesOf), cursor), 0);
  t.equal(out.length, 0);
  const bare = bytesOf('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  head.parse(bare, 0, bare.length);
  t.equal(joinCookies(out, head.fields), 0, 'a head without cookies');
  t.equal(joinCookiesWithout(out, head.fields, [], cursor), 0);
});
