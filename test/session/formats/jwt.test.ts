// What holds of JSON Web Tokens signed by a shared secret or one public key: claims, places, contradictions in the config, and attacks.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FormatProblem, type Pending, type SessionFormat } from '../../../src/session/format.ts';
import { NO_STORE } from '../../../src/session/store.ts';
import type { Finding } from '../../../src/session/verdict.ts';
import { buildFormat } from '../../vectors/judge.ts';
import { find, identity, NOW_S, request, spoiled } from './python-kit.ts';
import {
  bearer,
  CLAIMS,
  ec,
  ed,
  hmacToken,
  type Json,
  jwk,
  part,
  rsa,
  SECRET,
  signedToken,
} from './token-kit.ts';

function shared(options: Json = {}, secrets: readonly string[] = [SECRET]): SessionFormat {
  return buildFormat({ verify: 'jwt', secrets, options });
}

interface Pair {
  readonly publicKey: KeyObject;
}
const pem = (pair: Pair): string => pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const byKey = (pair: Pair, options: Json = {}): SessionFormat =>
  buildFormat({ verify: 'jwt', options: { publicKey: pem(pair), ...options } });

/** The key at which a config is refused, or null. */
function refusedAt(build: () => unknown): string | null {
  try {
    build();
    return null;
  } catch (error) {
    if (error instanceof FormatProblem) return error.at;
    throw error;
  }
}

t.test('a token names its user and its end, at once and without a promise', async (t) => {
  const format = shared({ clockTolerance: 5 });
  const read = format.read(request('', { authorization: `Bearer ${hmacToken(CLAIMS)}` }), NOW_S);
  t.ok('check' in read);
  const found = 'check' in read ? read.check(NO_STORE, NOW_S) : read;
  t.notOk(found instanceof Promise);
  t.match(found, { verdict: 'valid', user: 'user-17', endsAtS: NOW_S + 65, data: CLAIMS });
  t.match(await find(format, `access_token=${hmacToken({ cart: 1 })}`), { verdict: 'anonymous' });
});

t.test('each of the secrets is accepted, raw bytes too', async (t) => {
  const format = shared({}, [
    'new secret of more than 32 bytes ...',
    `base64:${Buffer.alloc(32, 7).toString('base64')}`,
  ]);
  t.equal(await bearer(format, hmacToken(CLAIMS, Buffer.alloc(32, 7))), 'valid string user-17');
  t.equal(await bearer(format, hmacToken(CLAIMS)), 'invalid signature.bad');
});

t.test('claims are judged as jose and jsonwebtoken judge them', async (t) => {
  const format = shared({ issuer: ['https://id.example/'], audience: ['web', 'app'] });
  const cases: [Json, string][] = [
    [{ exp: NOW_S }, 'invalid expired'],
    [{ exp: NOW_S + 1 }, 'valid string user-17'],
    [{ exp: undefined }, 'valid string user-17'],
    [{ exp: String(NOW_S + 60) }, 'invalid token.claims'],
    [{ exp: null }, 'invalid token.claims'],
    [{ nbf: NOW_S + 1 }, 'invalid not-yet-valid'],
    [{ nbf: NOW_S }, 'valid string user-17'],
    [{ nbf: {} }, 'invalid token.claims'],
    [{ iat: '1' }, 'invalid token.claims'],
    [{ iss: 'https://id.example' }, 'invalid token.claims'],
    [{ iss: ['https://id.example/'] }, 'invalid token.claims'],
    [{ iss: undefined }, 'invalid token.claims'],
    [{ aud: ['x', 'app'] }, 'valid string user-17'],
    [{ aud: [] }, 'invalid token.claims'],
    [{ aud: { 0: 'web' } }, 'invalid token.claims'],
    [{ aud: undefined }, 'invalid token.claims'],
    [{ sub: 7 }, 'valid number 7'],
    [{ sub: '' }, 'anonymous user.none'],
  ];
  for (const [change, expected] of cases)
    t.equal(await bearer(format, hmacToken({ ...CLAIMS, ...change })), expected, JSON.stringify(change));
});

t.test('clocks may differ by the tolerance, and by no second more', async (t) => {
  const format = shared({ clockTolerance: 10 });
  t.equal(await bearer(format, hmacToken({ sub: 'a', exp: NOW_S - 9 })), 'valid string a');
  t.equal(await bearer(format, hmacToken({ sub: 'a', exp: NOW_S - 10 })), 'invalid expired');
  t.equal(await bearer(format, hmacToken({ sub: 'a', nbf: NOW_S + 10 })), 'valid string a');
  t.equal(await bearer(format, hmacToken({ sub: 'a', nbf: NOW_S + 11 })), 'invalid not-yet-valid');
});

t.test('of a claim that comes twice the last counts, as for the app', async (t) => {
  const text = `{"sub":"first","sub":"last","exp":${NOW_S - 9},"exp":${NOW_S + 9}}`;
  t.equal(await bearer(shared(), hmacToken(text)), 'valid string last');
});

t.test('the token is read from where the config says, and one place decides', async (t) => {
  const good = hmacToken(CLAIMS);
  const both = { cookies: `access_token=${good}`, authorization: 'Bearer nonsense' };
  const verdict = async (options: Json, around: Partial<ReturnType<typeof request>>): Promise<string> =>
    (await find(shared(options), request(around.cookies ?? '', around))).reason;
  t.equal(await verdict({}, both), 'credential.malformed');
  t.equal(await verdict({ first: 'cookie' }, both), 'user.known');
  t.equal(await verdict({ bearer: false }, both), 'user.known');
  t.equal(await verdict({ fromCookie: false }, { cookies: both.cookies }), 'credential.none');
  t.equal(await verdict({}, { authorization: `bearer  ${good}` }), 'user.known');
  t.equal(await verdict({}, { authorization: `Basic ${good}` }), 'credential.none');
  t.equal(await verdict({}, { authorization: `Bearer${good}` }), 'credential.none');
  t.equal(await verdict({}, { authorization: 'Bearer ' }), 'credential.none');
  t.equal(await verdict({}, { cookies: 'access_token=' }), 'credential.none');
});

t.test('a wanted type is compared as a media type', async (t) => {
  const format = shared({ typ: 'at+jwt' });
  const typed = (typ: unknown): string => hmacToken(CLAIMS, SECRET, { alg: 'HS256', typ });
  t.equal(await bearer(format, typed('application/AT+JWT')), 'valid string user-17');
  for (const typ of ['JWT', undefined, 7, ['at+jwt']])
    t.equal(await bearer(format, typed(typ)), 'invalid token.claims');
});

t.test('all spellings of a signature are one session, another payload is another', async (t) => {
  const good = hmacToken(CLAIMS);
  const other = good.slice(0, -1) + String.fromCharCode(good.charCodeAt(good.length - 1) ^ 1);
  t.equal(
    Buffer.from(good.split('.')[2]!, 'base64url').compare(Buffer.from(other.split('.')[2]!, 'base64url')),
    0,
    'the same bytes',
  );
  const block = { verify: 'jwt', secrets: [SECRET] } as const;
  t.equal(identity(block, `access_token=${good}`), identity(block, `access_token=${other}`));
  t.equal(await bearer(shared(), other), 'valid string user-17');
  t.not(identity(block, `access_token=${good}`), identity(block, `access_token=${hmacToken({ sub: 'b' })}`));
});

t.test(
  'the second signature that whoever holds an ECDSA token can make of its first is the same session',
  async (t) => {
    const format = byKey(ec);
    const read = (token: string): Pending | Finding =>
      format.read(request('', { authorization: `Bearer ${token}` }), NOW_S);
    for (let tries = 0; tries < 8; tries++) {
      const token = signedToken(CLAIMS, { alg: 'ES256' }, ec.privateKey);
      const pending = read(token);
      t.ok('check' in pending && typeof pending.alias === 'string');
      const { identity: first, alias: second = '' } = pending as Pending; // just seen
      t.equal(first, token);
      t.not(second, token);
      t.equal(await bearer(format, second), 'valid string user-17', 'it verifies too');
      t.match(read(second), { identity: second, alias: first });
    }
    t.equal((read(signedToken(CLAIMS, { alg: 'EdDSA' }, ed.privateKey)) as Pending).alias, undefined);
    const [signed] = signedToken(CLAIMS, { alg: 'ES256' }, ec.privateKey).split(/\.(?=[^.]*$)/);
    for (const bytes of [Buffer.alloc(64), Buffer.alloc(64, 0xff), Buffer.alloc(63, 1), Buffer.alloc(1, 1)])
      t.match(read(`${signed}.${bytes.toString('base64url')}`), { alias: undefined });
  },
);

t.test('no algorithm but those of the config is accepted, whatever the header says', async (t) => {
  const bare = `${part({ alg: 'none' })}.${part(CLAIMS)}`;
  t.equal(await bearer(shared(), `${bare}.`), 'invalid credential.malformed');
  for (const alg of [
    'none',
    'None',
    'NONE',
    'HS512',
    'RS256',
    '',
    null,
    ['HS256'],
    { toString: 1 },
    '__proto__',
    undefined,
  ])
    t.equal(
      await bearer(shared(), hmacToken(CLAIMS, SECRET, { alg })),
      'invalid token.algorithm',
      String(JSON.stringify(alg)),
    );
  t.equal(
    await bearer(shared({ algorithms: ['HS512'] }), hmacToken(CLAIMS, SECRET, { alg: 'HS512' }, 'sha512')),
    'valid string user-17',
  );
});

t.test('a public key is never taken for a shared secret', async (t) => {
  const format = byKey(rsa);
  for (const secret of [pem(rsa), pem(rsa).trim(), rsa.publicKey.export({ type: 'spki', format: 'der' })])
    t.equal(await bearer(format, hmacToken({ sub: 'admin' }, secret)), 'invalid token.algorithm');
  t.equal(
    refusedAt(() => byKey(rsa, { algorithms: ['HS256'] })),
    'verify.jwt.algorithms',
  );
  t.equal(
    refusedAt(() => byKey(rsa, { algorithms: ['RS256', 'HS256'] })),
    'verify.jwt.algorithms',
  );
  t.equal(
    refusedAt(() => shared({}, [pem(rsa)])),
    'secrets[0]',
  );
});

t.test('a public key verifies by its own algorithm alone', async (t) => {
  t.equal(
    await bearer(byKey(rsa), signedToken(CLAIMS, { alg: 'RS256' }, rsa.privateKey)),
    'valid string user-17',
  );
  t.equal(
    await bearer(byKey(ec), signedToken(CLAIMS, { alg: 'ES256' }, ec.privateKey)),
    'valid string user-17',
  );
  t.equal(
    await bearer(byKey(ed), signedToken(CLAIMS, { alg: 'EdDSA' }, ed.privateKey)),
    'valid string user-17',
  );
  t.equal(
    await bearer(byKey(rsa), signedToken(CLAIMS, { alg: 'PS256' }, rsa.privateKey)),
    'invalid token.algorithm',
  );
  t.equal(
    await bearer(byKey(ec), signedToken(CLAIMS, { alg: 'ES384' }, ec.privateKey)),
    'invalid token.algorithm',
  );
  const der = signedToken(CLAIMS, { alg: 'ES256' }, ec.privateKey, 'der');
  t.equal(await bearer(byKey(ec), der), 'invalid signature.bad');
  const zeros = `${der.split('.').slice(0, 2).join('.')}.${Buffer.alloc(64).toString('base64url')}`;
  t.equal(await bearer(byKey(ec), zeros), 'invalid signature.bad', 'r and s of 0');
});

t.test('several PEM keys are tried in turn, so that a key can be changed', async (t) => {
  const format = buildFormat({ verify: 'jwt', options: { publicKey: `${pem(rsa)}\n${pem(ec)}` } });
  t.equal(
    await bearer(format, signedToken(CLAIMS, { alg: 'RS256', kid: 'any' }, rsa.privateKey)),
    'valid string user-17',
  );
  t.equal(await bearer(format, signedToken(CLAIMS, { alg: 'ES256' }, ec.privateKey)), 'valid string user-17');
  t.equal(
    await bearer(format, signedToken(CLAIMS, { alg: 'ES256' }, ed.privateKey)),
    'invalid signature.bad',
  );
});

t.test('critical extensions are refused, and so is a payload that is not encoded', async (t) => {
  const cases: [Json, string][] = [
    [{ crit: ['x'], x: 1 }, 'invalid token.claims'],
    [{ crit: [] }, 'invalid token.claims'],
    [{ crit: 'b64', b64: true }, 'invalid token.claims'],
    [{ crit: ['b64'], b64: false }, 'invalid token.claims'],
    [{ crit: ['b64'] }, 'invalid token.claims'],
    [{ crit: null }, 'invalid token.claims'],
    [{ crit: ['b64'], b64: true }, 'valid string user-17'],
    [{ b64: false }, 'valid string user-17'],
  ];
  for (const [more, expected] of cases)
    t.equal(
      await bearer(shared(), hmacToken(CLAIMS, SECRET, { alg: 'HS256', ...more })),
      expected,
      JSON.stringify(more),
    );
});

t.test('a token does not bring its own key', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
  });
  for (const more of [
    { jwk: jwk(publicKey) },
    { jku: 'http://127.0.0.1:1/keys' },
    { x5u: 'http://127.0.0.1:1/keys' },
    { x5c: [publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] },
    { kid: "' OR 1=1 --" },
    { kid: '../../../../dev/null' },
    { kid: { $ne: null } },
  ])
    t.equal(
      await bearer(byKey(ec), signedToken(CLAIMS, { alg: 'ES256', ...more }, privateKey)),
      'invalid signature.bad',
    );
});

t.test('what is no token is refused, and nothing is thrown', async (t) => {
  const deep = `${'{"a":'.repeat(1100)}1${'}'.repeat(1100)}`;
  const nested = part(hmacToken(hmacToken(CLAIMS)));
  for (const bad of [
    '.'.repeat(8192),
    'a.b.c',
    '..',
    'e30.e30',
    'e30.e30.e30.e30.e30',
    `${hmacToken(CLAIMS)}=`,
    `${hmacToken(CLAIMS)} x`,
    hmacToken(CLAIMS).replace('.', '+.'),
    hmacToken('[]'),
    hmacToken('null'),
    hmacToken('7'),
    hmacToken(nested),
    hmacToken('\xff'),
    hmacToken(CLAIMS, SECRET, '[]'),
    hmacToken(CLAIMS, SECRET, 'null'),
    `${part(deep)}.e30.AAAA`,
    `${Buffer.from([0xff, 0xfe]).toString('base64url')}.e30.AAAA`,
  ])
    t.match(await bearer(shared(), bad), /^invalid /, bad.slice(0, 60));
  t.equal(await bearer(shared(), 'a'.repeat(8193)), 'invalid credential.too-long');
  t.equal(await bearer(shared(), hmacToken(`{"sub":"deep","x":${deep}}`)), 'invalid credential.too-long');
  const lists = `{"sub":"deep","x":${'['.repeat(2000)}${']'.repeat(2000)}}`;
  t.equal(await bearer(shared(), hmacToken(lists)), 'valid string deep', 'deep JSON of the issuer itself');
  t.match(await bearer(shared(), hmacToken(CLAIMS, SECRET, `${'['.repeat(3000)}`)), /^invalid /);
});

t.test('no spoiled token is valid, and none throws', async (t) => {
  for (const [format, good] of [
    [shared(), hmacToken(CLAIMS)],
    [byKey(ec), signedToken(CLAIMS, { alg: 'ES256' }, ec.privateKey)],
  ] as const) {
    const bytes = Buffer.from(good.split('.')[2]!, 'base64url');
    for (const bad of spoiled(good)) {
      const same =
        bad.length === good.length && bytes.equals(Buffer.from(bad.split('.')[2] ?? '', 'base64url'));
      if (same && bad.slice(0, -1) === good.slice(0, -1)) continue;
      t.match(await bearer(format, bad), /^invalid /, bad.slice(-80));
    }
  }
});

t.test('what contradicts itself is told at its key', (t) => {
  const folder = t.testdir();
  const file = join(folder, 'key.pem');
  writeFileSync(file, 'nothing');
  const small = `-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==
-----END PUBLIC KEY-----`;
  const cases: [Json, string, (readonly string[])?][] = [
    [{}, '', []],
    [{ publicKey: pem(rsa) }, 'verify.jwt.publicKey', [SECRET]],
    [{ publicKey: pem(rsa), jwksUrl: 'https://id.example/jwks' }, 'verify.jwt.publicKey', []],
    [{ publicKey: 'nothing' }, 'verify.jwt.publicKey', []],
    [{ publicKey: small }, 'verify.jwt.publicKey', []],
    [{ publicKey: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) }, 'verify.jwt.publicKey', []],
    [{ publicKeyFile: file }, 'verify.jwt.publicKeyFile', []],
    [{ publicKeyFile: join(folder, 'none') }, 'verify.jwt.publicKeyFile', []],
    [{ jwksFile: file }, 'verify.jwt.jwksFile', []],
    [{ jwksUrl: 'id.example' }, 'verify.jwt.jwksUrl', []],
    [{ jwksUrl: 'ftp://id.example/jwks' }, 'verify.jwt.jwksUrl', []],
    [{ jwksUrl: 'http://id.example/jwks' }, 'verify.jwt.jwksUrl', []],
    [{ jwksUrl: 'https://id.example/jwks', jwksDeadline: null }, 'verify.jwt.jwksDeadline', []],
    [{ publicKey: pem(rsa), algorithms: ['ES256'] }, 'verify.jwt.algorithms', []],
    [{ publicKey: pem(ec), algorithms: ['ES384'] }, 'verify.jwt.algorithms', []],
    [{ algorithms: ['RS256'] }, 'verify.jwt.algorithms'],
    [{ algorithms: ['none'] }, 'verify.jwt.algorithms'],
    [{ clockTolerance: null }, 'verify.jwt.clockTolerance'],
    [{ bearer: false, fromCookie: false }, 'verify.jwt.bearer'],
  ];
  for (const [options, at, secrets] of cases)
    t.equal(
      refusedAt(() => shared(options, secrets)),
      at,
    );
  t.end();
});
