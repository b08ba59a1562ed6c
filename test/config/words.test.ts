// HTTP's words in a config: what would break a message, a cookie or a redirect is refused.
import t, { type Test } from 'tap';
import type { Reading } from '../../src/config/units.ts';
import {
  parseCookieDomain,
  parseCookiePath,
  parseFieldValue,
  parseHashOn,
  parseMethod,
  parseName,
  parsePath,
  parseRedirect,
  parseRoutePath,
  parseToken,
} from '../../src/config/words.ts';

function refuses<T>(t: Test, parse: (text: string) => Reading<T>, texts: readonly string[]): void {
  for (const text of texts)
    t.ok('wrong' in (parse(text) as object), `refused: ${JSON.stringify(text).slice(0, 50)}`);
}

t.test('methods are upper case, and those that are never routed are refused', async (t) => {
  t.same(parseMethod('PROPFIND'), { value: 'PROPFIND' });
  t.same(parseMethod('get'), {
    wrong: '"get" is not a method, since methods are upper case',
    right: 'GET',
  });
  refuses(t, parseMethod, ['', 'G T', 'CONNECT', 'TRACE', 'A'.repeat(33)]);
});

t.test('field values hold one line of Latin-1', async (t) => {
  for (const value of ['', 'a b', 'a\tb', 'é', '"x"; y=z']) t.same(parseFieldValue(value), { value });
  refuses(t, parseFieldValue, ['a\r\nX: b', 'a\nb', 'a\0', ' a', 'a ', '€', '\x7f', 'a'.repeat(8193)]);
});

t.test('cookie names, paths and domains are what browsers take', async (t) => {
  t.same(parseToken('__Host-x', 'a cookie name', 'limpet'), { value: '__Host-x' });
  refuses(t, (text) => parseToken(text, 'a cookie name', 'limpet'), ['', 'a b', 'a=b', 'a;b', 'ä']);
  t.same(parseCookiePath('/app'), { value: '/app' });
  refuses(t, parseCookiePath, ['', 'app', '/a;b', '/a\n']);
  t.same(parseCookieDomain('.Example.com'), { value: 'example.com' });
  refuses(t, parseCookieDomain, ['com', '1.2.3.4', 'a..b', 'a.b;c', '', 'a.b:80', '-a.b']);
});

t.test('paths mean the same to every reader', async (t) => {
  for (const path of ['/', '/a/b', '/a/', '/a%20b', '/a;b=c'])
    t.same(parsePath(path, false), { value: path });
  t.same(parsePath('/a?b=c', true), { value: '/a?b=c' });
  const bad: Record<string, [wrong: string, right: string]> = {
    a: ['"a" does not begin with `/`', '/a'],
    '/a?b': ['"/a?b" has a query, which a path is matched without', '/a'],
    '/a#b': ['"/a#b" has a fragment, which is never sent', '/a'],
    '/a//b': ['"/a//b" is not in its simplest form', '/a/b'],
    '/a/../b': ['"/a/../b" is not in its simplest form', '/a/b'],
    '/%61': ['"%61" stands for "a", which needs no escape', '/a'],
    '/%2F': ['"%2F" is read differently by different apps', 'a path without it'],
    '/%zz': ['"%zz" is not an escape', '%25 for a `%`'],
    '/a\\b': ['"/a\\\\b" holds a `\\`', '/a/b'],
    '/ü': ['"/ü" holds characters that are sent escaped', 'its UTF-8 bytes as %XX'],
  };
  for (const [path, [wrong, right]] of Object.entries(bad))
    t.same(parsePath(path, false), { wrong, right }, path);
  refuses(t, (text) => parsePath(text, false), ['/%00', '/%5c', '/%', '/a b', `/${'a'.repeat(2048)}`]);
});

t.test('a route path is a prefix, or exact behind an equals sign', async (t) => {
  t.same(parseRoutePath('/a/'), { value: { path: '/a', exact: false } });
  t.same(parseRoutePath('/'), { value: { path: '/', exact: false } });
  t.same(parseRoutePath('= /a/'), { value: { path: '/a/', exact: true } });
  t.same(parseRoutePath('=/a'), { value: { path: '/a', exact: true } });
  t.same(parseRoutePath('/a/*'), {
    wrong: '"/a/*" holds a `*`, but a path is a prefix by itself',
    right: '/a',
  });
  t.same(parseRoutePath('= a'), { wrong: '"a" does not begin with `/`', right: '= /a' });
});

t.test('a redirect cannot be turned to another site', async (t) => {
  const good = [
    'https://example.com{path}{query}',
    'https://{host}{path}{query}',
    'https://{host}:8443/x',
    'http://[::1]:80/',
    '/new{path}',
    '/login?next={path}',
  ];
  for (const to of good) t.same(parseRedirect(to), { value: to });
  refuses(t, parseRedirect, [
    '{path}',
    '//evil.example',
    '/{path}',
    '/\\evil.example',
    'https://{host}.evil.example/',
    'https://{path}',
    'https://good{host}',
    'javascript:alert(1)',
    '/a b',
    '/a\r\nX: y',
    '/{pth}',
    '/{path',
    '/path}',
    '',
  ]);
  t.match(parseRedirect('/a{pth}'), { right: '{path}' });
});

t.test('a hash says on what', async (t) => {
  t.same(parseHashOn('address'), { value: { on: 'address' } });
  t.same(parseHashOn('header X-User'), { value: { on: 'header', name: 'X-User' } });
  t.same(parseHashOn('query id'), { value: { on: 'query', name: 'id' } });
  refuses(t, parseHashOn, ['', 'header', 'path x', 'body', 'cookie a b', 'cookie a=b']);
});

t.test('a name is for labels and URLs', async (t) => {
  for (const name of ['blue', 'a.b:80', '[::1]:80', '/run/a.sock']) t.same(parseName(name), { value: name });
  t.same(parseName('my app'), { wrong: '"my app" is not a name', right: 'my-app' });
  refuses(t, parseName, ['', 'a"b', 'a\nb', 'ä', 'a'.repeat(129)]);
});
