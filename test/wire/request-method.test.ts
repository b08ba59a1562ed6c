// Methods are told apart by their exact spelling, and the repeatable ones are those of rule T2.
import t from 'tap';
import { isIdempotent, METHOD, METHOD_NAMES, methodId } from '../../src/wire/request-method.ts';
import { bytesOf } from './every-cut.ts';

t.test('a known method is found by its exact spelling', async (t) => {
  for (const [name, id] of Object.entries(METHOD)) {
    if (name === 'other') continue;
    t.equal(METHOD_NAMES[id], name);
    t.equal(methodId(bytesOf(` ${name} `), 1, 1 + name.length), id);
    t.equal(methodId(bytesOf(name.toLowerCase()), 0, name.length), METHOD.other);
    t.equal(methodId(bytesOf(name), 0, name.length - 1), METHOD.other);
    t.equal(methodId(bytesOf(`${name}S`), 0, name.length + 1), METHOD.other);
  }
});

t.test('T2: GET, HEAD, OPTIONS, PUT and DELETE may be sent twice', async (t) => {
  const may = METHOD_NAMES.filter((_, id) => isIdempotent(id));
  t.strictSame(may.sort(), ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PUT']);
});
