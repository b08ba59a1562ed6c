// What holds of Flask’s own sessions: tags, ages, fallback keys, spellings, and what an attacker may try.
import t from 'tap';
import type { Configured } from '../../vectors/judge.ts';
import { find, flaskCookie, identity, NOW_S, spoiled } from './python-kit.ts';

const block: Configured = { verify: 'flask', secrets: ['new', 'old'], user: ['user_id'] };

t.test('a session that Flask signed names its user and its end', async (t) => {
  const found = await find(block, `session=${flaskCookie('{"user_id":5}', 'new')}`);
  t.match(found, { verdict: 'valid', user: 5, endsAtS: NOW_S + 31 * 86_400 + 1 });
});

t.test('a compressed session and one signed by a fallback key are read', async (t) => {
  const found = await find(block, `session=${flaskCookie('{"user_id":"e"}', 'old', NOW_S, true)}`);
  t.match(found, { verdict: 'valid', user: 'e' });
});

t.test('tags of Flask are undone', async (t) => {
  const uuid =
    '{"user_id":{" u":"0123456789abcdef0123456789abcdef"},"t":{" t":[1,{" b":"AP8="}]},"d":{" di":{" t__":1}}}';
  const found = await find(block, `session=${flaskCookie(uuid, 'new')}`);
  t.equal(found.user, '01234567-89ab-cdef-0123-456789abcdef');
  t.match(found.data, { t: [1, new Uint8Array([0, 255])], d: { ' t': 1 } });
});

t.test('a session without a user is anonymous', async (t) => {
  t.match(await find(block, `session=${flaskCookie('{"cart":[1]}', 'new')}`), { verdict: 'anonymous' });
  const inherited = { ...block, user: ['constructor', 'name'] };
  t.match(await find(inherited, `session=${flaskCookie('{"cart":[1]}', 'new')}`), { verdict: 'anonymous' });
});

t.test(
  'a session ends after its lifetime, to the second, and does not begin before it was signed',
  async (t) => {
    const cookie = `session=${flaskCookie('{"user_id":5}', 'new')}`;
    const endS = NOW_S + 31 * 86_400;
    t.equal((await find(block, cookie, undefined, endS)).verdict, 'valid');
    t.match(await find(block, cookie, undefined, endS + 1), { verdict: 'invalid', reason: 'expired' });
    t.match(await find(block, cookie, undefined, NOW_S - 1), { verdict: 'invalid', reason: 'not-yet-valid' });
  },
);

t.test('several spellings of one signature are one session', async (t) => {
  const cookie = flaskCookie('{"user_id":5}', 'new');
  t.equal(identity(block, `session=${cookie}`), identity(block, `session=${cookie}=`));
  t.equal((await find(block, `session=${cookie}=`)).verdict, 'valid');
});

t.test('while a remember-me cookie is sent, only the app can tell who is nobody', async (t) => {
  const remembering = { ...block, options: { remember: ['keep'] } };
  t.match(await find(remembering, 'keep=1'), { verdict: 'unknown', reason: 'user.remembered' });
  t.match(await find(remembering, `session=${flaskCookie('{}', 'new')}; keep=1`), { verdict: 'unknown' });
  t.match(await find(remembering, `session=${flaskCookie('{"user_id":5}', 'new')}; keep=1`), {
    verdict: 'valid',
  });
});

t.test('no spoiled cookie is valid, and none throws', async (t) => {
  const good = flaskCookie('{"user_id":5}', 'new', NOW_S, true);
  for (const bad of spoiled(good)) {
    const found = await find(block, `session=${bad}`);
    // The last character of a MAC of 20 bytes holds two bits that nobody reads: Python takes all four spellings too.
    if (bad.slice(0, -1) === good.slice(0, -1)) continue;
    t.equal(found.verdict, 'invalid', bad.slice(0, 80));
  }
  t.equal((await find(block, `session=${'a'.repeat(8193)}`)).reason, 'credential.too-long');
});

t.test('a compressed session that grows beyond the bound is refused', async (t) => {
  const bomb = flaskCookie(JSON.stringify({ user_id: 5, fill: ' '.repeat(4_000_000) }), 'new', NOW_S, true);
  t.equal((await find(block, `session=${bomb}`)).verdict, 'invalid');
});
