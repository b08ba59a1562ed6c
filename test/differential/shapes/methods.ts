// Methods: those of node:http that a proxy passes, and some that nobody registered.
import { METHODS } from 'node:http';
import { post, request } from '../../kit/judge.ts';
import { bareAnswer, type Shape, type ShapeGroup } from '../shape.ts';

/** Not simply passed on, and so shapes of their own. */
const OWN_SHAPES = ['CONNECT', 'TRACE', 'DELETE', 'OPTIONS', 'HEAD'];
const plain = METHODS.filter((method) => !OWN_SHAPES.includes(method));

const bodiless: Shape[] = plain.map((method) => ({
  name: `${method} without a body`,
  send: request(method, `/methods/${method.toLowerCase()}`),
  // http-proxy says the length of nothing to all but GET.
  ...(method === 'GET' ? {} : { differs: ['length.not-added'] }),
}));

const withBody: Shape[] = ['POST', 'PUT', 'PATCH', 'GET', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT'].map(
  (method) => ({
    name: `${method} with a body`,
    send: `${request(method, '/methods/body', 'Content-Type: text/plain', 'Content-Length: 5')}hello`,
  }),
);

export const methods: ShapeGroup = {
  title: 'Methods',
  shapes: [
    ...bodiless,
    ...withBody,
    {
      name: 'HEAD',
      send: request('HEAD', '/methods/head'),
      answer: bareAnswer('200 OK', ['Content-Length: 2']),
    },
    {
      name: 'DELETE without a body',
      differs: ['length.not-added'],
      send: request('DELETE', '/methods/delete'),
    },
    { name: 'DELETE with a body', send: `${request('DELETE', '/m', 'Content-Length: 3')}abc` },
    {
      name: 'OPTIONS of a path',
      differs: ['length.not-added'],
      send: request('OPTIONS', '/methods/options'),
    },
    { name: 'OPTIONS with a body', send: `${request('OPTIONS', '/m', 'Content-Length: 3')}abc` },
    { name: 'OPTIONS *', differs: ['options.here'], send: request('OPTIONS', '*') },
    { name: 'TRACE', differs: ['refuses request.method.trace'], send: request('TRACE', '/methods/trace') },
    {
      name: 'CONNECT',
      differs: ['refuses request.method.connect'],
      send: 'CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n',
    },
    {
      name: 'a method nobody registered',
      differs: ['methods.unregistered'],
      send: request('FROBNICATE', '/m'),
    },
    {
      name: 'a method with other letters of a token',
      differs: ['methods.unregistered'],
      send: request("M-E.T_H!O'D", '/m'),
    },
    { name: 'a method in small letters', differs: ['methods.unregistered'], send: request('get', '/m') },
    { name: 'a method of 33 letters', send: request('A'.repeat(33), '/m') },
    { name: 'POST with an empty body', send: post('/m', '') },
  ],
};
