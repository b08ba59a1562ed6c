// What holds of @fastify/secure-session’s cookies: keys and secrets, the time inside, spellings, and what an attacker may try.
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import t from 'tap';
import { FormatProblem, type SessionFormat } from '../../../src/session/format.ts';
import { buildFormat, type Configured } from '../../vectors/judge.ts';
import { find, identity, NOW_S, spoiled } from './python-kit.ts';
import { told } from './token-kit.ts';

const KEY = Buffer.alloc(32, 1);
const OLD_KEY = Buffer.alloc(32, 2);
const block: Configured = {
  verify: 'fastify-secure-session',
  secrets: [KEY.toString('base64'), `hex:${OLD_KEY.toString('hex')}`],
  user: ['user_id'],
  options: { mode: 'key' },
};

function sealed(text: string, key: Uint8Array = KEY, nonce = Buffer.alloc(24, 9)): string {
  const cipher = Buffer.from(xsalsa20poly1305(key, nonce).encrypt(Buffer.from(text)));
  return `${cipher.toString('base64')};${nonce.toString('base64')}`;
}

const cookie = (text: string, key?: Uint8Array): string => `session=${encodeURIComponent(sealed(text, key))}`;
const session = (more: object = {}): string => JSON.stringify({ user_id: 7, __ts: NOW_S, ...more });
const verdict = async (
  configured: Configured | SessionFormat,
  cookies: string,
  nowS = NOW_S,
): Promise<string> => told(await find(configured, cookies, undefined, nowS));

t.test('each of the keys opens a session, which names its user and its end', async (t) => {
  t.match(await find(block, cookie(session())), { verdict: 'valid', user: 7, endsAtS: NOW_S + 86_401 });
  t.equal(await verdict(block, cookie(session(), OLD_KEY)), 'valid number 7');
  t.equal(await verdict(block, cookie(session(), Buffer.alloc(32, 3))), 'invalid decrypt.failed');
  t.equal(await verdict(block, cookie(session({ user_id: undefined }))), 'anonymous user.none');
});

t.test('a session ends when its expiry has passed since it was written', async (t) => {
  t.equal(await verdict(block, cookie(session()), NOW_S + 86_400.9), 'valid number 7');
  t.equal(await verdict(block, cookie(session()), NOW_S + 86_401), 'invalid expired');
  const short = { ...block, options: { mode: 'key', expiry: 60 } };
  t.equal(await verdict(short, cookie(session()), NOW_S + 60), 'invalid expired');
  const lasting = { ...block, options: { mode: 'key', expiry: null } };
  t.equal(await verdict(lasting, cookie(session()), NOW_S + 1e9), 'valid number 7');
  t.equal(
    await verdict(block, cookie('{"user_id":7}'), NOW_S + 1e9),
    'valid number 7',
    'one without a time, as the plug-in',
  );
  t.equal(await verdict(block, cookie(session({ __ts: 'x' }))), 'invalid credential.malformed');
});

t.test('what was sealed and is no session is invalid', async (t) => {
  for (const text of ['', '{', 'null', '7'])
    t.equal(await verdict(block, cookie(text)), 'invalid credential.malformed', text);
});

t.test('a secret opens what was sealed by libsodium’s key of it', async (t) => {
  // Derived by sodium-native 5.1: crypto_pwhash, opslimit 3, memlimit 256 MiB.
  const key = Buffer.from('hKZVChX69gxL39Z622roOQ65RmNnt2rUwjf3b4N4uow=', 'base64');
  const format = buildFormat({
    ...block,
    secrets: ['a-secret-of-at-least-32-characters-dev'],
    options: { salt: 'mq9hDxBVDbspDR6n' },
  });
  t.equal(await verdict(format, cookie(session(), key)), 'unknown keys.none', 'before it is derived');
  await format.prepare?.();
  t.equal(await verdict(format, cookie(session(), key)), 'valid number 7');
  t.equal(await verdict(format, cookie(session())), 'invalid decrypt.failed');
});

t.test('all spellings of one cookie are one session', async (t) => {
  const plain = sealed(session());
  const other = plain.replaceAll('=', '').replaceAll('+', '-').replaceAll('/', '_');
  const spelled = (value: string): string => `session=${encodeURIComponent(value)}`;
  t.equal(identity(block, spelled(plain)), identity(block, spelled(other)));
  t.equal(identity(block, spelled(plain)), identity(block, spelled(`${plain};more`)));
  t.equal(await verdict(block, spelled(other)), 'valid number 7');
});

t.test('no spoiled cookie is valid, and none throws', async (t) => {
  const good = sealed(session());
  const own = identity(block, `session=${encodeURIComponent(good)}`);
  for (const bad of [...spoiled(good), ';'.repeat(8192), ';', '%3B', `AAAA;${'A'.repeat(32)}`]) {
    const cookies = `session=${encodeURIComponent(bad)}`;
    if (identity(block, cookies) === own) continue;
    t.match(await verdict(block, cookies), /^invalid/, bad.slice(0, 60));
  }
  t.equal(await verdict(block, `session=${'a'.repeat(8193)}`), 'invalid credential.too-long');
  t.equal(
    await verdict(block, `session=${sealed(session())}`),
    'invalid credential.malformed',
    'a bare semicolon',
  );
});

t.test('what contradicts itself is told at its key', (t) => {
  const refusal = (secrets: readonly string[], options: Configured['options'] & object): string => {
    try {
      buildFormat({ ...block, secrets, options });
      return 'nothing';
    } catch (error) {
      return error instanceof FormatProblem ? error.at : String(error);
    }
  };
  const long = 'x'.repeat(32);
  t.equal(refusal([long], { mode: 'key' }), 'secrets[0]');
  t.equal(refusal([long, 'short'], {}), 'secrets[1]');
  t.equal(refusal([long], { salt: 'fifteen letters' }), 'verify.fastify-secure-session.salt');
  t.equal(
    refusal([KEY.toString('base64')], { mode: 'key', salt: 'x' }),
    'verify.fastify-secure-session.salt',
  );
  t.end();
});
