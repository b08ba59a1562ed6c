// What holds of Erlang's terms: data is read, what could run is refused, and every bound holds.
import { deflateSync } from 'node:zlib';
import t from 'tap';
import { lookAt } from '../../../src/session/data.ts';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodeEtf } from '../../../src/session/decode/etf.ts';
import { atom, type Term, term, toBinary } from './etf-kit.ts';
import { refusedOfMutations, takenWhenCut } from './fuzz-kit.ts';

const ALL: Term = new Map<Term, Term>([
  ['user_id', 255],
  ['n', [0, -1, 70_000, 2n ** 40n, -(2n ** 70n), 1.5]],
  ['w', [null, true, false, atom('undefined'), atom('Elixir.Date')]],
  ['b', Buffer.from([0xff, 0])],
  ['t', { raw: Buffer.from([104, 2, 97, 1, 97, 2]) }],
  ['s', { raw: Buffer.from([107, 0, 2, 7, 8]) }],
  ['improper', { raw: Buffer.from([108, 0, 0, 0, 1, 97, 1, 97, 2]) }],
  ['pid', { raw: Buffer.concat([Buffer.from([88]), atom('a@b').raw, Buffer.alloc(12)]) }],
  ['ref', { raw: Buffer.concat([Buffer.from([90, 0, 3]), atom('a@b').raw, Buffer.alloc(16)]) }],
  ['bits', { raw: Buffer.from([77, 0, 0, 0, 1, 3, 0xe0]) }],
  ['old', { raw: Buffer.from([100, 0, 2, 0x6f, 0x6b]) }],
  [atom('key'), new Map<Term, Term>([[3, 'three']])],
]);

t.test('every kind of term that a session holds is read', (t) => {
  const value = decodeEtf(toBinary(ALL));
  t.equal(lookAt(value, ['user_id']), 255);
  t.strictSame(lookAt(value, ['n']), [0, -1, 70_000, 2 ** 40, -(2n ** 70n), 1.5]);
  t.strictSame(lookAt(value, ['w']), [null, true, false, null, 'Elixir.Date']);
  t.strictSame(Buffer.from(lookAt(value, ['b']) as Uint8Array), Buffer.from([0xff, 0]));
  t.strictSame(lookAt(value, ['t']), [1, 2]);
  t.strictSame(lookAt(value, ['s']), [7, 8]);
  t.strictSame(lookAt(value, ['improper']), [1, 2]);
  for (const name of ['pid', 'ref', 'bits']) t.equal(lookAt(value, [name]), null, name);
  t.equal(lookAt(value, ['old']), 'ok');
  t.equal(lookAt(value, ['key', '3']), 'three');
  t.equal(lookAt(value, ['constructor']), undefined);
  t.end();
});

t.test('a compressed term is read, and never beyond the bound', (t) => {
  const compressed = (plain: Buffer, size = plain.length): Buffer => {
    const head = Buffer.from([131, 80, 0, 0, 0, 0]);
    head.writeUInt32BE(size, 2);
    return Buffer.concat([head, deflateSync(plain)]);
  };
  t.equal(lookAt(decodeEtf(compressed(term(ALL))), ['user_id']), 255);
  t.throws(() => decodeEtf(compressed(term(ALL), 5)), DecodeError);
  t.throws(() => decodeEtf(compressed(term(Buffer.alloc(4_000_000)))), DecodeError);
  t.throws(() => decodeEtf(Buffer.from([131, 80, 0])), DecodeError);
  t.end();
});

t.test('functions are refused, and so are bounds overrun', { timeout: 10_000 }, (t) => {
  const refused = (bytes: readonly number[]): void => {
    t.throws(() => decodeEtf(Buffer.concat([Buffer.from([131]), Buffer.from(bytes)])), DecodeError);
  };
  refused([113, 119, 1, 97, 119, 1, 98, 97, 1]);
  refused([112, 0, 0, 0, 40]);
  refused([117, 0, 0, 0, 0]);
  refused([...Array.from({ length: 100 }, () => [104, 1]).flat(), 97, 1]);
  refused([105, 0xff, 0xff, 0xff, 0xff, ...new Array(200_000).fill(106)]);
  refused([116, 0xff, 0xff, 0xff, 0xff]);
  refused([111, 0, 1, 0, 0, 0, ...new Array(65_536).fill(1)]);
  refused([109, 0xff, 0xff, 0xff, 0xff, 1]);
  refused([97, 1, 97]);
  refused([
    108,
    0,
    0,
    0,
    8,
    ...new Array(8).fill([107, 0xff, 0xff, ...new Array(65_535).fill(1)]).flat(),
    106,
  ]);
  t.throws(() => decodeEtf(Buffer.from([130, 97, 1])), DecodeError);
  t.throws(() => decodeEtf(new Uint8Array(0)), DecodeError);
  t.throws(() => decodeEtf(new Uint8Array(1024 * 1024 + 1)), DecodeError);
  t.end();
});

t.test('cut terms and mutations throw DecodeError or decode', (t) => {
  const good = toBinary(ALL);
  t.strictSame(takenWhenCut(decodeEtf, good), []);
  t.ok(refusedOfMutations(decodeEtf, good, 10_000) > 0);
  t.end();
});
