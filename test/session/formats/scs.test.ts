// What holds of scs: where sessions are looked up, when they end, and what is no session.
import { createHash } from 'node:crypto';
import t from 'tap';
import type { Query, StoredCell, StoreReader } from '../../../src/session/store.ts';
import type { Configured } from '../../vectors/judge.ts';
import { aloneGob, GO_SESSION } from '../decode/gob-kit.ts';
import { find, NOW_S, spoiled, storeOf } from './python-kit.ts';

const block: Configured = { verify: 'scs', store: 'redis', user: ['userID'] };

t.test('a session in Redis names its user and its end', async (t) => {
  const store = storeOf({ 'scs:session:tok': { bytes: GO_SESSION, endsAtS: NOW_S + 9 } });
  t.match(await find(block, 'session=tok', store), { verdict: 'valid', user: 1, endsAtS: NOW_S + 9 });
  t.match(await find(block, 'session=other', store), { verdict: 'invalid', reason: 'store.none' });
  t.match(await find({ ...block, user: ['nobody'] }, 'session=tok', store), { verdict: 'anonymous' });
});

t.test('a hashed token is looked up by its hash only', async (t) => {
  const hash = createHash('sha256').update('tok').digest('base64url');
  const store = storeOf({ [`p:${hash}`]: { bytes: GO_SESSION } });
  const hashing = { ...block, prefix: 'p:', options: { hashToken: true } };
  t.equal((await find(hashing, 'session=tok', store)).user, 1);
  t.equal((await find(hashing, `session=${hash}`, store)).verdict, 'invalid');
});

for (const [family, expiry] of [
  ['postgres', NOW_S + 60],
  ['mysql', NOW_S + 60],
  ['sqlite', 2_440_587.5 + (NOW_S + 60) / 86_400],
] as const) {
  t.test(`a row of ${family} counts until its expiry`, async (t) => {
    const asked: Query[] = [];
    const store: StoreReader = {
      get: async (query) => {
        asked.push(query);
        const cells = new Map<string, StoredCell>([
          ['data', GO_SESSION],
          ['expiry', expiry],
        ]);
        return { bytes: new Uint8Array(0), cells, flags: 0, mtimeS: null, endsAtS: null };
      },
    };
    const rows: Configured = { ...block, store: family };
    const found = await find(rows, 'session=tok', store, NOW_S);
    t.match(found, { verdict: 'valid', user: 1 });
    t.ok(Math.abs((found.endsAtS ?? 0) - NOW_S - 60) < 0.001);
    t.match(await find(rows, 'session=tok', store, NOW_S + 61), { verdict: 'invalid', reason: 'expired' });
    t.match(asked[0], { kind: 'row', table: 'sessions', keyColumn: 'token', key: 'tok' });
  });
}

t.test('what scs did not write is never a session', async (t) => {
  const other = aloneGob(6, Buffer.from([0, 1, 0x61]));
  for (const bytes of [other, Buffer.alloc(0), Buffer.from('{}'), GO_SESSION.subarray(0, 150)])
    t.match(await find(block, 'session=tok', storeOf({ 'scs:session:tok': { bytes } })), {
      verdict: 'unknown',
      reason: 'store.malformed',
    });
});

t.test('tokens of wrong shapes are looked up and not found, never thrown over', async (t) => {
  for (const bad of spoiled('abc_-'))
    t.equal((await find(block, `session=${bad}`, storeOf({}))).verdict, 'invalid');
  t.equal((await find(block, `session=${'a'.repeat(8193)}`)).reason, 'credential.too-long');
});
