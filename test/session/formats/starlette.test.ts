// What holds of Starlette’s sessions: their age, and that nothing spoiled passes.
import t from 'tap';
import type { Configured } from '../../vectors/judge.ts';
import { find, NOW_S, spoiled, starletteCookie } from './python-kit.ts';

const block: Configured = { verify: 'starlette', secrets: ['key'], user: ['user', 'id'] };

t.test('a session names its user and ends after two weeks', async (t) => {
  const cookie = `session=${starletteCookie('{"user":{"id":11}}', 'key')}`;
  const endS = NOW_S + 14 * 86_400;
  t.match(await find(block, cookie), { verdict: 'valid', user: 11, endsAtS: endS + 1 });
  t.match(await find(block, cookie, undefined, endS), { verdict: 'valid' });
  t.match(await find(block, cookie, undefined, endS + 1), { verdict: 'invalid', reason: 'expired' });
});

t.test('without a greatest age a session never ends', async (t) => {
  const cookie = `session=${starletteCookie('{"user":{"id":11}}', 'key')}`;
  const never = { ...block, options: { maxAge: null } };
  t.match(await find(never, cookie, undefined, NOW_S * 2), { verdict: 'valid', endsAtS: null });
});

t.test('no spoiled cookie is valid, and none throws', async (t) => {
  const good = starletteCookie('{"user":{"id":11}}', 'key');
  for (const bad of spoiled(good).filter((each) => each.slice(0, -1) !== good.slice(0, -1)))
    t.equal((await find(block, `session=${bad}`)).verdict, 'invalid', bad.slice(0, 80));
});
