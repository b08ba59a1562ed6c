// What holds of Flask-Session: its three serializers, its signer, and what is no session.
import { encode } from '@msgpack/msgpack';
import t from 'tap';
import type { Configured } from '../../vectors/judge.ts';
import { find, flaskSessionId, spoiled, storeOf } from './python-kit.ts';

const block: Configured = { verify: 'flask-session', user: ['user_id'], store: 'redis' };
const signed: Configured = { ...block, secrets: ['key'], options: { signer: true } };
const pickled = Buffer.from('gASVHwAAAAAAAAB9lCiMCl9wZXJtYW5lbnSUiIwHdXNlcl9pZJRLBXUu', 'base64');

t.test('MessagePack, JSON and pickle are read by 0.8, whichever is configured', async (t) => {
  const values = [encode({ user_id: 5 }), Buffer.from('{"user_id":5}'), pickled];
  for (const format of ['msgpack', 'json'])
    for (const bytes of values)
      t.match(
        await find({ ...block, options: { format } }, 'session=abc', storeOf({ 'session:abc': { bytes } })),
        {
          verdict: 'valid',
          user: 5,
        },
      );
});

t.test('before 0.6 a value that is no pickle is no session; later only the app can tell', async (t) => {
  const store = storeOf({ 'session:abc': { bytes: Buffer.from('\x80\x04garbage', 'latin1') } });
  t.match(await find({ ...block, options: { format: 'pickle' } }, 'session=abc', store), {
    verdict: 'invalid',
  });
  t.match(await find(block, 'session=abc', store), { verdict: 'unknown', reason: 'store.malformed' });
});

t.test('what Python may read and we do not is no reason to log anybody out', async (t) => {
  const big = Buffer.concat([
    Buffer.from('\x80\x04\x8b\x01\x08\0\0', 'latin1'),
    Buffer.alloc(2049, 1),
    Buffer.from('.'),
  ]);
  for (const [what, bytes] of [
    ['itself', Buffer.from('}q\x00V_\nh\x00s.', 'latin1')],
    ['depth', Buffer.from(`}V_\n${']'.repeat(100)}${'a'.repeat(99)}s.`, 'latin1')],
    ['a number', big],
    ['a call', Buffer.from('}V_\nV_\n)Rs.', 'latin1')],
  ] as const)
    t.match(
      await find(
        { ...block, options: { format: 'pickle' } },
        'session=abc',
        storeOf({ 'session:abc': { bytes } }),
      ),
      { verdict: 'unknown', reason: 'store.malformed' },
      what,
    );
});

t.test('an id that is not in the store is no session, and its prefix may be another', async (t) => {
  t.match(await find(block, 'session=abc', storeOf({})), { verdict: 'invalid', reason: 'store.none' });
  const store = storeOf({ 'app:abc': { bytes: pickled, endsAtS: 77 } });
  t.match(await find({ ...block, prefix: 'app:' }, 'session=abc', store), { verdict: 'valid', endsAtS: 77 });
});

t.test('with a signer only signed ids are looked up', async (t) => {
  const asked: string[] = [];
  const inner = storeOf({ 'session:abc': { bytes: pickled } });
  const store = {
    get: (query: Parameters<typeof inner.get>[0]) => {
      asked.push(query.key);
      return inner.get(query);
    },
  };
  const good = flaskSessionId('abc', 'key');
  for (const bad of ['abc', ...spoiled(good)].filter((each) => each.slice(0, -1) !== good.slice(0, -1)))
    t.not((await find(signed, `session=${bad}`, store)).verdict, 'valid', bad.slice(0, 60));
  t.same(asked, []);
  t.match(await find(signed, `session=${good}`, store), { verdict: 'valid', user: 5 });
});

t.test('a signer without a secret is refused at the start', (t) => {
  t.rejects(find({ ...signed, secrets: [] }, ''), { name: 'FormatProblem', message: /no secret/ });
  t.end();
});

t.test('a user id that was pickled as a UUID is its text', async (t) => {
  const bytes = Buffer.from(
    'gASVPQAAAAAAAAB9lIwHdXNlcl9pZJSMBHV1aWSUjARVVUlElJOUKYGUfZSMA2ludJSKEO/Nq5B4VjQS782rkHhWNBJzYnMu',
    'base64',
  );
  const found = await find(block, 'session=abc', storeOf({ 'session:abc': { bytes } }));
  t.match(found, { verdict: 'valid', user: '12345678-90ab-cdef-1234-567890abcdef' });
});
