// What holds of a key set that lives elsewhere: a server that changes, lies, hangs or is gone takes no key away and adds none.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { SessionFormat } from '../../../src/session/format.ts';
import { buildFormat } from '../../vectors/judge.ts';
import { NOW_S } from '../formats/python-kit.ts';
import {
  bearer,
  CLAIMS,
  ec,
  ed,
  hmacToken,
  type Json,
  jwk,
  keyServer,
  rsa,
  signedToken,
} from '../formats/token-kit.ts';

const LASTING: Json = { ...CLAIMS, exp: NOW_S + 100_000 };
const rsaToken = signedToken(LASTING, { alg: 'RS256', kid: 'r' }, rsa.privateKey);
const ecToken = signedToken(LASTING, { alg: 'ES256', kid: 'e' }, ec.privateKey);
const rsaKey = jwk(rsa.publicKey, { kid: 'r', alg: 'RS256', use: 'sig' });
const ecKey = jwk(ec.publicKey, { kid: 'e' });
const known = 'valid string user-17';

async function opened(url: string, options: Json = {}): Promise<SessionFormat> {
  const format = buildFormat({ verify: 'jwt', options: { jwksUrl: url, ...options } });
  await format.prepare?.();
  return format;
}

t.test('the set is read once, and then no more', async (t) => {
  const server = await keyServer(t, [rsaKey, ecKey]);
  const format = await opened(server.url);
  for (let i = 0; i < 5; i++) t.equal(await bearer(format, i % 2 ? rsaToken : ecToken), known);
  t.equal(server.asked, 1);
});

t.test('a new key is found when a token names it; clients cannot ask for it without end', async (t) => {
  const server = await keyServer(t, [rsaKey]);
  const format = await opened(server.url);
  t.equal(await bearer(format, rsaToken), known);
  server.answer = (response) => response.end(JSON.stringify({ keys: [rsaKey, ecKey] }));
  t.equal(await bearer(format, ecToken, NOW_S + 29), 'invalid token.key', 'within the cool-down');
  t.equal(server.asked, 1);
  const found = await Promise.all(Array.from({ length: 20 }, () => bearer(format, ecToken, NOW_S + 30)));
  t.same(new Set(found), new Set([known]));
  t.equal(server.asked, 2, 'one reading for all who wait');
  for (let i = 0; i < 20; i++)
    await bearer(format, signedToken(LASTING, { alg: 'ES256', kid: `x${i}` }, ec.privateKey), NOW_S + 31 + i);
  t.equal(server.asked, 2);
});

t.test('an old set is read again beside the checks, and a key that was taken out is no key', async (t) => {
  const server = await keyServer(t, [rsaKey, ecKey]);
  const format = await opened(server.url);
  t.equal(await bearer(format, rsaToken), known);
  server.answer = (response) => response.end(JSON.stringify({ keys: [ecKey] }));
  t.equal(await bearer(format, rsaToken, NOW_S + 600), known, 'nobody waits for it');
  let told = known;
  for (let i = 0; i < 500 && told === known; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    told = await bearer(format, rsaToken, NOW_S + 601);
  }
  t.equal(told, 'invalid token.key');
});

t.test('a set that turns to garbage, and a server that goes away, leave the old keys in force', async (t) => {
  const server = await keyServer(t, [rsaKey]);
  const format = await opened(server.url);
  t.equal(await bearer(format, rsaToken), known);
  let nowS = NOW_S;
  for (const garbage of [
    '<html>',
    '',
    'null',
    '[]',
    '{"keys":{}}',
    '{"keys":[]}',
    '{"keys":[null,7,"x",[],{}]}',
    JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'e', alg: 'HS256' }] }),
    JSON.stringify({ keys: [ecKey] }).padEnd(300_000),
    '['.repeat(200_000),
  ]) {
    server.answer = (response) => response.end(garbage);
    nowS += 100;
    t.equal(await bearer(format, ecToken, nowS), 'unknown keys.none', garbage.slice(0, 40));
    t.equal(await bearer(format, rsaToken, nowS), known);
  }
  server.answer = (response) => response.writeHead(302, { location: server.url }).end();
  t.equal(await bearer(format, ecToken, nowS + 100), 'unknown keys.none', 'redirects are not followed');
  server.answer = (response) => response.writeHead(500).end(JSON.stringify({ keys: [ecKey] }));
  t.equal(await bearer(format, ecToken, nowS + 200), 'unknown keys.none');
  server.answer = (response) => void response.socket?.destroy();
  t.equal(await bearer(format, ecToken, nowS + 300), 'unknown keys.none');
  await server.close();
  t.equal(await bearer(format, ecToken, nowS + 400), 'unknown keys.none');
  t.equal(await bearer(format, rsaToken, nowS + 5000), known);
});

t.test('a server that hangs or drips is given up at the deadline', async (t) => {
  const server = await keyServer(t, []);
  server.answer = () => {};
  const format = await opened(server.url, { jwksDeadline: 0.1 });
  t.equal(await bearer(format, rsaToken), 'unknown keys.none');
  const drips: NodeJS.Timeout[] = [];
  t.teardown(() => drips.forEach(clearInterval));
  server.answer = (response) => {
    response.writeHead(200);
    drips.push(setInterval(() => response.write(' '), 10));
  };
  t.equal(await bearer(format, rsaToken, NOW_S + 3), 'unknown keys.none');
  server.answer = (response) => response.end(JSON.stringify({ keys: [rsaKey] }));
  t.equal(await bearer(format, rsaToken, NOW_S + 4), 'unknown keys.none', 'not asked again at once');
  t.equal(await bearer(format, rsaToken, NOW_S + 6), known, 'found as soon as it is back');
});

t.test('what in a set is no key for signatures is passed over, and takes no other key away', async (t) => {
  const server = await keyServer(t, [
    { kty: 'EC', crv: 'secp256k1', kid: 'e', x: 'AA', y: 'AA' },
    { kty: 'EC', crv: 'P-256', kid: 'e', x: 'AA', y: 'AA' },
    { kty: 'OKP', crv: 'X25519', kid: 'e', x: 'AA' },
    { kty: 'RSA', kid: 'e', n: 'AQAB', e: 'AQAB' },
    { kty: 'RSA', kid: 'e', alg: 'ES256' },
    { ...ecKey, kty: 'RSA' },
    { ...ecKey, use: 'enc' },
    { ...ecKey, key_ops: ['sign'] },
    { ...ecKey, alg: 'ES384' },
    jwk(ec.privateKey, { kid: 'e' }),
    { kty: 'oct', k: 'c2VjcmV0', kid: 'e' },
    ecKey,
    rsaKey,
  ]);
  const format = await opened(server.url);
  t.equal(await bearer(format, ecToken), known);
  t.equal(await bearer(format, rsaToken), known);
  t.equal(
    await bearer(format, hmacToken(LASTING, 'secret', { alg: 'HS256', kid: 'e' })),
    'invalid token.algorithm',
  );
});

t.test('an RSA key that is too short to be safe is no key', async (t) => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const server = await keyServer(t, [jwk(short.publicKey, { kid: 's' }), rsaKey]);
  const token = signedToken(LASTING, { alg: 'RS256', kid: 's' }, short.privateKey);
  t.equal(await bearer(await opened(server.url), token), 'invalid token.key');
});

t.test('the key is found as jose finds it', async (t) => {
  const server = await keyServer(t, [
    rsaKey,
    ecKey,
    jwk(ed.publicKey, { kid: 'd' }),
    jwk(ed.publicKey, { kid: 'd2' }),
  ]);
  const format = await opened(server.url);
  const from = (header: Json): Promise<string> => bearer(format, signedToken(LASTING, header, ec.privateKey));
  t.equal(await from({ alg: 'ES256' }), known, 'no kid, and one key that fits');
  t.equal(await from({ alg: 'ES256', kid: 'r' }), 'invalid token.key', 'the kid of another type of key');
  t.equal(await from({ alg: 'ES256', kid: 7 }), 'invalid token.key');
  t.equal(await from({ alg: 'ES256', kid: '__proto__' }), 'invalid token.key');
  const two = signedToken(LASTING, { alg: 'EdDSA' }, ed.privateKey);
  t.equal(await bearer(format, two), 'invalid token.key', 'no kid, and two keys that fit');
  t.equal(await bearer(format, signedToken(LASTING, { alg: 'EdDSA', kid: 'd2' }, ed.privateKey)), known);
});

t.test('a set in a file is read again when a token names a new key', async (t) => {
  const file = join(t.testdir(), 'jwks.json');
  writeFileSync(file, JSON.stringify({ keys: [rsaKey] }));
  const format = buildFormat({ verify: 'jwt', options: { jwksFile: file } });
  t.equal(format.prepare, null);
  t.equal(await bearer(format, rsaToken), known);
  writeFileSync(file, JSON.stringify({ keys: [ecKey] }));
  t.equal(await bearer(format, ecToken, NOW_S + 30), known);
  writeFileSync(file, 'half a f');
  t.equal(await bearer(format, rsaToken, NOW_S + 60), 'unknown keys.none');
  t.equal(await bearer(format, ecToken, NOW_S + 61), known);
});
