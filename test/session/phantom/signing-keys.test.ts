// The keys of tokens: each published before it signs and as long as what it signed may live; the same for all who are given the same.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import t from 'tap';
import { HandClock } from '../../../src/base/clock.ts';
import { HandTimers } from '../../../src/base/timers.ts';
import type { KeyProblem } from '../../../src/session/crypto/public-keys.ts';
import { readGivenKey } from '../../../src/session/phantom/given-key.ts';
import { SigningKeys, type SigningState } from '../../../src/session/phantom/signing-keys.ts';
import type { SigningOptions } from '../../../src/session/phantom/token-options.ts';
import { TokenSigner } from '../../../src/session/phantom/token-signer.ts';
import { until } from '../../kit/named-app.ts';

const OPTIONS: SigningOptions = {
  algorithm: 'ES256',
  keys: [],
  rotateMs: 3_600_000,
  maxAgeMs: 600_000,
  tokenMs: 60_000,
};
const setOf = ({ published }: SigningState): JSONWebKeySet => JSON.parse(published.text) as JSONWebKeySet;
const kids = (state: SigningState): string[] => setOf(state).keys.map(({ kid }) => kid!);

async function open(options: Partial<SigningOptions> = {}) {
  const timers = new HandTimers(new HandClock());
  const changes: SigningState[] = [];
  const failures: unknown[] = [];
  const keys = await SigningKeys.open({
    options: { ...OPTIONS, ...options },
    timers,
    onChange: (state) => changes.push(state),
    onFailure: (error) => failures.push(error),
  });
  return { timers, changes, failures, keys };
}

t.test('a key that was made is published before it signs, and stays for what it signed', async (t) => {
  const { timers, changes, keys, failures } = await open();
  const first = keys.state.kid;
  t.same(kids(keys.state), [first]);
  timers.advance(3_600_000 - 601_001);
  t.equal(changes.length, 0);
  timers.advance(1);
  await until('a key is made', () => changes.length === 1);
  const [, next] = kids(keys.state);
  t.equal(keys.state.kid, first, 'for as long as sets are kept, and a second, the old one signs');
  timers.advance(601_000);
  t.equal(changes.length, 2);
  t.equal(keys.state.kid, next);
  t.same(kids(keys.state), [first, next], 'both verify');
  timers.advance(660_999);
  t.same(kids(keys.state), [first, next], 'while a token of the old one may live');
  timers.advance(1);
  t.same(kids(keys.state), [next]);
  timers.advance(3_600_000);
  await until('another is made', () => changes.length === 4);
  t.same(failures, []);
  keys.close();
  t.equal(timers.count, 0, 'nothing is left behind');
});

t.test('workers are told what they sign with, and their tokens verify by what is published', async (t) => {
  const { timers, changes, keys } = await open({ algorithm: 'EdDSA' });
  const signer = new TokenSigner(structuredClone(keys.state));
  const claims = '{"sub":"u","aud":"shop","exp":4000000000}';
  const before = await signer.sign(claims);
  timers.advance(3_600_000 - 601_000);
  await until('a key is made', () => changes.length === 1);
  timers.advance(601_000);
  signer.use(structuredClone(changes.at(-1)!));
  const after = await signer.sign(claims);
  const set = createLocalJWKSet(setOf(changes.at(-1)!));
  for (const token of [before, after]) {
    const { payload, protectedHeader } = await jwtVerify(token, set, { audience: 'shop' });
    t.equal(payload.sub, 'u');
    t.match(protectedHeader, { alg: 'EdDSA', typ: 'JWT' });
  }
  t.not(before.split('.')[0], after.split('.')[0], 'by another key');
  keys.close();
});

t.test('`never` keeps the first key', async (t) => {
  const { timers, keys } = await open({ rotateMs: Number.POSITIVE_INFINITY });
  t.equal(timers.count, 0);
  keys.close();
});

const pem = (key: KeyObject): string =>
  String(key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }));

t.test('given keys: the first signs, all are published, and nothing of a private one is', async (t) => {
  const one = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const two = generateKeyPairSync('ed25519');
  const given = [
    readGivenKey(pem(one.privateKey)),
    readGivenKey(JSON.stringify(two.privateKey.export({ format: 'jwk' }))),
    readGivenKey(pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)),
  ];
  const { keys, timers } = await open({ keys: given });
  t.equal(timers.count, 0, 'they are not turned over');
  const { state } = keys;
  t.match(setOf(state).keys, [{ alg: 'ES256' }, { alg: 'EdDSA' }, { alg: 'ES256' }]);
  t.notOk(setOf(state).keys.some((key) => 'd' in key));
  t.equal(state.kid, kids(state)[0]);
  const again = (await open({ keys: [given[0]!] })).keys;
  t.equal(again.state.kid, state.kid, 'whoever has the same key names it alike');
});

t.test('what is no key of a right kind is refused, and not told', async (t) => {
  const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  const secp = pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey);
  const locked = String(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'hunter2',
    }),
  );
  for (const [text, why] of [
    [rsa, /neither of P-256 nor of Ed25519/],
    [secp, /neither of P-256 nor of Ed25519/],
    [locked, /locked by a password/],
    ['hunter2', /no key that can be read/],
    ['{"kty":"oct","k":"aHVudGVyMg"}', /this JSON is no key/],
    ['{hunter2', /this JSON is no key/],
  ] as const) {
    t.throws(() => readGivenKey(text), { name: 'KeyProblem', message: why });
    try {
      readGivenKey(text);
    } catch (error) {
      const { message, right } = error as KeyProblem;
      t.notMatch(`${message}${right}`, /hunter2|aHVudGVyMg/);
    }
  }
});
