// What holds of the cookies of Rack 2 and of rack-session 2: only what was signed or encrypted by a secret is a session.
import { deflateSync } from 'node:zlib';
import t from 'tap';
import type { Configured } from '../../vectors/judge.ts';
import { find, identity, spoiled } from './python-kit.ts';
import { dump, object, rackCookieValue, rackSessionValue } from './ruby-kit.ts';

const SECRET = 's'.repeat(64);
const OLD = 'o'.repeat(64);
const payload = dump({ session_id: object('Rack::Session::SessionId', { '@public_id': 'a' }), user_id: 7 });
const json = Buffer.from('{"user_id":"hal"}');
const signed: Configured = { verify: 'rack-cookie', secrets: [SECRET, OLD], user: ['user_id'] };
const sealed: Configured = { verify: 'rack-session', secrets: [SECRET, OLD], user: ['user_id'] };
const cookie = (value: string) => `rack.session=${value}`;

t.test('a signed session is its user’s, by any of the secrets and in the app’s coder', async (t) => {
  t.match(await find(signed, cookie(rackCookieValue(payload, SECRET))), { verdict: 'valid', user: 7 });
  t.match(await find(signed, cookie(rackCookieValue(payload, OLD))), { verdict: 'valid', user: 7 });
  t.match(await find(signed, cookie(rackCookieValue(payload, 'other'))), { reason: 'signature.bad' });
  t.match(await find(signed, cookie(rackCookieValue(dump({ cart: [1] }), SECRET))), { verdict: 'anonymous' });
  const by = (options: Readonly<Record<string, unknown>>, bytes: Buffer, hash?: string) =>
    find({ ...signed, options }, cookie(rackCookieValue(bytes, SECRET, hash)));
  t.match(await by({ coder: 'json' }, json), { verdict: 'valid', user: 'hal' });
  t.match(await by({ coder: 'zip-json' }, deflateSync(json)), { verdict: 'valid', user: 'hal' });
  t.match(await by({ coder: 'json', hmac: 'sha256' }, json, 'sha256'), { verdict: 'valid' });
  t.match(await by({ hmac: 'sha256' }, payload), { verdict: 'invalid', reason: 'signature.bad' });
  t.match(await by({ coder: 'zip-json' }, json), { verdict: 'invalid', reason: 'credential.malformed' });
  t.match(await by({}, dump([7])), { verdict: 'invalid', reason: 'credential.malformed' });
});

t.test('an encrypted session of either version is its user’s', async (t) => {
  for (const version of [1, 2]) {
    const asks = (secret: string, purpose = 'rack.session', bytes = payload, options = {}) =>
      find({ ...sealed, options }, cookie(rackSessionValue(bytes, secret, version, purpose)));
    t.match(await asks(SECRET), { verdict: 'valid', user: 7 });
    t.match(await asks(OLD), { verdict: 'valid', user: 7 });
    t.match(await asks(SECRET, 'other'), { verdict: 'invalid', reason: 'decrypt.failed' });
    t.match(await asks(SECRET, 'other', payload, { purpose: 'other' }), { verdict: 'valid' });
    t.match(await asks('x'.repeat(64)), { verdict: 'invalid', reason: 'decrypt.failed' });
    t.match(await asks(SECRET, 'rack.session', json), { verdict: 'valid', user: 'hal' });
    t.match(await asks(SECRET, 'rack.session', json, { serializer: 'marshal' }), {
      reason: 'credential.malformed',
    });
  }
  t.match(await find(sealed, cookie(rackSessionValue(payload, SECRET, 3, 'rack.session'))), {
    verdict: 'invalid',
  });
});

t.test('a session that nobody encrypted is none, whatever old gems made of it', async (t) => {
  t.match(await find(sealed, cookie(payload.toString('base64'))), { verdict: 'invalid' });
  t.match(await find(sealed, cookie(rackCookieValue(payload, SECRET))), { verdict: 'invalid' });
});

t.test('signed cookies of Rack 2 live on only where the app says so', async (t) => {
  const moved: Configured = { ...sealed, options: { legacySecrets: ['legacy'] } };
  t.match(await find(moved, cookie(rackCookieValue(payload, 'legacy'))), { verdict: 'valid', user: 7 });
  t.match(await find(moved, cookie(rackCookieValue(payload, SECRET))), { verdict: 'invalid' });
  // A message of 256 bytes has `--` in it now and then, which makes it no signed one.
  for (let i = 0; i < 300; i++) {
    const value = rackSessionValue(payload, SECRET, 1 + (i % 2), 'rack.session');
    if ((await find(moved, cookie(value))).verdict !== 'valid') t.fail(value);
  }
  t.pass();
});

t.test('a short secret is a problem', async (t) => {
  await t.rejects(find({ ...sealed, secrets: ['short'] }, ''), { name: 'FormatProblem', at: 'secrets[0]' });
});

t.test('one message is one identity, however it is spelled', async (t) => {
  let value = '';
  while (!/[-_]/.test(value)) value = rackSessionValue(payload, SECRET, 2, 'rack.session');
  const standard = encodeURIComponent(Buffer.from(value, 'base64url').toString('base64'));
  t.equal(identity(sealed, cookie(standard)), identity(sealed, cookie(value)));
  t.match(await find(sealed, cookie(standard)), { verdict: 'valid' });
});

t.test('while a remember-me cookie is sent, nobody is nobody', async (t) => {
  for (const block of [signed, sealed]) {
    const remembering = { ...block, options: { remember: ['keep'] } };
    t.match(await find(remembering, 'keep=1'), { verdict: 'unknown', reason: 'user.remembered' });
    t.match(await find(remembering, 'keep=1; rack.session=zz'), { verdict: 'unknown' });
    t.match(await find(remembering, 'keep=; rack.session=zz'), { verdict: 'invalid' });
    t.not(identity(remembering, `keep=1; ${cookie('aaaa--aa')}`), identity(remembering, cookie('aaaa--aa')));
  }
});

t.test('nothing that was changed or cut is valid, and nothing throws', async (t) => {
  const values = [
    [signed, rackCookieValue(payload, SECRET)],
    [sealed, rackSessionValue(payload, SECRET, 1, 'rack.session')],
    [sealed, rackSessionValue(payload, SECRET, 2, 'rack.session')],
  ] as const;
  for (const [block, good] of values) {
    t.match(await find(block, cookie(good)), { verdict: 'valid' });
    for (const bad of spoiled(good)) {
      const { verdict } = await find(block, cookie(bad));
      if (verdict !== 'invalid') t.fail(`${verdict} for ${bad}`);
    }
  }
  t.match(await find(signed, cookie('a'.repeat(8193))), { reason: 'credential.too-long' });
  t.match(await find(signed, 'other=1'), { reason: 'credential.none' });
});
