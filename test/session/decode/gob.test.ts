// What holds of gobs: what Go writes is read by the names of its fields, and every bound holds.
import t from 'tap';
import { lookAt } from '../../../src/session/data.ts';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodeGob } from '../../../src/session/decode/gob.ts';
import { refusedOfMutations, takenWhenCut } from './fuzz-kit.ts';
import {
  aloneGob,
  box,
  boxed,
  counted,
  described,
  describedStruct,
  GO_SESSION,
  int,
  sessionGob,
  uint,
} from './gob-kit.ts';

t.test('a gob of Go is read', (t) => {
  const value = decodeGob(GO_SESSION);
  t.equal(lookAt(value, ['Values', 'userID']), 1);
  t.equal((lookAt(value, ['Values', 'seen']) as Uint8Array).length, 15);
  t.strictSame(Buffer.from(lookAt(value, ['Values', 'flash']) as Uint8Array).toString(), 'hi');
  t.equal((lookAt(value, ['Deadline']) as Uint8Array).length, 15);
  t.end();
});

t.test('numbers, texts and bytes keep their values', (t) => {
  const numbers = [0, 1, -1, 127, 128, -129, 2 ** 31, 2 ** 53 - 1];
  for (const number of numbers)
    t.equal(lookAt(decodeGob(sessionGob([[box('n'), box(number)]])), ['n']), number);
  for (const big of [2n ** 62n, -(2n ** 63n)])
    t.equal(lookAt(decodeGob(sessionGob([[box('n'), box(big)]])), ['n']), big);
  // 2.5 is 4004 and zeros; its bytes come the other way round.
  const float = boxed('float64', 4, uint(0x0440));
  t.equal(lookAt(decodeGob(sessionGob([[box('f'), float]])), ['f']), 2.5);
  t.equal(lookAt(decodeGob(sessionGob([[box('b'), box(true)]])), ['b']), true);
  t.equal(lookAt(decodeGob(sessionGob([[box(7), box('seven')]])), ['7']), 'seven');
  t.equal(lookAt(decodeGob(sessionGob([[box('nil'), counted('')]])), ['nil']), null);
  t.end();
});

t.test('structs are maps by the names of their fields, also inside each other', (t) => {
  const types = [
    describedStruct(66, [
      ['ID', 2],
      ['Name', 6],
      ['Roles', 67],
      ['Boss', 66],
    ]),
    described(67, 1, Buffer.concat([Buffer.from([1]), int(6)])),
  ];
  const boss = Buffer.concat([Buffer.from([1]), int(9), Buffer.from([0])]);
  const roles = Buffer.concat([uint(2), counted('a'), counted('b')]);
  // The name is empty, so it is left out and the next field is two further.
  const user = Buffer.concat([
    Buffer.from([1]),
    int(42),
    Buffer.from([2]),
    roles,
    Buffer.from([1]),
    boss,
    Buffer.from([0]),
  ]);
  const value = decodeGob(sessionGob([[box('user'), boxed('main.User', 66, user, true)]], types));
  t.equal(lookAt(value, ['user', 'ID']), 42);
  t.equal(lookAt(value, ['user', 'Name']), undefined);
  t.strictSame(lookAt(value, ['user', 'Roles']), ['a', 'b']);
  t.equal(lookAt(value, ['user', 'Boss', 'ID']), 9);
  t.equal(lookAt(value, ['user', 'constructor']), undefined);
  t.end();
});

t.test('a UUID is its text', (t) => {
  const opaque = described(66, 5, Buffer.alloc(0));
  const bytes = counted(Buffer.from('f123456789abcdef0123456789abcdef', 'hex'));
  const value = decodeGob(
    sessionGob([[box('id'), boxed('github.com/google/uuid.UUID', 66, bytes)]], [opaque]),
  );
  t.equal(lookAt(value, ['id']), 'f1234567-89ab-cdef-0123-456789abcdef');
  t.end();
});

t.test('bounds hold: types, depth, count, length', { timeout: 10_000 }, (t) => {
  const refused = (bytes: Uint8Array): void => {
    t.throws(() => decodeGob(bytes), DecodeError);
  };
  const slice = (id: number, of: number): Buffer =>
    described(id, 1, Buffer.concat([Buffer.from([1]), int(of)]));
  const zero = Buffer.from([0]);
  // A list of itself, a hundred deep; then a hundred thousand flags; then more items than bytes.
  refused(aloneGob(65, Buffer.concat([zero, Buffer.alloc(100, 1), zero]), [slice(65, 65)]));
  refused(aloneGob(65, Buffer.concat([zero, uint(120_000), Buffer.alloc(120_000)]), [slice(65, 1)]));
  refused(aloneGob(65, Buffer.concat([zero, uint(2 ** 40)]), [slice(65, 1)]));
  refused(aloneGob(99, zero));
  refused(aloneGob(65, Buffer.from([9, 1, 0]), [describedStruct(65, [['A', 2]])]));
  refused(Buffer.concat([...Array.from({ length: 1001 }, (_, i) => slice(65 + i, 1)), aloneGob(2, zero)]));
  refused(described(65, 40, Buffer.alloc(0)));
  refused(Buffer.from([0xf0, 1]));
  refused(Buffer.alloc(0));
  refused(new Uint8Array(1024 * 1024 + 1));
  t.end();
});

t.test('cut gobs and mutations throw DecodeError or decode', (t) => {
  const user = sessionGob(
    [
      [
        box('user'),
        boxed('main.User', 66, Buffer.concat([Buffer.from([1]), int(42), Buffer.from([0])]), true),
      ],
    ],
    [describedStruct(66, [['ID', 2]])],
  );
  for (const good of [GO_SESSION, user]) {
    t.strictSame(takenWhenCut(decodeGob, good), []);
    t.ok(refusedOfMutations(decodeGob, good, 10_000) > 0);
  }
  t.end();
});
