// Targets: escapes, odd paths and queries, the absolute form.
import { get, request } from '../../kit/judge.ts';
import type { DifferenceId } from '../differences.ts';
import { filler, type Shape, type ShapeGroup } from '../shape.ts';

/** Each is asked for as it is. */
const paths: readonly string[] = [
  '/',
  '/a/b/c.html',
  '/a/',
  '/a%20b',
  '/%41%62%63',
  '/%c3%a4%e2%82%ac',
  '/%E4',
  '/a%2Fb',
  '/a%5Cb',
  '/a%25b',
  '/a+b',
  '/a;param=1/b;c',
  '/a:b@c',
  "/!$&'()*,-._~",
  '/a,b=c',
  '//double',
  '/a//b///c',
  '/a/./b',
  '/a/../b',
  '/a/%2e%2e/b',
  '/a/...',
  '/.well-known/acme-challenge/x',
  '/~user/',
  '/http://other.example/',
  '/a%',
  '/a%zz',
  '/?',
  '/?a=b&c=d',
  '/?a=b&a=c&a',
  '/?a[]=1&b[c]=2',
  '/?q=a+b%20c%2B',
  '/?a=%00',
  '/?a=b?c=d??',
  '/?x=/a/../b//c',
  '/?url=http://other.example//a',
  '/a?b;c',
  '/a?=&&==',
  '/a|b',
  '/a"b<c>d',
  '/a{b}c^d`e',
  '/a?{"json":[1,2]}',
  '/a\\b',
  '/a[b]c',
  '/%00',
  '/a/../../b',
];

const PATH_DIFFERENCES: Readonly<Record<string, readonly DifferenceId[]>> = {
  '//double': ['target.kept'],
  '/a//b///c': ['target.kept'],
  '/a\\b': ['target.kept'],
  '/%00': ['refuses request.target.nul'],
  '/a/../../b': ['refuses request.target.climbs'],
};

const asked: Shape[] = paths.map((path) => ({
  name: `target ${path}`,
  send: get(path),
  differs: PATH_DIFFERENCES[path] ?? [],
}));

export const targets: ShapeGroup = {
  title: 'Targets',
  shapes: [
    ...asked,
    { name: 'a path of 4,000 bytes', send: get(`/${filler(4000)}`) },
    { name: 'a query of 6,000 bytes', send: get(`/?${filler(6000)}`) },
    {
      name: 'a request line of 9,000 bytes',
      differs: ['refuses request.line.too-long'],
      send: get(`/${filler(9000)}`),
    },
    { name: 'a fragment', differs: ['refuses request.target.bytes'], send: get('/a#b') },
    { name: 'bytes above 0x7F in a path', send: get('/\xc3\xa4') },
    { name: 'the absolute form', send: get('http://a.example/absolute?a=b') },
    {
      name: 'the absolute form, with another Host',
      differs: ['absolute.host'],
      send: get('http://b.example/absolute'),
    },
    {
      name: 'the absolute form, with a port',
      differs: ['absolute.host'],
      send: get('http://a.example:8080/absolute'),
    },
    { name: 'the absolute form without a path', send: get('http://a.example') },
    { name: 'the absolute form without a path, with a query', send: get('http://a.example?a=b') },
    {
      name: 'the absolute form in capital letters',
      differs: ['absolute.host'],
      send: get('HTTP://A.EXAMPLE/absolute'),
    },
    {
      name: 'the absolute form with https',
      differs: ['refuses request.target.form'],
      send: get('https://a.example/absolute'),
    },
    {
      name: 'the absolute form with another scheme',
      differs: ['refuses request.target.form'],
      send: get('ftp://a.example/absolute'),
    },
    {
      name: 'the absolute form with a user',
      differs: ['refuses request.target.userinfo'],
      send: get('http://user:pass@a.example/absolute'),
    },
    {
      name: 'OPTIONS of the absolute form',
      differs: ['length.not-added'],
      send: request('OPTIONS', 'http://a.example/options'),
    },
    { name: 'a target without a slash', send: get('absolute') },
    { name: 'a target that is a star, with GET', differs: ['refuses request.target.form'], send: get('*') },
  ],
};
