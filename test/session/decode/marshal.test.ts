// What Ruby's Marshal comes to as data, and that no bytes do anything but give data or a DecodeError.
import t from 'tap';
import { SeededRandom } from '../../../src/base/random.ts';
import { lookAt } from '../../../src/session/data.ts';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodeMarshal, RubyObject } from '../../../src/session/decode/marshal.ts';
import { binary, counted, dump, long, marshalled, object, symbol } from '../formats/ruby-kit.ts';

/** Text as Ruby shows it: `\x` escapes in a JavaScript string are bytes. */
const load = (text: string) => decodeMarshal(Buffer.from(`\x04\x08${text}`, 'latin1'));

t.test('scalars are what Ruby wrote', async (t) => {
  t.equal(load('0'), null);
  t.equal(load('T'), true);
  t.equal(load('F'), false);
  const numbers = [0, 1, 122, 123, 255, 256, 65_535, 65_536, 2 ** 30 - 1];
  for (const number of [...numbers, ...numbers.map((n) => -n), -124, -257])
    t.equal(decodeMarshal(dump(number)), number === 0 ? 0 : number);
  t.equal(load('l+\x0a\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00'), 2 ** 32);
  t.equal(load('l-\x09\x15\xcd\x5b\x07\x00\x00\x00\x01'), -(2n ** 56n + 123_456_789n));
  t.equal(load('f\x081.5'), 1.5);
  t.equal(load('f\x08inf'), Number.POSITIVE_INFINITY);
  t.equal(load('f\x09-inf'), Number.NEGATIVE_INFINITY);
  t.ok(Number.isNaN(load('f\x08nan')));
  t.equal(load(':\x0auser_'), 'user_'); // five bytes: 0x0a is 5 + 5
});

t.test('texts are strings where they are UTF-8, else bytes', async (t) => {
  t.equal(decodeMarshal(dump('Jörg')), 'Jörg');
  t.equal(load('I"\x08abc\x06:\x06EF'), 'abc');
  t.equal(load('"\x08abc'), 'abc');
  t.same(load('"\x07\xff\xfe'), new Uint8Array([0xff, 0xfe]));
  t.equal(load('I"\x06\xe9\x06:\x0dencoding"\x0fISO-8859-1'), 'é');
  t.same(load('I"\x07a\x00\x06:\x0dencoding"\x0dUTF-16LE'), new Uint8Array([0x61, 0]));
  t.equal(load('IC:\x0aSafeB"\x08abc\x06:\x06ET'), 'abc', 'a subclass of String is its text');
});

t.test('a hash with a text and a symbol of the same name keeps the text’s value', async (t) => {
  t.same(load('{\x07:\x06ai\x06"\x06ai\x07'), new Map([['a', 2]]));
  t.same(load('{\x07"\x06ai\x07:\x06ai\x06'), new Map([['a', 2]]));
  t.same(load('{\x07:\x06ai\x06;\x00i\x07'), new Map([['a', 2]]), 'symbols by link');
  t.same(load('}\x06"\x06ai\x07i\x00'), new Map([['a', 2]]), 'with a default');
});

t.test('links find the object that Ruby numbered', async (t) => {
  const twice = load('[\x07"\x06a@\x06');
  t.same(twice, ['a', 'a']);
  // Objects 0 list, 1 text of the dump's ivars, 2 the user-defined object, 3 text: ivars come before their owner.
  t.same(load('[\x09Iu:\x06T\x06x\x06:\x09zone"\x08UTC"\x06a@\x06@\x08'), [
    new RubyObject('T'),
    'a',
    'UTC',
    'a',
  ]);
  t.same(load('[\x08f\x061l+\x07\x01\x00\x00\x00@\x07'), [1, 1, 1], 'floats and bignums are numbered');
  t.equal(lookAt(load('[\x08/\x06a\x00"\x06b@\x07'), [2]), 'b', 'regexps too');
  t.throws(() => load('@\x00'), DecodeError);
  t.throws(() => load('[\x06@\x0a'), DecodeError);
  t.throws(() => load(';\x00'), DecodeError);
});

t.test('what is within itself is null there', async (t) => {
  t.same(load('[\x06@\x00'), [null]);
  t.same(load('{\x06"\x06a@\x00'), new Map([['a', null]]));
});

t.test('objects are their fields, and what has code of its own stays inert', async (t) => {
  const user = decodeMarshal(dump(object('User', { '@id': 7, '@tags': ['a'] })));
  t.ok(user instanceof RubyObject && user.className === 'User');
  t.equal(lookAt(user, ['id']), 7);
  t.equal(lookAt(user, ['constructor']), undefined);
  t.equal(lookAt(decodeMarshal(dump(object('Point', { x: 1 }, 'S'))), ['x']), 1);
  t.ok(isInert(load('u:\x06T\x08abc'), 'T'));
  t.equal(lookAt(load('U:\x06R[\x07i\x06i\x07'), ['dump', '1']), 2);
  t.same(load('e:\x06M[\x06i\x06'), [1]);
  t.ok(isInert(load('c\x0bString'), 'Class'));
  t.ok(isInert(load('m\x0bKernel'), 'Class'));
  t.ok(isInert(load('I/\x06a\x00\x06:\x06EF'), 'Regexp'));
  t.same(load('C:\x06H{\x06"\x06ai\x06'), new Map([['a', 1]]));
});

function isInert(value: unknown, className: string): boolean {
  return value instanceof RubyObject && value.className === className && value.size === 0;
}

t.test('depth, count and length are bounded', async (t) => {
  const nested = (depth: number) => load(`${'[\x06'.repeat(depth)}0`);
  t.doesNotThrow(() => nested(63));
  t.throws(() => nested(64), DecodeError);
  t.throws(() => load(`${'I:\x06a\x06'.repeat(100)}0`), DecodeError);
  t.throws(() => load(`${'e:\x06a'.repeat(100_000)}0`), DecodeError);
  t.throws(() => load('I'.repeat(100_000)), DecodeError);
  t.throws(() => load('[\x04\xff\xff\xff\x7f0'), DecodeError);
  t.throws(() => load('"\xfa'), DecodeError);
  t.throws(
    () => load(`l+${Buffer.concat([long(600), Buffer.alloc(1200, 1)]).toString('latin1')}`),
    DecodeError,
  );
  const many = Buffer.concat([Buffer.from([4, 8, 0x5b]), long(100_000), Buffer.alloc(100_000, '0')]);
  t.throws(() => decodeMarshal(many), DecodeError);
  t.throws(() => decodeMarshal(Buffer.alloc(1024 * 1024 + 1, 4)), DecodeError);
  t.throws(() => decodeMarshal(Buffer.from('\x04\x09i\x06')), DecodeError);
  t.throws(() => decodeMarshal(Buffer.alloc(0)), DecodeError);
  t.throws(() => load('x'), DecodeError);
});

const RICH = dump({
  user_id: 42,
  'warden.user.user.key': [[7], 'salt'],
  list: [1.5, null, true, -70_000, binary(Buffer.from([0xff]))],
  user: object('User', { '@id': 7 }),
  at: {
    raw: Buffer.concat([
      Buffer.from('Iu'),
      symbol('Time'),
      counted('12345678'),
      long(1),
      symbol('zone'),
      marshalled('UTC'),
    ]),
  },
  link: { raw: Buffer.concat([Buffer.from('@'), long(2)]) },
  all: { raw: Buffer.concat([Buffer.from('/'), counted('a.*'), Buffer.from([0])]) },
});

/** Whether the bytes give data or a DecodeError: anything else fails the test. */
function harmless(bytes: Uint8Array): void {
  try {
    decodeMarshal(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

t.test('data cut off anywhere is a DecodeError', async (t) => {
  t.equal(lookAt(decodeMarshal(RICH), ['user', 'id']), 7);
  for (let i = 0; i < RICH.length; i++) if (!isDecodeError(RICH.subarray(0, i))) t.fail(`cut at ${i}`);
  t.pass();
});

function isDecodeError(bytes: Uint8Array): boolean {
  try {
    decodeMarshal(bytes);
    return false;
  } catch (error) {
    return error instanceof DecodeError;
  }
}

t.test('no mutation does anything but fail or give data, in bounded time', async (t) => {
  const random = new SeededRandom(20_261_121);
  const startedMs = performance.now();
  for (let round = 0; round < 30_000; round++) {
    const bytes = Buffer.from(RICH);
    for (let left = 1 + random.below(4); left > 0; left--)
      bytes[2 + random.below(bytes.length - 2)] = random.below(256);
    harmless(bytes);
  }
  t.ok(performance.now() - startedMs < 30_000);
});
