// What holds of what PHP writes, by serialize() and by igbinary: it is read as data, nothing is instantiated, and every bound holds.
import t from 'tap';
import { type Data, lookAt } from '../../../src/session/data.ts';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodeIgbinary } from '../../../src/session/decode/igbinary.ts';
import { decodePhp } from '../../../src/session/decode/php-serialize.ts';
import { decodePhpSession, meetsReference } from '../../../src/session/decode/php-session.ts';
import { refusedOfMutations, takenWhenCut } from './fuzz-kit.ts';
import { PHP_SAMPLES } from './php-samples.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const php = (text: string): Data => decodePhp(bytes(text));
const HEAD = '\0\0\0\x02';
const igbinary = (text: string): Data => decodeIgbinary(bytes(HEAD + text));
const READERS = { serialize: decodePhp, igbinary: decodeIgbinary };

for (const [name, sample] of Object.entries(PHP_SAMPLES)) {
  const read = READERS[name as keyof typeof READERS]; // the samples have the same names
  const good = Buffer.from(sample, 'base64');

  t.test(`${name}: what PHP wrote is read`, async (t) => {
    const value = read(good);
    t.equal(lookAt(value, ['user']), 42);
    t.equal(lookAt(value, ['ref']), 42, 'a reference is the value');
    t.equal(lookAt(value, ['name']), 'Zoë');
    t.equal(lookAt(value, ['same']), 'Zoë');
    t.equal(lookAt(value, ['f']), 1.5);
    t.equal(lookAt(value, ['neg']), -70_000);
    t.equal(lookAt(value, ['big']), 2n ** 63n - 1n);
    t.equal(lookAt(value, ['b', '0']), true);
    t.equal(lookAt(value, ['again', 'a', '1']), 2, 'an object that was there before');
    t.equal(lookAt(value, ['p', 'u']), 'bob', 'a private property by its name');
    t.equal(lookAt(value, ['p', 'self', 'self', 'v', '0']), 3, 'an object that holds itself');
    t.equal(lookAt(value, ['constructor']), undefined);
    t.equal(lookAt(value, ['__proto__']), undefined);
  });

  t.test(`${name}: cut values and mutations throw DecodeError or decode`, async (t) => {
    t.same(takenWhenCut(read, good), []);
    t.ok(refusedOfMutations(read, good, 10_000) > 0);
  });
}

t.test('serialize: bounds hold: depth, count, length, references', { timeout: 30_000 }, async (t) => {
  const refused = (text: string): void => {
    t.throws(() => php(text), DecodeError, text.slice(0, 30));
  };
  refused(`${'a:1:{i:0;'.repeat(100)}N;${'}'.repeat(100)}`);
  refused(`${'O:1:"A":1:{s:1:"a";'.repeat(100)}N;${'}'.repeat(100)}`);
  refused(`a:150000:{${'i:0;N;'.repeat(150_000)}}`);
  refused(`a:150001:{i:0;N;${'i:0;R:2;'.repeat(110_000)}}`);
  refused('a:999999999:{}');
  refused('a:9999999999999:{}');
  refused('a:-1:{}');
  refused('s:999999999:"a";');
  refused('s:1:"ab";');
  refused('C:1:"A":999999:{a}');
  for (const text of ['R:1;', 'r:9;', 'R:0;', 'R:-1;', 'a:1:{i:0;R:5;}']) refused(text);
  for (const text of [
    '',
    'x',
    'i:;',
    'i:1',
    'b:2;',
    'd:;',
    'i:1;i:2;',
    'a:1:{a:0:{}N;}',
    'E:1:"A"',
    'i:1e5;',
  ])
    refused(text);
  t.throws(() => decodePhp(Buffer.alloc(1024 * 1024 + 1, 'N')), DecodeError);
});

t.test('igbinary: bounds hold: depth, count, length, references, marks', { timeout: 30_000 }, async (t) => {
  const refused = (text: string): void => {
    t.throws(() => igbinary(text), DecodeError, JSON.stringify(text.slice(0, 30)));
  };
  const nested = (times: number): string => `${'\x14\x01\x06\0'.repeat(times)}\0`;
  t.ok(igbinary(nested(50)) instanceof Map);
  refused(nested(100));
  refused(`\x16\0\x02\x49\xf0${'\x06\0\0'.repeat(150_000)}`);
  refused('\x16\xff\xff\xff\xff');
  refused('\x26\0\0\0\0\0\0\0\xff');
  refused('\x11\xffab');
  refused('\x13\xff\xff\xff\xffab');
  refused('\x01\x05');
  refused('\x22\x05');
  refused('\x0e\x05');
  refused('\x25'.repeat(90_000));
  refused('\x25\x25\x06\x01');
  refused('\0\0');
  refused('\x7f');
  t.throws(() => decodeIgbinary(bytes('\0\0\0\x03\0')), DecodeError, 'another version');
  t.throws(() => decodeIgbinary(Buffer.alloc(0)), DecodeError);
  t.throws(() => decodeIgbinary(Buffer.alloc(1024 * 1024 + 1)), DecodeError);
});

t.test('what is shared within itself costs no more than it says', { timeout: 30_000 }, async (t) => {
  // Each array holds the one before twice: 2^50 values if it were unrolled. It stands under its own name in the session.
  let text = 'a:50:{i:0;a:0:{}';
  for (let i = 1; i < 50; i++) text += `i:${i};a:2:{i:0;R:${i + 1};i:1;R:${i + 1};}`;
  const value = php(`${text}}`);
  t.equal((value as ReadonlyMap<Data, Data>).size, 50);
  t.equal(lookAt(value, ['49', '1']), lookAt(value, ['48']));
});

t.test('igbinary: all arrays are counted, and so is the case of an enumeration', async (t) => {
  // ['e' => [], 'd' => [1], 'o' => $o, 'again' => $o], and ['x' => E::A, 'y' => E::A, 'o' => $o, 'o2' => $o], by igbinary 3.2.
  const counted =
    '1404110165140011016414010600060111016f1708737464436c617373140111016106011105616761696e2203';
  const value = decodeIgbinary(Buffer.from(`00000002${counted}`, 'hex'));
  t.equal(lookAt(value, ['again', 'a']), 1);
  const cases = '140411017817014527110141110179220111016f1708737464436c6173731401110161060111026f322202';
  const enumerated = decodeIgbinary(Buffer.from(`00000002${cases}`, 'hex'));
  t.equal(lookAt(enumerated, ['y']), 'A');
  t.equal(lookAt(enumerated, ['o2', 'a']), 1);
});

t.test('msgpack: a user behind a reference is not taken for nobody', async (t) => {
  // session_encode() of ['x' => $o, 'user' => $o] with msgpack 2.2.
  const session = decodePhpSession(
    'msgpack',
    Buffer.from('83c001a17882c0a8737464436c617373a2696407a47573657282c0040002', 'hex'),
  );
  t.equal(lookAt(session, ['x', 'id']), 7);
  t.equal(meetsReference(session, ['x', 'id']), false);
  t.equal(meetsReference(session, ['nobody']), false);
  t.equal(meetsReference(session, ['user', 'id']), true);
  t.equal(meetsReference(session, ['user']), true);
});

t.test('a session of each handler is one of names, or none', async (t) => {
  const handlers = ['php', 'php_binary', 'php_serialize', 'igbinary', 'msgpack'] as const;
  for (const handler of handlers) t.same(decodePhpSession(handler, new Uint8Array(0)), new Map(), handler);
  const refused = (handler: (typeof handlers)[number], text: string): void => {
    t.throws(() => decodePhpSession(handler, bytes(text)), DecodeError, `${handler} ${text.slice(0, 20)}`);
  };
  refused('php', 'user');
  refused('php', 'user|');
  refused('php', 'user|i:1;x');
  refused('php_binary', '\x05user');
  refused('php_binary', '\x04useri');
  refused('php_serialize', 'i:1;');
  refused('php_serialize', 's:1:"a";');
  refused('igbinary', `${HEAD}\x06\x01`);
  refused('msgpack', '\x01');
  // Another handler than the app's: what is read is nobody's session.
  refused('php', 'a:1:{s:4:"user";i:1;}');
  refused('php_serialize', 'user|i:1;');
  refused('igbinary', 'user|i:1;');
  refused('msgpack', 'user|i:1;');
  refused('php_binary', 'user|i:1;');
});
