// What holds of gorilla's cookies: pairs of keys, ages, spellings, and what an attacker may try.
import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import t from 'tap';
import { buildFormat, type Configured } from '../../vectors/judge.ts';
import { box, boxed, describedStruct, int, sessionGob } from '../decode/gob-kit.ts';
import { find, identity, NOW_S, spoiled } from './python-kit.ts';

const block: Configured = { verify: 'gorilla', cookie: 'sess', secrets: ['new', 'old'], user: ['user_id'] };
const BLOCK = Buffer.alloc(32, 7);
const encrypting = { ...block, options: { blockKeys: [`base64:${BLOCK.toString('base64')}`, 'none'] } };

const padded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');

/** securecookie.Encode. */
function secured(plain: Buffer, hash: string, atS = NOW_S, blockKey: Buffer | null = null): string {
  let payload = plain;
  if (blockKey !== null) {
    const iv = randomBytes(16);
    const cipher = createCipheriv(`aes-${blockKey.length * 8}-ctr`, blockKey, iv);
    payload = Buffer.concat([iv, cipher.update(plain), cipher.final()]);
  }
  const text = `${atS}|${padded(payload)}|`;
  const mac = createHmac('sha256', hash)
    .update(`sess|${text.slice(0, -1)}`)
    .digest();
  return padded(Buffer.concat([Buffer.from(text), mac]));
}

const session = sessionGob([[box('user_id'), box(64)]]);

t.test('a session signed by any pair names its user and its end', async (t) => {
  for (const key of ['new', 'old'])
    t.match(await find(block, `sess=${secured(session, key)}`), {
      verdict: 'valid',
      user: 64,
      endsAtS: NOW_S + 30 * 86_400,
    });
  t.match(await find(block, `sess=${secured(session, 'other')}`), { reason: 'signature.bad' });
});

t.test('encrypted sessions are read by the block key of the same pair', async (t) => {
  t.match(await find(encrypting, `sess=${secured(session, 'new', NOW_S, BLOCK)}`), { user: 64 });
  t.match(await find(encrypting, `sess=${secured(session, 'old')}`), { user: 64 });
  t.match(await find(encrypting, `sess=${secured(session, 'old', NOW_S, BLOCK)}`), {
    reason: 'decrypt.failed',
  });
  t.match(await find(encrypting, `sess=${secured(session, 'new')}`), { reason: 'decrypt.failed' });
});

t.test('JSON is read where the codecs write it, and not else', async (t) => {
  const json = secured(Buffer.from('{"user_id":"joe"}'), 'new');
  const reading = { ...block, options: { serializer: 'json' } };
  t.match(await find(reading, `sess=${json}`), { verdict: 'valid', user: 'joe' });
  t.match(await find(block, `sess=${json}`), { verdict: 'invalid' });
});

t.test('a user in a struct is found by the names of its fields', async (t) => {
  const user = boxed('main.User', 66, Buffer.concat([Buffer.from([1]), int(5), Buffer.from([0])]), true);
  const gob = sessionGob([[box('user'), user]], [describedStruct(66, [['ID', 2]])]);
  t.match(await find({ ...block, user: ['user', 'ID'] }, `sess=${secured(gob, 'new')}`), { user: 5 });
  t.match(await find({ ...block, user: ['user', 'Name'] }, `sess=${secured(gob, 'new')}`), {
    verdict: 'anonymous',
  });
});

t.test('a session ends after MaxAge, to the second, and never where that is 0', async (t) => {
  const cookie = `sess=${secured(session, 'new')}`;
  const short = { ...block, options: { maxAge: 60 } };
  t.equal((await find(short, cookie, undefined, NOW_S + 60)).verdict, 'valid');
  t.match(await find(short, cookie, undefined, NOW_S + 61), { verdict: 'invalid', reason: 'expired' });
  for (const maxAge of [0, null])
    t.match(await find({ ...block, options: { maxAge } }, cookie, undefined, NOW_S * 2), {
      verdict: 'valid',
      endsAtS: null,
    });
});

t.test('spellings of one cookie are one session', (t) => {
  const good = secured(session, 'new');
  t.equal(identity(block, `sess=${good}`), identity(block, `sess="${good}"`));
  t.not(identity(block, `sess=${good}`), identity(block, `sess=${secured(session, 'old')}`));
  t.end();
});

t.test('no spoiled cookie is valid, and none throws', async (t) => {
  for (const [configured, good] of [
    [block, secured(session, 'new')],
    [encrypting, secured(session, 'new', NOW_S, BLOCK)],
  ] as const) {
    const same = identity(configured, `sess=${good}`);
    for (const bad of spoiled(good)) {
      // Bits of base64 that nobody reads make no other session.
      if (identity(configured, `sess=${bad}`) === same) continue;
      t.equal((await find(configured, `sess=${bad}`)).verdict, 'invalid', bad.slice(0, 80));
    }
  }
  t.equal((await find(block, `sess=${'a'.repeat(8193)}`)).reason, 'credential.too-long');
});

t.test('block keys of the wrong size or number are problems', (t) => {
  const build = (blockKeys: string[]) => () => buildFormat({ ...block, options: { blockKeys } });
  t.throws(build(['none', 'hex:0102']), { name: 'FormatProblem', at: 'verify.gorilla.blockKeys[1]' });
  t.throws(build(['a'.repeat(16)]), { name: 'FormatProblem', at: 'verify.gorilla.blockKeys' });
  t.end();
});
