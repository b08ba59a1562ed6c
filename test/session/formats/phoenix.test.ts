// What holds of Phoenix's session cookie: both ways of encrypting, rotation, spellings, and what an attacker may try.
import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import t from 'tap';
import { buildFormat, type Configured } from '../../vectors/judge.ts';
import { type Term, toBinary } from '../decode/etf-kit.ts';
import { find, identity, spoiled } from './python-kit.ts';

const SECRET = 'a'.repeat(64);
const signing: Configured = {
  verify: 'phoenix',
  cookie: '_app_key',
  secrets: [SECRET],
  user: ['user_id'],
  options: { signingSalt: 'sign' },
};
const encrypting = { ...signing, options: { signingSalt: 'sign', encryptionSalt: 'enc' } };
const URL = 'base64url';

const derived = (salt: string, secret = SECRET): Buffer => pbkdf2Sync(secret, salt, 1000, 32, 'sha256');
const session = (user: Term): Buffer => toBinary(new Map([['user_id', user]]));

function signed(plain: Buffer, salt = 'sign', secret = SECRET): string {
  const text = `SFMyNTY.${plain.toString(URL)}`;
  return `${text}.${createHmac('sha256', derived(salt, secret)).update(text).digest(URL)}`;
}

/** plug_crypto 2. */
function sealed(plain: Buffer, salt = 'enc'): string {
  const nonce = randomBytes(24);
  const box = Buffer.from(xchacha20poly1305(derived(salt), nonce, Buffer.from('A128GCM')).encrypt(plain));
  const tag = box.subarray(box.length - 16);
  return `XCP.${Buffer.concat([nonce, tag, box.subarray(0, box.length - 16)]).toString(URL)}`;
}

function gcm(name: 'aes-256-gcm' | 'aes-128-gcm', key: Buffer, iv: Buffer, plain: Buffer, aad: Buffer) {
  const cipher = createCipheriv(name, key, iv);
  cipher.setAAD(aad);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { text, tag: cipher.getAuthTag() };
}

/** plug_crypto 1: a key of the message's own, wrapped. */
function wrapped(plain: Buffer): string {
  const [own, iv, wrapIv] = [randomBytes(16), randomBytes(12), randomBytes(12)];
  const wrap = gcm('aes-256-gcm', derived('enc'), wrapIv, own, derived('sign'));
  const { text, tag } = gcm('aes-128-gcm', own, iv, plain, Buffer.from('A128GCM'));
  const key = Buffer.concat([wrap.text, wrap.tag, wrapIv]);
  return [Buffer.from('A128GCM'), key, iv, text, tag].map((part) => part.toString(URL)).join('.');
}

t.test('signed, sealed and wrapped sessions name their users', async (t) => {
  t.match(await find(signing, `_app_key=${signed(session(255))}`), { verdict: 'valid', user: 255 });
  t.match(await find(encrypting, `_app_key=${sealed(session('u'))}`), { verdict: 'valid', user: 'u' });
  t.match(await find(encrypting, `_app_key=${wrapped(session('w'))}`), { verdict: 'valid', user: 'w' });
});

t.test('a session that names nobody is anonymous', async (t) => {
  t.match(await find(signing, `_app_key=${signed(toBinary(new Map()))}`), { verdict: 'anonymous' });
  t.match(await find(signing, `_app_key=${signed(session(null))}`), { verdict: 'anonymous' });
});

t.test('who a token of phx.gen.auth stands for, only the app can look up', async (t) => {
  const token = Buffer.alloc(32, 0xfe);
  t.match(await find(signing, `_app_key=${signed(session(token))}`), {
    verdict: 'unknown',
    reason: 'user.elsewhere',
  });
});

t.test('what does not encrypt does not stand in for what does, nor the other way round', async (t) => {
  t.match(await find(encrypting, `_app_key=${signed(session(1))}`), { reason: 'decrypt.failed' });
  t.match(await find(signing, `_app_key=${sealed(session(1))}`), { reason: 'signature.bad' });
  t.match(await find(signing, `_app_key=${signed(session(1), 'other')}`), { reason: 'signature.bad' });
});

t.test('old salts and old secrets are accepted', async (t) => {
  const rotating: Configured = {
    ...encrypting,
    secrets: ['b'.repeat(64), SECRET],
    options: {
      signingSalt: 'new',
      encryptionSalt: 'newer',
      oldSigningSalts: ['sign', 'plain'],
      oldEncryptionSalts: ['enc', 'none'],
    },
  };
  t.equal((await find(rotating, `_app_key=${sealed(session(3))}`)).user, 3);
  t.equal((await find(rotating, `_app_key=${wrapped(session(4))}`)).user, 4);
  t.equal((await find(rotating, `_app_key=${signed(session(5), 'plain')}`)).user, 5);
  t.equal((await find(rotating, `_app_key=${signed(session(5), 'sign')}`)).verdict, 'invalid');
});

t.test('spellings of a MAC are one session, spellings of what is signed are not', async (t) => {
  const good = signed(session(255));
  t.equal(identity(signing, `_app_key=${good}`), identity(signing, `_app_key=${good}=`));
  t.equal((await find(signing, `_app_key=${good}=`)).verdict, 'valid');
  const [head, term, mac] = good.split('.') as [string, string, string];
  // A session of 15 bytes has no spare bits; the head has two of them.
  const other = `${head.slice(0, -1)}Z.${term}.${mac}`;
  t.not(identity(signing, `_app_key=${good}`), identity(signing, `_app_key=${other}`));
  t.equal((await find(signing, `_app_key=${other}`)).verdict, 'invalid');
});

t.test('no spoiled cookie is valid, and none throws', async (t) => {
  for (const [block, good] of [
    [signing, signed(session(255))],
    [encrypting, sealed(session(255))],
    [encrypting, wrapped(session(255))],
  ] as const) {
    const format = buildFormat(block);
    const same = identity(block, `_app_key=${good}`);
    for (const bad of spoiled(good)) {
      const read = format.read(
        { cookies: `_app_key=${bad}`, authorization: null, userAgent: null, clientAddress: '' },
        0,
      );
      // Bits of base64 that nobody reads make no other session.
      if ('identity' in read && read.identity === same) continue;
      t.equal((await find(format, `_app_key=${bad}`)).verdict, 'invalid', bad.slice(0, 80));
    }
  }
  t.equal((await find(signing, `_app_key=${'a'.repeat(8193)}`)).reason, 'credential.too-long');
  t.equal((await find(signing, '')).reason, 'credential.none');
});

t.test('a genuine cookie that holds no term is invalid', async (t) => {
  t.match(await find(signing, `_app_key=${signed(Buffer.from('no term'))}`), { verdict: 'invalid' });
});

t.test('missing and lopsided salts are problems', (t) => {
  t.throws(() => buildFormat({ ...signing, options: {} }), { name: 'FormatProblem', at: 'verify' });
  const lopsided = { signingSalt: 's', oldSigningSalts: ['a', 'b'], oldEncryptionSalts: ['c'] };
  t.throws(() => buildFormat({ ...signing, options: lopsided }), {
    name: 'FormatProblem',
    at: 'verify.phoenix.oldEncryptionSalts',
  });
  t.end();
});
