// A key set behind HTTPS, and who is told when it can no longer be read.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { KeysChange } from '../../../src/session/crypto/public-keys.ts';
import type { SessionFormat } from '../../../src/session/format.ts';
import { makeCertificates, tempFolder } from '../../kit/store-servers.ts';
import { buildFormat } from '../../vectors/judge.ts';
import { NOW_S } from '../formats/python-kit.ts';
import { bearer, CLAIMS, ec, type Json, jwk, keyServer, rsa, signedToken } from '../formats/token-kit.ts';

const LASTING: Json = { ...CLAIMS, exp: NOW_S + 100_000 };
const rsaToken = signedToken(LASTING, { alg: 'RS256', kid: 'r' }, rsa.privateKey);
const ecToken = signedToken(LASTING, { alg: 'ES256', kid: 'e' }, ec.privateKey);
const rsaKey = jwk(rsa.publicKey, { kid: 'r', alg: 'RS256', use: 'sig' });
const known = 'valid string user-17';

/** A format that has read its keys once, and what was told of them. */
async function watched(options: Json): Promise<{ format: SessionFormat; told: KeysChange[] }> {
  const format = buildFormat({ verify: 'jwt', options });
  const told: KeysChange[] = [];
  format.watch?.((change) => told.push(change));
  await format.prepare?.();
  return { format, told };
}

t.test('an https: URL is trusted by the authority that is named, and by no other', async (t) => {
  const folder = tempFolder(t);
  const files = makeCertificates(folder);
  const other = tempFolder(t);
  const server = await keyServer(t, [rsaKey], files);
  const mine = await watched({ jwksUrl: server.url, jwksCa: files.ca });
  t.equal(await bearer(mine.format, rsaToken), known);
  t.same(mine.told, []);
  for (const options of [{}, { jwksCa: makeCertificates(other).ca }]) {
    const theirs = await watched({ jwksUrl: server.url, ...options });
    t.equal(await bearer(theirs.format, rsaToken), 'unknown keys.none');
    t.match(theirs.told, [{ up: false, why: /CERT|SIGNATURE|ISSUER/, kept: false }]);
    t.equal(theirs.told.length, 1);
  }
  // The certificate is for other names than this one.
  const named = await watched({ jwksUrl: server.url.replace('127.0.0.1', 'localhost'), jwksCa: files.ca });
  t.equal(await bearer(named.format, rsaToken), 'unknown keys.none');
  t.match(named.told, [{ why: 'ERR_TLS_CERT_ALTNAME_INVALID' }]);
  t.equal(server.asked, 1, 'nothing is asked of a server that is not known');
});

t.test('a file of authorities that holds none is told, and is no way around them', async (t) => {
  const folder = tempFolder(t);
  const server = await keyServer(t, [rsaKey], makeCertificates(folder));
  const empty = join(folder, 'empty.pem');
  writeFileSync(empty, 'no certificate\n');
  t.throws(() => buildFormat({ verify: 'jwt', options: { jwksUrl: server.url, jwksCa: empty } }), {
    name: 'FormatProblem',
    at: 'verify.jwt.jwksCa',
  });
  t.equal(server.asked, 0);
});

t.test('each change is told once, however often the keys are asked for', async (t) => {
  const server = await keyServer(t, [rsaKey]);
  const { format, told } = await watched({ jwksUrl: server.url });
  let nowS = NOW_S;
  const asked = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      nowS += 100;
      await bearer(format, ecToken, nowS);
    }
  };
  await asked(3);
  t.same(told, [], 'a set that lacks a key is a set');
  const good = server.answer;
  for (const [answer, why] of [
    [(response) => response.writeHead(503).end('secret words'), 'it answered 503'],
    [(response) => response.end('{"keys": "secret words"}'), 'what was read is no key set'],
    [(response) => response.end('x'.repeat(300_000)), 'the answer is longer than the bound'],
  ] as readonly (readonly [typeof good, string])[]) {
    server.answer = answer;
    await asked(4);
    t.same(told.splice(0), [{ up: false, why, kept: true }]);
    t.equal(await bearer(format, rsaToken, nowS), known, 'the old keys stand');
    server.answer = good;
    await asked(4);
    t.same(told.splice(0), [{ up: true, why: null, kept: true }]);
  }
  await server.close();
  await asked(4);
  t.match(told, [{ up: false, why: /^ECONN/, kept: true }]);
  t.equal(told.length, 1);
  t.notMatch(JSON.stringify(told), /secret|127\.0\.0\.1/);
});

t.test('a file that goes away is told, and found again', async (t) => {
  const file = join(tempFolder(t), 'jwks.json');
  const set = JSON.stringify({ keys: [rsaKey] });
  writeFileSync(file, set);
  const { format, told } = await watched({ jwksFile: file });
  t.equal(await bearer(format, rsaToken), known);
  writeFileSync(file, 'half a f');
  for (const nowS of [NOW_S + 30, NOW_S + 60]) await bearer(format, ecToken, nowS);
  t.same(told.splice(0), [{ up: false, why: 'what was read is no key set', kept: true }]);
  writeFileSync(file, set);
  await bearer(format, ecToken, NOW_S + 90);
  t.same(told, [{ up: true, why: null, kept: true }]);
  t.equal(readFileSync(file, 'utf8'), set);
});
