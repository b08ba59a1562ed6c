// What holds of pickles: every protocol is read, nothing is called, and every bound holds.
import t from 'tap';
import { lookAt } from '../../../src/session/data.ts';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodePickle } from '../../../src/session/decode/pickle.ts';
import { SAMPLES } from './pickle-samples.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

for (const [protocol, sample] of SAMPLES.entries()) {
  t.test(`protocol ${protocol} is read as Python wrote it`, (t) => {
    const value = decodePickle(Buffer.from(sample, 'base64'));
    t.equal(lookAt(value, ['_auth_user_id']), '4');
    t.strictSame(lookAt(value, ['n']), [1, -2, 300, 70_000, 2 ** 40, -(2n ** 70n), 1.5, null, true, false]);
    t.strictSame(lookAt(value, ['t']), [1, 2]);
    t.equal(lookAt(value, ['u']), 'é€😀');
    t.strictSame(Buffer.from(lookAt(value, ['b']) as Uint8Array), Buffer.from([0, 255]));
    t.equal(lookAt(value, ['when', '__class__']), 'datetime.datetime');
    t.strictSame(
      [...(lookAt(value, ['when', '__args__', 0]) as Uint8Array)],
      [7, 234, 1, 2, 3, 4, 5, 0, 0, 6],
    );
    t.equal(lookAt(value, ['id', '__class__']), 'uuid.UUID');
    t.equal(lookAt(value, ['id', 'int']), 0x1234567890abcdef1234567890abcdefn);
    t.equal(lookAt(value, ['o', 'a']), 1);
    t.end();
  });
}

t.test('what a pickle would call is written down and nothing else', (t) => {
  const value = decodePickle(bytes("cos\nsystem\n(S'rm -rf /'\ntR."));
  t.equal(lookAt(value, ['__class__']), 'os.system');
  t.equal(lookAt(value, ['__args__', 0]), 'rm -rf /');
  t.equal(lookAt(decodePickle(bytes('}(V__proto__\nI1\nu.')), ['__proto__']), 1);
  t.equal(({} as { x?: unknown }).x, undefined);
  t.end();
});

t.test('bounds hold: depth, count, length, self-reference', (t) => {
  const refused = (text: string): void => {
    t.throws(() => decodePickle(bytes(text)), DecodeError);
  };
  refused(`${'('.repeat(200)}${'t'.repeat(200)}.`);
  refused(`${']'.repeat(200)}${'a'.repeat(199)}.`);
  refused(`]${'2'.repeat(100_001)}.`);
  refused(']q\x00h\x00a.');
  refused(`I${'9'.repeat(5000)}\n.`);
  refused(`\x8b\x01\x04\x00\x00${'\x7f'.repeat(1025)}.`);
  refused('\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.');
  t.throws(() => decodePickle(new Uint8Array(1024 * 1024 + 1)), DecodeError);
  t.end();
});

t.test('shared parts are looked at once, however often they are shared', (t) => {
  // Each list holds the one before twice: 2^50 parts if it were unrolled.
  let text = ']q\x00';
  for (let i = 0; i < 50; i++)
    text += `0](h${String.fromCharCode(i)}h${String.fromCharCode(i)}eq${String.fromCharCode(i + 1)}`;
  t.ok(Array.isArray(decodePickle(bytes(`${text}.`))));
  t.end();
});

t.test('mutations of good pickles throw DecodeError or decode, and cut ones throw', (t) => {
  let state = 4242;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (const sample of SAMPLES) {
    const good = Buffer.from(sample, 'base64');
    for (let cut = 0; cut < good.length; cut++)
      t.throws(() => decodePickle(good.subarray(0, cut)), DecodeError);
    for (let round = 0; round < 3000; round++) {
      const bad = Buffer.from(good);
      for (let change = 0; change <= below(4); change++) bad[below(bad.length)] = below(256);
      try {
        decodePickle(bad);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }
  }
  t.end();
});
