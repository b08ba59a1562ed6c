// What holds of Flask-Login: whom a session binds, and what a remember-me cookie is worth.
import { createHash, createHmac } from 'node:crypto';
import t from 'tap';
import { buildFormat, type Configured } from '../../vectors/judge.ts';
import { find, flaskCookie, identity, NOW_S, request, spoiled } from './python-kit.ts';

const block: Configured = { verify: 'flask-login', secrets: ['key'] };
const strong: Configured = { ...block, options: { protection: 'strong' } };
const remember = (user: string): string =>
  `${user}|${createHmac('sha512', 'key').update(user).digest('hex')}`;
const bound = createHash('sha512').update("b'10.0.0.1'|b'agent/1'").digest('hex');
const cookie = (session: object): string => `session=${flaskCookie(JSON.stringify(session), 'key')}`;

t.test('the session’s user is known by the text that Flask-Login keeps', async (t) => {
  t.match(await find(block, cookie({ _user_id: '5', _id: 'x' })), { verdict: 'valid', user: '5' });
  t.match(await find(block, cookie({ cart: 1 })), { verdict: 'anonymous' });
});

t.test('strong protection binds a session to address and user agent', async (t) => {
  const mine = cookie({ _user_id: '5', _id: bound });
  t.match(await find(strong, mine), { verdict: 'valid', user: '5' });
  t.match(await find(strong, request(mine, { userAgent: 'other' })), {
    verdict: 'invalid',
    reason: 'client.other',
  });
  t.match(await find(strong, request(mine, { userAgent: null })), { verdict: 'invalid' });
  t.match(await find(strong, request(mine, { clientAddress: '10.0.0.2' })), { verdict: 'invalid' });
  t.match(await find(block, request(mine, { userAgent: 'other' })), { verdict: 'valid' });
  t.not(identity(strong, mine), identity(strong, request(mine, { userAgent: 'other' })));
  t.equal(identity(block, mine), identity(block, request(mine, { userAgent: 'other' })));
});

t.test('a permanent session only loses its freshness under strong protection', async (t) => {
  const mine = cookie({ _user_id: '5', _id: 'elsewhere', _permanent: true });
  t.match(await find(strong, mine), { verdict: 'valid', user: '5' });
});

t.test('a user agent with quotes is hashed as Python writes it', async (t) => {
  const _id = createHash('sha512').update(`b'10.0.0.1'|b"it's \\\\ \\xc3\\xa9"`).digest('hex');
  const asked = request(cookie({ _user_id: '5', _id }), { userAgent: "it's \\ \xe9" });
  t.match(await find(strong, asked), { verdict: 'valid' });
});

t.test('a remember-me cookie logs in where no session does', async (t) => {
  t.match(await find(block, `remember_token=${remember('7')}`), { verdict: 'valid', user: '7' });
  t.match(await find(block, `${cookie({ cart: 1 })}; remember_token=${remember('7')}`), {
    verdict: 'valid',
    user: '7',
  });
  t.match(await find(block, `session=bad; remember_token=${remember('7')}`), { verdict: 'valid', user: '7' });
});

t.test('a session goes by one name, and a remember-me cookie too, whatever comes beside it', async (t) => {
  const name = async (cookies: string, configured = block): Promise<string | undefined> => {
    const read = buildFormat(configured).read(request(cookies), NOW_S);
    const found = await find(configured, cookies);
    return found.session ?? ('check' in read ? read.session : undefined);
  };
  const session = cookie({ _user_id: '5', _id: bound });
  const token = `remember_token=${remember('7')}`;
  const [one, other] = [await name(session), await name(token)];
  t.ok(one !== undefined && other === remember('7'));
  for (const beside of [token, 'remember_token=junk', 'remember_token='])
    t.equal(await name(`${session}; ${beside}`), one, beside);
  t.equal(await name(session, strong), one, 'as an order reads it, which knows no address');
  for (const beside of ['session=bad', 'session=a.b.c', cookie({ cart: 1 }), cookie({ cart: 2 })])
    t.equal(await name(`${beside}; ${token}`), other, beside);
});

t.test(
  'a remember-me cookie says nothing after logout, against strong protection, or where the app has none',
  async (t) => {
    const token = `remember_token=${remember('7')}`;
    t.match(await find(block, `${cookie({ _remember: 'clear' })}; ${token}`), { verdict: 'anonymous' });
    t.match(await find(strong, `${cookie({ _user_id: '5', _id: 'x' })}; ${token}`), { verdict: 'invalid' });
    t.match(await find({ ...block, options: { remember: [] } }, token), { verdict: 'invalid' });
  },
);

t.test('no spoiled remember-me cookie is valid', async (t) => {
  for (const bad of spoiled(remember('7')))
    t.equal((await find(block, `remember_token=${bad}`)).verdict, 'invalid', bad.slice(0, 80));
});
