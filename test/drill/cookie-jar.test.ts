// A user's cookies are kept and sent as a browser does it: by name, domain and path, until they end, and never without bound.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { COOKIES_MAX, CookieJar } from '../../src/drill/cookie-jar.ts';

interface Row {
  readonly what: string;
  readonly set: readonly string[];
  readonly sent: string;
  /** Where they were set and where they are sent; `/` and `/`. */
  readonly from?: string;
  readonly to?: string;
  readonly host?: string;
  readonly secure?: boolean;
}

const ROWS: readonly Row[] = [
  { what: 'a cookie comes back', set: ['a=1'], sent: 'a=1' },
  { what: 'all that were set come back, in their order', set: ['b=2; HttpOnly', 'a=1'], sent: 'b=2; a=1' },
  { what: 'the same name is replaced, in its old place', set: ['a=1', 'b=2', 'a=3'], sent: 'a=3; b=2' },
  { what: 'a value may hold = and quotes, and be empty', set: ['a="x=y"', 'b='], sent: 'a="x=y"; b=' },
  { what: 'spaces around name and value are not theirs', set: ['  a =  1 ; Path=/ '], sent: 'a=1' },
  { what: 'a pair without = is a value without a name', set: ['alone'], sent: 'alone' },
  { what: 'nothing at all is ignored', set: ['=', '; Path=/'], sent: '' },
  { what: 'Max-Age=0 deletes', set: ['a=1', 'b=2', 'a=; Max-Age=0'], sent: 'b=2' },
  { what: 'a past Expires deletes', set: ['a=1', 'a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT'], sent: '' },
  {
    what: 'an Expires in dashes and two digits is read',
    set: ['a=1', 'a=1; expires=Sunday, 06-Nov-94 08:49:37 GMT'],
    sent: '',
  },
  {
    what: 'Max-Age wins over Expires',
    set: ['a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
    sent: 'a=1',
  },
  { what: 'a broken Max-Age or Expires means none', set: ['a=1; Max-Age=soon; Expires=never'], sent: 'a=1' },
  {
    what: 'another path is another cookie, and does not delete',
    set: ['a=1; Path=/x', 'a=; Path=/; Max-Age=0'],
    to: '/x',
    sent: 'a=1',
  },
  { what: 'a path holds by segments', set: ['a=1; Path=/app'], to: '/apple', sent: '' },
  { what: 'and below itself', set: ['a=1; Path=/app'], to: '/app/x', sent: 'a=1' },
  { what: 'longer paths go first', set: ['a=1; Path=/', 'b=2; Path=/app'], to: '/app', sent: 'b=2; a=1' },
  {
    what: 'without Path, the folder of the request holds',
    set: ['a=1'],
    from: '/app/login',
    to: '/app/me',
    sent: 'a=1',
  },
  { what: 'and no other', set: ['a=1'], from: '/app/login', to: '/me', sent: '' },
  {
    what: 'a Path that does not begin with / is none',
    set: ['a=1; Path=app'],
    from: '/app/x',
    to: '/app/',
    sent: 'a=1',
  },
  { what: 'a foreign Domain is refused', set: ['a=1; Domain=evil.example'], host: 'shop.example', sent: '' },
  {
    what: 'a Domain above the host is taken',
    set: ['a=1; Domain=.shop.example'],
    host: 'www.shop.example',
    sent: 'a=1',
  },
  { what: 'a top-level Domain is refused', set: ['a=1; Domain=example'], host: 'shop.example', sent: '' },
  { what: 'an address has no domain above it', set: ['a=1; Domain=0.0.1'], host: '127.0.0.1', sent: '' },
  { what: 'Secure is not taken in the clear', set: ['a=1; Secure', 'b=2'], sent: 'b=2' },
  { what: 'but where it is trustworthy', set: ['a=1; Secure'], secure: true, sent: 'a=1' },
  {
    what: '__Host- needs Secure, the path / and no domain',
    set: ['__Host-a=1; Secure; Path=/', '__Host-b=1; Secure'],
    secure: true,
    sent: '__Host-a=1',
  },
  {
    what: '__Secure- needs Secure',
    set: ['__Secure-a=1', '__Secure-b=1; Secure'],
    secure: true,
    sent: '__Secure-b=1',
  },
  { what: 'a control character spoils the line', set: ['a=1\u0001', 'b=2'], sent: 'b=2' },
  { what: 'a pair of more than 4096 bytes is ignored', set: [`a=${'x'.repeat(4096)}`, 'b=2'], sent: 'b=2' },
];

for (const { what, set, sent, from = '/', to = '/', host = '127.0.0.1', secure = false } of ROWS) {
  t.test(what, async (t) => {
    const jar = new CookieJar(host, secure, new HandClock());
    for (const line of set) jar.store(line, from);
    t.equal(jar.line(to), sent);
  });
}

t.test('a cookie ends when its time is over, and is then forgotten', async (t) => {
  const clock = new HandClock();
  const jar = new CookieJar('127.0.0.1', false, clock);
  jar.store('a=1; Max-Age=10', '/');
  jar.store('b=2', '/');
  clock.advance(9_999);
  t.equal(jar.line('/'), 'a=1; b=2');
  t.equal(jar.value('a', '/'), '1');
  clock.advance(1);
  t.equal(jar.value('a', '/'), null);
  t.equal(jar.line('/'), 'b=2');
  t.equal(jar.size, 1);
});

t.test('a jar is bounded: what has ended goes first, then the oldest', async (t) => {
  const clock = new HandClock();
  const jar = new CookieJar('127.0.0.1', false, clock);
  jar.store('first=1', '/');
  jar.store('short=1; Max-Age=1', '/');
  for (let i = 2; i < COOKIES_MAX; i++) jar.store(`c${i}=1`, '/');
  t.equal(jar.size, COOKIES_MAX);
  clock.advance(1000);
  jar.store('more=1', '/');
  t.equal(jar.size, COOKIES_MAX);
  t.equal(jar.value('first', '/'), '1');
  jar.store('most=1', '/');
  t.equal(jar.size, COOKIES_MAX);
  t.equal(jar.value('first', '/'), null);
  t.equal(jar.value('most', '/'), '1');
});
