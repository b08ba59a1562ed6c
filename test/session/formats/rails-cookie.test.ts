// What holds of Rails' encrypted cookies, and of Devise in them.
import t from 'tap';
import type { Configured } from '../../vectors/judge.ts';
import { find, identity, NOW_S, spoiled } from './python-kit.ts';
import { dump, envelope, object, railsCbc, railsGcm } from './ruby-kit.ts';

const KEY = 'key base';
const json = Buffer.from('{"session_id":"a","user_id":7}');
const block: Configured = {
  verify: 'rails-cookie',
  cookie: '_app_session',
  secrets: [KEY, 'old'],
  user: ['user_id'],
};
const cookie = (value: string) => `_app_session=${value}`;
const good = envelope(json, 'cookie._app_session');
const asks = (value: string, options = {}, nowS = NOW_S) =>
  find({ ...block, options }, cookie(value), undefined, nowS);
const iso = (atS: number) => new Date(atS * 1000).toISOString();

t.test('a session is its user’s in either cipher and by any of the secrets', async (t) => {
  for (const seal of [railsGcm, railsCbc]) {
    t.match(await asks(seal(good, KEY)), { verdict: 'valid', user: 7, endsAtS: null });
    t.match(await asks(seal(good, 'old')), { verdict: 'valid', user: 7 });
    t.match(await asks(seal(good, 'other')), { verdict: 'invalid', reason: 'decrypt.failed' });
    t.match(await asks(seal(envelope(Buffer.from('{"cart":1}'), null), KEY)), { verdict: 'anonymous' });
  }
});

t.test('the hash of the keys follows the defaults that the app loads', async (t) => {
  const old = railsGcm(good, KEY, 'sha1');
  t.match(await asks(old), { verdict: 'invalid' });
  t.match(await asks(old, { loadDefaults: '6.1' }), { verdict: 'valid' });
  t.match(await asks(railsGcm(good, KEY), { loadDefaults: '8.1' }), { verdict: 'valid' });
  t.match(await asks(old, { digest: 'sha1' }), { verdict: 'valid' });
  for (const value of [old, railsGcm(good, KEY)])
    t.match(await asks(value, { digest: 'either' }), { verdict: 'valid' });
  await t.rejects(asks(old, { loadDefaults: 'seven' }), { name: 'FormatProblem', at: 'loadDefaults' });
});

t.test('salts, rounds and the digest of signatures are the app’s', async (t) => {
  t.match(await asks(railsGcm(good, KEY), { authenticatedEncryptedCookieSalt: 'x' }), {
    verdict: 'invalid',
  });
  t.match(await asks(railsCbc(good, KEY), { encryptedCookieSalt: 'x' }), { verdict: 'invalid' });
  t.match(await asks(railsCbc(good, KEY), { encryptedSignedCookieSalt: 'x' }), { verdict: 'invalid' });
  t.match(await asks(railsCbc(good, KEY), { cookiesDigest: 'sha256' }), { verdict: 'invalid' });
  t.match(await asks(railsGcm(good, KEY), { iterations: 2000 }), { verdict: 'invalid' });
});

t.test(
  'a message for another purpose is none; one without a purpose is accepted, as Rails does',
  async (t) => {
    t.match(await asks(railsGcm(envelope(json, 'cookie.other'), KEY)), {
      verdict: 'invalid',
      reason: 'token.claims',
    });
    t.match(await asks(railsGcm(envelope(json, null), KEY)), { verdict: 'valid' });
    t.match(await asks(railsGcm(json, KEY)), { verdict: 'valid', user: 7 }, 'Rails 5.1 had no envelope');
    t.match(await asks(railsGcm(dump({ user_id: 7 }), KEY)), { verdict: 'valid', user: 7 });
  },
);

t.test('a session ends when its envelope says so', async (t) => {
  const until = (atS: number) => railsGcm(envelope(json, 'cookie._app_session', iso(atS)), KEY);
  t.match(await asks(until(NOW_S + 1)), { verdict: 'valid', endsAtS: NOW_S + 1 });
  t.match(await asks(until(NOW_S)), { verdict: 'invalid', reason: 'expired' });
  t.match(await asks(railsGcm(envelope(json, null, 'soon'), KEY)), { reason: 'credential.malformed' });
});

t.test('envelopes of 7.1 with the data inside are read', async (t) => {
  const inner = { _rails: { data: { user_id: 8 }, pur: 'cookie._app_session', exp: iso(NOW_S + 5) } };
  t.match(await asks(railsGcm(Buffer.from(JSON.stringify(inner)), KEY)), { user: 8, endsAtS: NOW_S + 5 });
  t.match(await asks(railsGcm(dump({ _rails: { data: { user_id: 8 }, pur: 'x' } }), KEY)), {
    verdict: 'invalid',
  });
});

t.test('only what the app’s serializer reads is a session', async (t) => {
  const marshal = railsGcm(envelope(dump({ user_id: 'Jörg' }), 'cookie._app_session'), KEY);
  t.match(await asks(marshal), { verdict: 'valid', user: 'Jörg' });
  t.match(await asks(marshal, { serializer: 'marshal' }), { verdict: 'valid' });
  t.match(await asks(marshal, { serializer: 'json' }), {
    verdict: 'invalid',
    reason: 'credential.malformed',
  });
  t.match(await asks(railsGcm(good, KEY), { serializer: 'marshal' }), { reason: 'credential.malformed' });
  for (const junk of ['', '[1]', '7', '{', '\x04\x08', '{"_rails":{"message":"%"}}', '{"_rails":{"data":1}}'])
    t.match(await asks(railsGcm(Buffer.from(junk), KEY)), {
      verdict: 'invalid',
      reason: 'credential.malformed',
    });
});

t.test('a session in MessagePack is the app’s to read', async (t) => {
  const packed = Buffer.from('cc8080', 'hex');
  for (const message of [packed, envelope(packed, 'cookie._app_session')])
    t.match(await asks(railsGcm(message, KEY)), { verdict: 'unknown', reason: 'credential.serializer' });
});

t.test('an object of a class is no session', async (t) => {
  const message = envelope(dump(object('User', { '@id': 7 })), 'cookie._app_session');
  t.match(await asks(railsGcm(message, KEY)), { verdict: 'invalid', reason: 'credential.malformed' });
});

t.test('nothing that was changed or cut is valid, and nothing throws', async (t) => {
  for (const value of [railsGcm(good, KEY), railsCbc(good, KEY)]) {
    t.match(await asks(value), { verdict: 'valid' });
    const text = decodeURIComponent(value);
    const bad = [...spoiled(value), ...spoiled(text).map(encodeURIComponent), `${value}--`, `--${value}`];
    const format = { ...block, secrets: [KEY] };
    for (const one of bad) {
      const { verdict } = await find(format, cookie(one));
      if (verdict !== 'invalid') t.fail(`${verdict} for ${one}`);
    }
    t.equal(identity(block, cookie(value)), identity(block, cookie(text.replaceAll('+', '%2b'))));
  }
});

t.test('Devise: the user of a scope, until he was not seen for too long', async (t) => {
  const session = (scope: string, seen: unknown) => {
    const held = {
      [`warden.user.${scope}.key`]: [[7], 'salt'],
      [`warden.user.${scope}.session`]: { last_request_at: seen },
    };
    return cookie(railsGcm(envelope(Buffer.from(JSON.stringify(held)), 'cookie._app_session'), KEY));
  };
  const devise: Configured = { verify: 'devise', cookie: '_app_session', secrets: [KEY] };
  const timed: Configured = { ...devise, options: { timeoutIn: 60 } };
  t.match(await find(devise, session('user', NOW_S - 99)), { verdict: 'valid', user: 7, endsAtS: null });
  t.match(await find(timed, session('user', NOW_S - 59)), { verdict: 'valid', endsAtS: NOW_S + 1 });
  t.match(await find(timed, session('user', iso(NOW_S - 59))), { verdict: 'valid', endsAtS: NOW_S + 1 });
  t.match(await find(timed, session('user', NOW_S - 60)), { verdict: 'invalid', reason: 'expired' });
  t.match(await find(timed, session('user', null)), { verdict: 'valid', user: 7 });
  t.match(await find(timed, `${session('user', NOW_S - 60)}; remember_user_token=x`), {
    verdict: 'unknown',
    reason: 'user.remembered',
  });
  t.match(await find(devise, session('admin', NOW_S)), { verdict: 'anonymous' });
  const admin: Configured = { ...devise, options: { scope: 'admin' } };
  t.match(await find(admin, session('admin', NOW_S)), { verdict: 'valid', user: 7 });
  t.match(await find(admin, 'remember_admin_token=x'), { verdict: 'unknown' });
  t.match(await find(admin, 'remember_user_token=x'), { verdict: 'invalid' });
  await t.rejects(find({ ...devise, secrets: [] }, ''), { name: 'FormatProblem', at: 'secrets' });
});
