// What is remembered of a session takes no more memory than it says.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { factsOf } from '../../src/session/standing.ts';
import { genuine } from '../../src/session/verdict.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

t.test('a session’s id and user are as they were read', async (t) => {
  for (const text of [
    '',
    '7',
    'a-session-id-of-some-length',
    'Müller, the first of many',
    '漢字の長いセッション番号です。長い',
  ]) {
    const facts = factsOf(genuine(text === '' ? null : text, {}, null, 5), text);
    t.same(facts, { session: text, user: text === '' ? null : text, tokenId: null, issuedAtS: 5 });
  }
  const inner = { ...genuine('7', {}), session: 'of the check', tokenId: 'j' };
  t.same(factsOf(inner, 'of the cookie'), {
    session: 'of the check',
    user: '7',
    tokenId: 'j',
    issuedAtS: null,
  });
});

t.test('they do not keep the fields of the request that they are pieces of', async (t) => {
  const count = 2000;
  const length = 8000;
  const kept: unknown[] = [];
  collect();
  const before = getHeapStatistics().used_heap_size;
  for (let i = 0; i < count; i++) {
    const field = Buffer.alloc(length, `${i}-`).toString('latin1');
    kept.push(factsOf(genuine(field.slice(100, 140), {}), field.slice(200, 240)));
  }
  collect();
  collect();
  const each = (getHeapStatistics().used_heap_size - before) / kept.length;
  // What is kept takes some 200 bytes; a field takes 8,000.
  t.ok(each < length / 4, `${each.toFixed(0)} bytes`);
});
