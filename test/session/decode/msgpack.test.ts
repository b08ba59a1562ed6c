// What holds of MessagePack: it is read, and no head is believed.
import { encode } from '@msgpack/msgpack';
import t from 'tap';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodeMsgpack } from '../../../src/session/decode/msgpack.ts';

const good = encode({
  a: [1, -5, 1.5, null, true, 'x'.repeat(300), new Uint8Array(300)],
  b: { c: 2 ** 40 },
  d: new Date(0),
});

t.test('what MessagePack holds is read', (t) => {
  t.match(decodeMsgpack(good), {
    a: [1, -5, 1.5, null, true, 'x'.repeat(300)],
    b: { c: 2 ** 40 },
    d: '1970-01-01T00:00:00.000Z',
  });
  t.equal(decodeMsgpack(Buffer.from('cfffffffffffffffff', 'hex')), 2n ** 64n - 1n);
  t.end();
});

t.test('announcements are not believed, and bounds hold', (t) => {
  const refused = (hex: string): void => {
    t.throws(() => decodeMsgpack(Buffer.from(hex, 'hex')), DecodeError, hex.slice(0, 40));
  };
  refused('dd000186a0'.repeat(50_000));
  refused('df7fffffff');
  refused(`${'91'.repeat(100)}01`);
  refused(`dd00020000${'01'.repeat(0x20000)}`);
  refused('c1');
  refused('0101');
  refused('');
  refused(`81a9${Buffer.from('__proto__').toString('hex')}80`);
  t.end();
});

t.test('mutations throw DecodeError or decode, and cut ones throw', (t) => {
  let state = 77;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (let cut = 0; cut < good.length; cut++)
    t.throws(() => decodeMsgpack(good.subarray(0, cut)), DecodeError);
  for (let round = 0; round < 20_000; round++) {
    const bad = Uint8Array.from(good);
    for (let change = 0; change <= below(4); change++) bad[below(bad.length)] = below(256);
    try {
      decodeMsgpack(bad);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  t.end();
});
