// What holds of Django’s five engines: keys, serializers, dates, signatures, and the user’s backend.
import { createHash, createHmac } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import t from 'tap';
import type { StoredCell } from '../../../src/session/store.ts';
import type { Configured } from '../../vectors/judge.ts';
import { djangoText, find, NOW_S, spoiled, storeOf } from './python-kit.ts';

const KEY = 'abcdefgh12345678';
const SALT = 'django.contrib.sessions.SessionStore';
const COOKIE_SALT = 'django.contrib.sessions.backends.signed_cookies';
const backend = 'django.contrib.auth.backends.ModelBackend';
const user = JSON.stringify({ _auth_user_id: '4', _auth_user_backend: backend });
const asked = `sessionid=${KEY}`;
const cached: Configured = { verify: 'django', store: 'redis', options: { cacheSerializer: 'json' } };
const table: Configured = { verify: 'django', secrets: ['key'], store: 'postgres' };
const row = (text: string, endsAtS: number, key = KEY) => ({
  [KEY]: {
    cells: new Map<string, StoredCell>([
      ['session_key', key],
      ['session_data', text],
      ['expire_date', endsAtS],
    ]),
  },
});

t.test(
  'the cache’s key is made of prefix and version, and its values are read as they are written',
  async (t) => {
    const at = `:1:django.contrib.sessions.cache${KEY}`;
    const asks = (options: object, bytes: Uint8Array, key = at) =>
      find({ ...cached, options: { ...cached.options, ...options } }, asked, storeOf({ [key]: { bytes } }));
    t.match(await asks({}, Buffer.from(user)), { verdict: 'valid', user: '4' });
    t.match(await asks({ cacheSerializer: 'msgpack' }, encode(JSON.parse(user))), { verdict: 'valid' });
    t.match(await asks({ cacheCompressor: 'zlib' }, deflateSync(user)), { verdict: 'valid' });
    t.match(await asks({ cacheCompressor: 'gzip' }, gzipSync(user)), { verdict: 'valid' });
    t.match(await asks({ cacheCompressor: 'gzip' }, Buffer.from(user)), { verdict: 'valid' });
    const other = { keyPrefix: 'app', keyVersion: '7' };
    t.match(await asks(other, Buffer.from(user), `app:7:django.contrib.sessions.cache${KEY}`), {
      verdict: 'valid',
    });
    t.match(await asks({}, Buffer.from('{"cart":1}')), { verdict: 'anonymous' });
    t.match(await asks({}, Buffer.from('[1]')), { verdict: 'unknown', reason: 'store.malformed' });
  },
);

t.test('a user of an authentication backend that is not configured is nobody', async (t) => {
  const at = {
    [`:1:django.contrib.sessions.cache${KEY}`]: { bytes: Buffer.from(user.replace('Model', 'Old')) },
  };
  t.match(await find(cached, asked, storeOf(at)), { verdict: 'anonymous' });
  t.match(await find({ ...cached, options: { ...cached.options, backends: [] } }, asked, storeOf(at)), {
    verdict: 'valid',
  });
});

t.test('a row is good until its date, if it is signed', async (t) => {
  const text = djangoText(user, 'key', SALT);
  const judged = (rows: ReturnType<typeof row>, block = table) => find(block, asked, storeOf(rows));
  t.match(await judged(row(text, NOW_S + 1)), { verdict: 'valid', user: '4', endsAtS: NOW_S + 1 });
  t.match(await judged(row(text, NOW_S)), { verdict: 'invalid', reason: 'expired' });
  t.match(await judged(row(djangoText(user, 'other', SALT), NOW_S + 1)), {
    verdict: 'invalid',
    reason: 'signature.bad',
  });
  t.match(
    await judged(row(djangoText(user, 'other', SALT), NOW_S + 1), { ...table, secrets: ['key', 'other'] }),
    { verdict: 'valid' },
  );
  t.match(await judged(row(text, NOW_S + 1, KEY.toUpperCase())), { verdict: 'invalid' });
});

t.test('rows of before 3.1 are read only when asked for', async (t) => {
  const key = createHash('sha1').update('django.contrib.sessionsSessionStorekey').digest();
  const text = Buffer.from(`${createHmac('sha1', key).update(user).digest('hex')}:${user}`).toString(
    'base64',
  );
  const rows = storeOf(row(text, NOW_S + 1));
  t.match(await find(table, asked, rows), { verdict: 'invalid' });
  t.match(await find({ ...table, options: { hash: 'sha1' } }, asked, rows), { verdict: 'valid', user: '4' });
  t.match(
    await find(
      { ...table, options: { hash: 'either' } },
      asked,
      storeOf(row(djangoText(user, 'key', SALT), NOW_S + 1)),
    ),
    { verdict: 'valid' },
  );
});

t.test('cached_db asks the cache first and the table then', async (t) => {
  const both: Configured = {
    ...cached,
    secrets: ['key'],
    rows: 'postgres',
    options: { ...cached.options, engine: 'cached_db' },
  };
  const cache = { [`:1:django.contrib.sessions.cached_db${KEY}`]: { bytes: Buffer.from(user) } };
  t.match(await find(both, asked, storeOf(cache)), { verdict: 'valid' });
  t.match(await find(both, asked, storeOf(row(djangoText(user, 'key', SALT), NOW_S + 1))), {
    verdict: 'valid',
  });
  t.match(await find(both, asked, storeOf({})), { verdict: 'invalid', reason: 'store.none' });
  await t.rejects(find({ ...both, rows: null }, asked), { name: 'FormatProblem', message: /cached_db/ });
});

t.test('a file ends by its age, unless the app set a number', async (t) => {
  const block: Configured = { ...table, store: 'file' };
  const judged = (session: object, mtimeS: number) => {
    const bytes = Buffer.from(djangoText(JSON.stringify({ ...JSON.parse(user), ...session }), 'key', SALT));
    return find(block, asked, storeOf({ [`sessionid${KEY}`]: { bytes, mtimeS } }));
  };
  const oldS = NOW_S - 14 * 86_400;
  t.match(await judged({}, oldS + 1), { verdict: 'valid', endsAtS: NOW_S });
  t.match(await judged({}, oldS), { verdict: 'invalid', reason: 'expired' });
  t.match(await judged({ _session_expiry: 300 }, 0), { verdict: 'valid', endsAtS: null });
  t.match(await judged({ _session_expiry: new Date((NOW_S + 9) * 1000).toISOString() }, 0), {
    verdict: 'valid',
  });
  t.match(await judged({ _session_expiry: '2001-01-01T00:00:00+00:00' }, NOW_S), { verdict: 'invalid' });
  t.match(await find(block, 'sessionid=../../../etc/passwd', storeOf({})), {
    reason: 'credential.malformed',
  });
});

t.test('a signed cookie ends by its age, and none that is spoiled is valid', async (t) => {
  const block: Configured = { verify: 'django', secrets: ['key'] };
  const good = djangoText(user, 'key', COOKIE_SALT);
  const endS = NOW_S + 14 * 86_400;
  t.match(await find(block, `sessionid=${good}`, undefined, endS), {
    verdict: 'valid',
    user: '4',
    endsAtS: endS,
  });
  t.match(await find(block, `sessionid=${good}`, undefined, endS + 1), {
    verdict: 'invalid',
    reason: 'expired',
  });
  t.match(await find(block, `sessionid=${djangoText(user, 'key', SALT)}`), { reason: 'signature.bad' });
  for (const bad of spoiled(good))
    t.equal((await find(block, `sessionid=${bad}`)).verdict, 'invalid', bad.slice(0, 80));
});

t.test('what contradicts itself is refused at the start', async (t) => {
  await t.rejects(find({ ...table, secrets: [] }, asked), { name: 'FormatProblem', message: /signs/ });
  await t.rejects(find({ ...table, options: { engine: 'file' } }, asked), {
    name: 'FormatProblem',
    message: /does not keep/,
  });
  await t.rejects(find({ ...table, store: null, options: { engine: 'cache' } }, asked), {
    name: 'FormatProblem',
    message: /does not keep/,
  });
});

t.test(
  'a date that the app pickled ends a file too, and a zone that is not known is left to the app',
  async (t) => {
    const block: Configured = { ...table, store: 'file', options: { serializer: 'pickle' } };
    const judged = (payload: string, nowS: number) => {
      const bytes = Buffer.from(djangoText(Buffer.from(payload, 'base64'), 'key', SALT));
      return find(block, asked, storeOf({ [`sessionid${KEY}`]: { bytes, mtimeS: 0 } }), nowS);
    };
    // {'_auth_user_id': '4', '_session_expiry': datetime of NOW_S + 10 in UTC}
    const dated =
      'gASVgQAAAAAAAAB9lCiMDV9hdXRoX3VzZXJfaWSUjAE0lIwPX3Nlc3Npb25fZXhwaXJ5lIwIZGF0ZXRpbWWUjAhkYXRldGltZZSTlEMKB+sBDwgACgAAAJRoBIwIdGltZXpvbmWUk5RoBIwJdGltZWRlbHRhlJOUSwBLAEsAh5RSlIWUUpSGlFKUdS4=';
    t.match(await judged(dated, NOW_S + 9), { verdict: 'anonymous', endsAtS: NOW_S + 9 });
    t.match(await judged(dated, NOW_S + 10), { verdict: 'invalid', reason: 'expired' });
    // The same in a zone an hour east of it.
    const zoned =
      'gASVggAAAAAAAAB9lCiMDV9hdXRoX3VzZXJfaWSUjAE0lIwPX3Nlc3Npb25fZXhwaXJ5lIwIZGF0ZXRpbWWUjAhkYXRldGltZZSTlEMKB+sBDwkACgAAAJRoBIwIdGltZXpvbmWUk5RoBIwJdGltZWRlbHRhlJOUSwBNEA5LAIeUUpSFlFKUhpRSlHUu';
    t.match(await judged(zoned, NOW_S), { verdict: 'unknown', reason: 'store.malformed' });
  },
);
