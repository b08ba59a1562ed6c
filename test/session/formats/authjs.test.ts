// What holds of the encrypted tokens of NextAuth 4 and Auth.js: keys, pieces, places, claims, and what an attacker may try.
import { createCipheriv, createHmac, hash, hkdfSync, randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import type { Configured } from '../../vectors/judge.ts';
import { find, identity, NOW_S, request, spoiled } from './python-kit.ts';
import { type Json, part, told } from './token-kit.ts';

const OLD = 'next-auth.session-token';
const NEW = 'authjs.session-token';
const CLAIMS: Json = { sub: '42', iat: NOW_S, exp: NOW_S + 60 };
const old: Configured = { verify: 'nextauth', secrets: ['secret'] };
const current: Configured = { verify: 'authjs', secrets: ['new secret', 'old secret'] };

function derive(secret: string, salt: string, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
}

function gcm(claims: Json | Buffer, key: Buffer, header: Json): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(part(header)));
  const plain = Buffer.isBuffer(claims) ? claims : Buffer.from(JSON.stringify(claims));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return [
    part(header),
    '',
    ...[iv, body, cipher.getAuthTag()].map((bytes) => bytes.toString('base64url')),
  ].join('.');
}

function nextauthToken(claims: Json | Buffer, secret = 'secret', more: Json = {}): string {
  const key = derive(secret, '', 'NextAuth.js Generated Encryption Key', 32);
  return gcm(claims, key, { alg: 'dir', enc: 'A256GCM', ...more });
}

const thumbprint = (key: Buffer, digest: string): string =>
  hash(digest, `{"k":"${key.toString('base64url')}","kty":"oct"}`, 'base64url');

/** RFC 7518 section 5.2. */
function authjsToken(claims: Json, secret = 'new secret', salt = NEW, header: Json = {}): string {
  const key = derive(secret, salt, `Auth.js Generated Encryption Key (${salt})`, 64);
  const top = part({ alg: 'dir', enc: 'A256CBC-HS512', kid: thumbprint(key, 'sha512'), ...header });
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', key.subarray(32), iv);
  const body = Buffer.concat([cipher.update(JSON.stringify(claims)), cipher.final()]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(top.length * 8));
  const mac = createHmac('sha512', key.subarray(0, 32))
    .update(top)
    .update(iv)
    .update(body)
    .update(length)
    .digest();
  return [top, '', ...[iv, body, mac.subarray(0, 32)].map((bytes) => bytes.toString('base64url'))].join('.');
}

const verdict = async (
  block: Configured,
  cookies: string,
  authorization: string | null = null,
): Promise<string> => told(await find(block, request(cookies, { authorization })));

t.test('a token of either framework names its user and its end', async (t) => {
  const wanted = { verdict: 'valid', user: '42', endsAtS: NOW_S + 75 };
  t.match(await find(old, `${OLD}=${nextauthToken(CLAIMS)}`), wanted);
  t.match(await find(current, `${NEW}=${authjsToken(CLAIMS)}`), wanted);
  t.match(await find(current, `${NEW}=${authjsToken({ exp: NOW_S + 60 })}`), { verdict: 'anonymous' });
});

t.test('Auth.js finds the secret by its kid, and takes the first where there is none', async (t) => {
  t.equal(await verdict(current, `${NEW}=${authjsToken(CLAIMS, 'old secret')}`), 'valid string 42');
  t.equal(await verdict(current, `${NEW}=${authjsToken(CLAIMS, 'other secret')}`), 'invalid token.key');
  const bare = (secret: string): string => `${NEW}=${authjsToken(CLAIMS, secret, NEW, { kid: undefined })}`;
  t.equal(await verdict(current, bare('new secret')), 'valid string 42');
  t.equal(await verdict(current, bare('old secret')), 'invalid decrypt.failed');
  const key = derive('old secret', NEW, `Auth.js Generated Encryption Key (${NEW})`, 32);
  const header = { alg: 'dir', enc: 'A256GCM', kid: thumbprint(key, 'sha256') };
  t.equal(
    await verdict(current, `${NEW}=${gcm(CLAIMS, key, header)}`),
    'valid string 42',
    'its other encryption',
  );
});

t.test('each secret of NextAuth is tried', async (t) => {
  const block = { ...old, secrets: ['newer', 'secret'] };
  t.equal(await verdict(block, `${OLD}=${nextauthToken(CLAIMS)}`), 'valid string 42');
  t.equal(await verdict(block, `${OLD}=${nextauthToken(CLAIMS, 'other')}`), 'invalid decrypt.failed');
});

t.test('the key of Auth.js is of the cookie’s name, or of a salt', async (t) => {
  const secure = { ...current, cookie: `__Secure-${NEW}` };
  const token = authjsToken(CLAIMS, 'new secret', `__Secure-${NEW}`);
  t.equal(await verdict(secure, `__Secure-${NEW}=${token}`), 'valid string 42');
  t.equal(await verdict(current, `${NEW}=${token}`), 'invalid token.key');
  const salted = { ...current, options: { salt: `__Secure-${NEW}` } };
  t.equal(await verdict(salted, `${NEW}=${token}`), 'valid string 42');
});

t.test(
  'pieces are put together by their numbers, as the app does it, with whatever begins like them',
  async (t) => {
    const token = authjsToken({ ...CLAIMS, fill: 'x'.repeat(6000) });
    const pieces = [token.slice(0, 3000), token.slice(3000, 6000), token.slice(6000)];
    const cookies = pieces.map((piece, i) => `${NEW}.${i}=${piece}`);
    t.equal(await verdict(current, cookies.join('; ')), 'valid string 42');
    t.equal(await verdict(current, `a=b; ${cookies.reverse().join('; ')}; c=d`), 'valid string 42');
    t.match(await verdict(current, cookies.slice(1).join('; ')), /^invalid/);
    t.match(await verdict(current, `${NEW}=${authjsToken(CLAIMS)}; ${NEW}-extra=x`), /^invalid/);
    t.equal(
      identity(current, cookies.join('; ')),
      identity(current, `${NEW}=${token}`),
      'whole or in pieces, it is one token',
    );
    const many = Array.from({ length: 4000 }, (_, i) => `${NEW}.${i}=`).join('; ');
    const beginsMs = performance.now();
    t.equal(await verdict(current, many), 'invalid credential.none');
    t.ok(performance.now() - beginsMs < 1000, 'thousands of pieces are looked at once');
    t.equal(await verdict(current, `${NEW}=${'a'.repeat(16_385)}`), 'invalid credential.too-long');
  },
);

t.test('a bearer token is read where there is no cookie, as getToken reads it', async (t) => {
  const token = nextauthToken(CLAIMS);
  t.equal(await verdict(old, '', `Bearer ${token}`), 'valid string 42');
  t.equal(await verdict(old, '', `Bearer ${encodeURIComponent(token)}`), 'valid string 42');
  t.equal(await verdict(old, '', `bearer ${token}`), 'invalid credential.none');
  t.equal(await verdict(old, '', 'Bearer %zz'), 'invalid credential.malformed');
  t.equal(await verdict(old, '', 'Bearer'), 'invalid credential.none');
  t.equal(await verdict(old, `${OLD}=nonsense`, `Bearer ${token}`), 'invalid credential.malformed');
  t.equal(
    await verdict({ ...old, options: { bearer: false } }, '', `Bearer ${token}`),
    'invalid credential.none',
  );
});

t.test('claims hold with fifteen seconds of tolerance', async (t) => {
  const of = (claims: Json): Promise<string> => verdict(old, `${OLD}=${nextauthToken(claims)}`);
  t.equal(await of({ sub: 'a', exp: NOW_S - 14 }), 'valid string a');
  t.equal(await of({ sub: 'a', exp: NOW_S - 15 }), 'invalid expired');
  t.equal(await of({ sub: 'a', nbf: NOW_S + 16 }), 'invalid not-yet-valid');
  t.equal(await of({ sub: 'a', exp: '1' }), 'invalid token.claims');
  t.equal(await of({ sub: 'a', nbf: '1' }), 'invalid token.claims');
  t.equal(await of({ sub: 'a' }), 'valid string a');
});

t.test('no algorithm but the framework’s own is done, however dear the token would have it', async (t) => {
  const ciphertext = nextauthToken(CLAIMS).split('.').slice(2);
  for (const header of [
    { alg: 'none' },
    { alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2c: 2_000_000_000, p2s: 'AAAAAAAAAAAAAAAAAAAAAA' },
    { alg: 'A256KW', enc: 'A256GCM' },
    { alg: 'dir', enc: 'A128GCM' },
    { alg: 'dir', enc: 'A256CBC-HS512' },
    { alg: 'dir', enc: 'A256GCM', crit: ['x'], x: 1 },
    { alg: 'dir', enc: 'A256GCM', zip: 'DEF' },
    { alg: 'dir', enc: '__proto__' },
    { alg: 'dir' },
    {},
  ]) {
    for (const middle of ['', 'AAAA'])
      t.match(await verdict(old, `${OLD}=${[part(header), middle, ...ciphertext].join('.')}`), /^invalid/);
  }
  for (const alg of ['A256KW', 'A256GCMKW', 'PBES2-HS256+A128KW', 'RSA-OAEP', 'ECDH-ES']) {
    const header = part({ alg, enc: 'A256GCM', p2c: 2_000_000_000 });
    t.equal(
      await verdict(old, `${OLD}=${[header, 'AAAA', ...ciphertext].join('.')}`),
      'invalid token.algorithm',
    );
  }
  const bomb = deflateRawSync(Buffer.from(JSON.stringify({ ...CLAIMS, fill: ' '.repeat(4_000_000) })));
  t.equal(
    await verdict(old, `${OLD}=${nextauthToken(bomb, 'secret', { zip: 'DEF' })}`),
    'invalid credential.malformed',
  );
  t.match(await verdict(old, `${OLD}=${part('['.repeat(5000))}....`), /^invalid/);
});

t.test('no spoiled token is valid, and none throws', async (t) => {
  for (const [block, name, good] of [
    [old, OLD, nextauthToken(CLAIMS)],
    [current, NEW, authjsToken(CLAIMS)],
  ] as const) {
    const own = identity(block, `${name}=${good}`);
    for (const bad of spoiled(good)) {
      // Another spelling of the same bytes is the same token.
      if (identity(block, `${name}=${bad}`) === own) continue;
      t.match(await verdict(block, `${name}=${bad}`), /^invalid/, bad.slice(-60));
    }
  }
});
