// Cookies: several, odd, many, set and sent; none is anybody's business between client and app.
import { get, post } from '../../kit/judge.ts';
import { answer, filler, type Shape, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';
const sent: readonly (readonly [string, readonly string[]])[] = [
  ['one', ['a=1']],
  ['several', ['a=1; b=2; c=3']],
  ['without spaces', ['a=1;b=2;c=3']],
  ['with an equals sign in its value', ['session=abc==; b=c=d']],
  ['quoted', ['a="x y"; b="1;2"']],
  ['without a name', ['=value; just-a-word']],
  ['empty', ['a=; b=']],
  ['twice the same', ['a=1; a=2']],
  ['with odd letters', ['a=%20%3B; b={"json":1}; c=\xe4\xff; d=a,b; e=/(x)/']],
  ['signed, as Express has them', ['connect.sid=s%3Aabc.def%2Bghi%2F; io=xyz']],
  ['with host and secure prefixes', ['__Host-id=1; __Secure-id=2']],
  ['of 4,000 bytes', [`big=${filler(4000)}`]],
  ['with a trailing semicolon', ['a=1; ']],
  ['with a name that Limpet uses', ['limpet=forged.value; a=1']],
  ['in two lines', ['a=1', 'b=2']],
  ['in three lines with others between', ['a=1; b=2', 'c=3', 'd=4']],
];

const requests: Shape[] = sent.map(([name, lines]) => ({
  name: `Cookie: ${name}`,
  send: get('/cookies', ...lines.flatMap((line, i) => [`X-Between-${i}: 1`, `Cookie: ${line}`])),
}));

const set: readonly (readonly [string, readonly string[]])[] = [
  ['one', ['a=1; Path=/; HttpOnly']],
  ['three', ['a=1; Path=/', 'b=2; Max-Age=60', 'c=3; Secure; SameSite=None']],
  ['with a comma in its date', ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2']],
  ['with a domain', ['a=1; Domain=.a.example; Path=/x']],
  ['with odd letters', ['a="x;y"; Path=/', 'b=\xe4\xff', 'c={"j":[1,2]}']],
  ['deleted', ['a=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT']],
  ['partitioned', ['__Host-a=1; Path=/; Secure; HttpOnly; SameSite=None; Partitioned']],
  ['twice the same', ['a=1', 'a=1', 'a=2']],
  ['forty', Array.from({ length: 40 }, (_, i) => `c${i}=${i}; Path=/`)],
  ['with a name that Limpet uses', ['limpet=of-the-app; Path=/']],
];

const answers: Shape[] = set.map(([name, lines]) => ({
  name: `Set-Cookie: ${name}`,
  send: get('/cookies'),
  answer: answer(
    '200 OK',
    'ok',
    DATE,
    ...lines.flatMap((line, i) => [`Set-Cookie: ${line}`, `X-Between-${i}: 1`]),
  ),
}));

export const cookies: ShapeGroup = {
  title: 'Cookies',
  shapes: [
    ...requests,
    ...answers,
    {
      name: 'a login: a form, a cookie, a redirect',
      send: post(
        '/login',
        'user=ada&pass=x%26y',
        'Content-Type: application/x-www-form-urlencoded',
        'Cookie: csrf=1',
      ),
      answer: answer(
        '303 See Other',
        '',
        DATE,
        'Location: /home',
        'Set-Cookie: sid=abc; Path=/; HttpOnly',
        'Cache-Control: no-store',
      ),
    },
    {
      name: 'a cookie set under another case of the name',
      differs: ['repeated.spelling'],
      send: get('/cookies'),
      answer: answer('200 OK', 'ok', DATE, 'set-cookie: a=1', 'SET-COOKIE: b=2'),
    },
  ],
};
