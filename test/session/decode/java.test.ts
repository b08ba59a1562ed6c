// What holds of Java's streams: what OpenJDK writes is read, nothing is instantiated, and every bound holds.
import t from 'tap';
import { type Data, lookAt } from '../../../src/session/data.ts';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodeJava } from '../../../src/session/decode/java.ts';
import { refusedOfMutations, takenWhenCut } from './fuzz-kit.ts';
import { JAVA_SAMPLES } from './java-samples.ts';

const read = (name: keyof typeof JAVA_SAMPLES): Data => decodeJava(Buffer.from(JAVA_SAMPLES[name], 'base64'));
const HEAD = 'aced0005';
const text = (value: string): string =>
  value.length.toString(16).padStart(4, '0') + Buffer.from(value).toString('hex');
/** A class without a parent: flags, fields (type and name), and what follows its annotations. */
const desc = (name: string, flags: string, fields = '0000', parent = '70'): string =>
  `72${text(name)}${'00'.repeat(8)}${flags}${fields}78${parent}`;

t.test('fields of every type and of parent classes are read', (t) => {
  const value = read('fields');
  const numbers = ['base', 'b', 'd', 'f', 'i', 'j', 'big', 's'].map((name) => lookAt(value, [name]));
  t.strictSame(numbers, [7, -1, 1.5, 0.5, -2, 2 ** 40, -(2n ** 63n), -300]);
  t.equal(lookAt(value, ['c']), 'é');
  t.equal(lookAt(value, ['z']), true);
  t.strictSame(Buffer.from(lookAt(value, ['bytes']) as Uint8Array), Buffer.from([0, 255]));
  t.strictSame(lookAt(value, ['ints']), [1, -2]);
  t.strictSame(lookAt(value, ['texts']), ['a', null, 'a']);
  t.equal(lookAt(value, ['color']), 'GREEN');
  t.equal(lookAt(value, ['again']), 'GREEN');
  t.equal(lookAt(value, ['type']), 'java.lang.String');
  t.equal(lookAt(value, ['gone']), undefined);
  t.end();
});

t.test('collections of java.util are lists and maps', (t) => {
  const lists = read('lists');
  const wanted = {
    array: [1, 2],
    linked: ['x'],
    set: [3],
    tree: [4, 5],
    deque: [6],
    of: [7, 8, 9],
    setOf: [10],
    copied: [11],
    none: [],
  };
  for (const [name, items] of Object.entries(wanted)) t.strictSame(lookAt(lists, [name]), items, name);
  const maps = read('maps');
  for (const [i, name] of ['hash', 'tree', 'table', 'concurrent', 'of', 'l', 'linked'].entries())
    if (name !== 'l') t.equal(lookAt(maps, [name, 'k']), name === 'linked' ? 7 : i + 1, name);
  t.equal((lookAt(maps, ['concurrent']) as ReadonlyMap<Data, Data>).size, 1);
  t.equal(lookAt(maps, ['of', 'l']), 6);
  t.end();
});

t.test('boxes, UUIDs and texts beyond ASCII mean what they say', (t) => {
  t.strictSame(read('boxes'), [1, 2, 3, 4, true, 1.5, 0.25, 'z']);
  t.equal(read('uuid'), 'f1234567-89ab-cdef-0123-456789abcdef');
  t.strictSame(read('texts'), ['é€😀\0', 'xxx', '']);
  t.end();
});

t.test('what a class writes in its own way is passed over, and the next value is read', (t) => {
  for (const name of ['own', 'ext', 'proxy'] as const) t.equal(lookAt(read(name), [1]), 'behind', name);
  t.equal(lookAt(read('dates'), [2]), 'behind');
  t.equal(lookAt(read('own'), [0, 'left']), 3);
  t.equal(lookAt(read('proxy'), [0, 'h', 'told']), 'by hand');
  t.end();
});

t.test('an object that holds itself holds null there', (t) => {
  const value = read('ring');
  t.equal(lookAt(value, ['name']), 'ring');
  t.equal(lookAt(value, ['self']), null);
  t.strictSame(lookAt(value, ['ring']), [null, null]);
  t.end();
});

t.test('names of JavaScript’s own are data', (t) => {
  const fields = `0001${Buffer.from('I').toString('hex')}${text('__proto__')}`;
  const value = decodeJava(Buffer.from(`${HEAD}73${desc('a.B', '02', fields)}00000005`, 'hex'));
  t.equal(lookAt(value, ['__proto__']), 5);
  t.equal(lookAt(value, ['constructor']), undefined);
  t.end();
});

t.test('bounds hold: rings and chains of classes, depth, count, length', { timeout: 10_000 }, (t) => {
  const refused = (hex: string): void => {
    t.throws(() => decodeJava(Buffer.from(HEAD + hex, 'hex')), DecodeError);
  };
  // A class that is its own parent.
  refused(`73${desc('a.B', '02', '0000', '71007e0000')}`);
  // Each class's parent is the one before, by reference; then objects of the last.
  let chain = `75${desc('[L', '02')}0000ffff`;
  for (let i = 0; i < 200; i++)
    chain += `73${desc('a', '02', '0000', i === 0 ? '70' : `71${(0x7e0000 + 2 * i).toString(16).padStart(8, '0')}`)}`;
  refused(chain);
  refused(`73${`72${text('a')}${'00'.repeat(8)}02000078`.repeat(100)}70`);
  refused(`75${desc('[[I', '02')}00000001`.repeat(80));
  refused(`75${desc('[Z', '02')}000fffff${'00'.repeat(500_000)}`);
  refused(`75${desc('[L', '02')}0001ffff${'70'.repeat(0x1ffff)}`);
  refused(`75${desc('[B', '02')}7fffffff00`);
  refused(`7c0000000000ffffff61`);
  refused(`7cffffffff0000000161`);
  refused('71007e0000');
  refused('79');
  refused(`73${desc('a.B', '04')}`);
  t.throws(() => decodeJava(new Uint8Array(1024 * 1024 + 1)), DecodeError);
  t.throws(() => decodeJava(new Uint8Array(0)), DecodeError);
  t.end();
});

t.test('cut streams and mutations throw DecodeError or decode', { timeout: 30_000 }, (t) => {
  for (const sample of Object.values(JAVA_SAMPLES)) {
    const good = Buffer.from(sample, 'base64');
    t.strictSame(takenWhenCut(decodeJava, good), []);
    t.ok(refusedOfMutations(decodeJava, good, 2000) > 0);
  }
  t.end();
});
