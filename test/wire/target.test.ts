// How a path may be read by an app (rule R6), and what is never let through.
import t from 'tap';
import { decodedPathString, isStrictTarget, readAsApp } from '../../src/wire/target.ts';
import { bytesOf } from './every-cut.ts';

const read = (path: string): string => {
  const bytes = bytesOf(`xx${path}?y`);
  const got = readAsApp(bytes, 2, 2 + path.length);
  return typeof got === 'string' ? got : got.code;
};

t.test('R6: a path is read as an app may read it', async (t) => {
  const rows: readonly (readonly [string, string])[] = [
    ['', '/'],
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/', '/a/'],
    ['/%61dmin', '/admin'],
    ['/a%2fb', '/a/b'],
    ['/a%2Fb', '/a/b'],
    ['/a%5cb', '/a/b'],
    ['/a\\b', '/a/b'],
    ['//a///b//', '/a/b/'],
    ['/./a/./b/.', '/a/b/'],
    ['/a/../b', '/b'],
    ['/a/b/..', '/a/'],
    ['/a/..', '/'],
    ['/a/%2e%2e/b', '/b'],
    ['/a/%2e./b', '/b'],
    ['/a/b%2f..%2fc', '/a/c'],
    ['/a;x=y/b;z', '/a/b'],
    ['/a/..;/b', '/b'],
    ['/a/..;x=1/b', '/b'],
    ['/;x/a', '/a'],
    ['/a%3bx', '/a;x'],
    ['/a/...', '/a/...'],
    ['/a/.b', '/a/.b'],
    ['/%252e%252e/a', '/%2e%2e/a'],
    ['/%zz%2', '/%zz%2'],
    ['/a%e9', '/a\xe9'],
    ['/a//../b', '/b'],
  ];
  for (const [path, want] of rows) t.equal(read(path), want, path);
});

t.test('R6: a path that climbs above its root is refused', async (t) => {
  for (const path of [
    '/..',
    '/../a',
    '/a/../../b',
    '/%2e%2e/a',
    '/a/..%2f../b',
    '/..\\a',
    '/..;/a',
    '//../a',
    '/./../a',
  ]) {
    t.equal(read(path), 'request.target.climbs', path);
  }
});

t.test('R6: an escape of NUL is refused', async (t) => {
  for (const path of ['/%00', '/a%00b', '/a/../%00', '/a;%00'])
    t.equal(read(path), 'request.target.nul', path);
});

t.test('an escape that the end of the path cuts is no escape', async (t) => {
  const bytes = bytesOf('/a%2f');
  t.equal(readAsApp(bytes, 0, 4), '/a%2');
  t.equal(readAsApp(bytes, 0, 3), '/a%');
});

t.test('a path for people is decoded as UTF-8 and not resolved', async (t) => {
  const show = (path: string): string => decodedPathString(bytesOf(path), 0, path.length);
  t.equal(show('/caf%C3%A9/../%zz'), '/café/../%zz');
  t.equal(show('/%ff'), '/\ufffd');
});

t.test('R5: a strict target is one that RFC 3986 allows', async (t) => {
  const strict = (target: string): boolean => isStrictTarget(bytesOf(`${target}41`), 0, target.length);
  for (const good of ['', '/', "/a-._~!$&'()*+,;=:@%7e/b?c/d?e=%20"]) t.equal(strict(good), true, good);
  for (const bad of [
    '"',
    '<',
    '>',
    '\\',
    '^',
    '`',
    '{',
    '|',
    '}',
    '[',
    ']',
    '#',
    ' ',
    '\x80',
    '%',
    '%4',
    '%zz',
  ]) {
    t.equal(strict(`/${bad}`), false, bad);
  }
});
