// What holds of iron-session’s seals: passwords by their ids, ends, the marker of the two versions, pieces, and what an attacker may try.
import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import t from 'tap';
import { FormatProblem } from '../../../src/session/format.ts';
import { buildFormat, type Configured } from '../../vectors/judge.ts';
import { find, identity, NOW_S, spoiled } from './python-kit.ts';
import { told } from './token-kit.ts';

const NEW = 'the new password of 32 characters and more';
const OLD = 'the old password of 32 characters and more';
const block: Configured = { verify: 'iron-session', cookie: 's', secrets: [NEW, OLD], user: ['user', 'id'] };
const eight: Configured = { ...block, options: { version: '8' } };
const SESSION = '{"user":{"id":7}}';

interface SealParts {
  readonly id?: string;
  readonly ends?: string;
  readonly text?: string;
  readonly marker?: string;
}

function seal(
  password = NEW,
  { id = '2', ends = String((NOW_S + 60) * 1000), text = SESSION, marker = '~2' }: SealParts = {},
): string {
  const key = (salt: string): Buffer => pbkdf2Sync(password, salt, 1, 32, 'sha1');
  const [salt, macSalt] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', key(salt), iv);
  const body = Buffer.concat([cipher.update(text), cipher.final()]).toString('base64url');
  const sealed = `Fe26.2*${id}*${salt}*${iv.toString('base64url')}*${body}*${ends}`;
  return `${sealed}*${macSalt}*${createHmac('sha256', key(macSalt)).update(sealed).digest('base64url')}${marker}`;
}

const verdict = async (configured: Configured, cookies: string, nowS = NOW_S): Promise<string> =>
  told(await find(configured, cookies, undefined, nowS));

t.test('a seal names its user and its end', async (t) => {
  t.match(await find(block, `s=${seal()}`), { verdict: 'valid', user: 7, endsAtS: NOW_S + 120 });
  t.match(await find(block, `s=${seal(NEW, { ends: '' })}`), { verdict: 'valid', endsAtS: null });
  t.equal(await verdict(block, `s=${seal(NEW, { text: '{"cart":1}' })}`), 'anonymous user.none');
  for (const text of ['', 'null', '7', '[]'])
    t.equal(await verdict(block, `s=${seal(NEW, { text })}`), 'anonymous user.none', text);
  t.equal(await verdict(block, `s=${seal(NEW, { text: '{' })}`), 'invalid credential.malformed');
});

t.test('a seal is good for a minute after its end, and no longer', async (t) => {
  const cookie = `s=${seal()}`;
  t.equal(await verdict(block, cookie, NOW_S + 119.9), 'valid number 7');
  t.equal(await verdict(block, cookie, NOW_S + 120), 'invalid expired');
});

t.test('passwords are known by their ids, which count from the last unless they are given', async (t) => {
  t.equal(await verdict(block, `s=${seal(OLD, { id: '1' })}`), 'valid number 7');
  t.equal(await verdict(block, `s=${seal(OLD, { id: '2' })}`), 'invalid signature.bad');
  for (const id of ['3', '', '0', '__proto__', '02'])
    t.equal(await verdict(block, `s=${seal(NEW, { id })}`), 'invalid token.key', id);
  const numbered = { ...block, options: { ids: ['20', '7'] } };
  t.equal(await verdict(numbered, `s=${seal(OLD, { id: '7' })}`), 'valid number 7');
  t.equal(await verdict(numbered, `s=${seal(OLD, { id: '1' })}`), 'invalid token.key');
});

t.test('the marker behind the seal means something to version 8 only', async (t) => {
  const persistent = JSON.stringify({ persistent: { user: { id: 'p' } }, user: { id: 7 } });
  for (const marker of ['', '~', '~1', '~x']) {
    t.equal(await verdict(block, `s=${seal(NEW, { marker, text: persistent })}`), 'valid number 7', marker);
    t.equal(await verdict(eight, `s=${seal(NEW, { marker, text: persistent })}`), 'valid string p', marker);
    t.equal(await verdict(eight, `s=${seal(NEW, { marker })}`), 'anonymous user.none', marker);
  }
  t.equal(await verdict(eight, `s=${seal(NEW, { text: persistent })}`), 'valid number 7');
  const text = seal();
  t.not(
    identity(eight, `s=${text}`),
    identity(eight, `s=${text.slice(0, -2)}`),
    'two verdicts, two identities',
  );
  t.equal(identity(block, `s=${text}`), identity(block, `s=${text.slice(0, -2)}`));
});

t.test('version 9 reads a seal in pieces, up to the first that is missing', async (t) => {
  const text = seal(NEW, { text: JSON.stringify({ user: { id: 7 }, fill: 'x'.repeat(9000) }) });
  const pieces = [0, 1, 2, 3].map((i) => `s.${i}=${text.slice(i * 3500, (i + 1) * 3500)}`);
  t.equal(await verdict(block, pieces.join('; ')), 'valid number 7');
  t.equal(await verdict(block, pieces.reverse().join('; ')), 'valid number 7', 'in any order');
  t.match(await verdict(block, pieces.filter((piece) => !piece.startsWith('s.1')).join('; ')), /^invalid/);
  t.equal(await verdict(eight, pieces.join('; ')), 'invalid credential.none');
  const beyond = [0, 1, 2, 3, 4].map(
    (i) => `s.${i}=${seal().slice(i * 60, i === 4 ? undefined : (i + 1) * 60)}`,
  );
  t.match(await verdict(block, beyond.join('; ')), /^invalid/, 'a fifth piece is not read');
  t.equal(await verdict(block, `s=${'*'.repeat(8193)}`), 'invalid credential.too-long');
});

t.test('no spoiled seal is valid, and none throws', async (t) => {
  for (const configured of [block, eight]) {
    const good = seal();
    const own = identity(configured, `s=${good}`);
    for (const bad of [
      ...spoiled(good),
      'Fe26.2*******',
      '*'.repeat(8192),
      '~',
      good.replace(/\*[0-9a-f]{64}\*/, '**'),
    ]) {
      if (identity(configured, `s=${bad}`) === own) continue;
      // Version 8 finds nobody in a seal whose marker was changed: the app does too.
      t.not((await find(configured, `s=${bad}`)).verdict, 'valid', bad.slice(-60));
    }
  }
});

t.test('what contradicts itself is told at its key', (t) => {
  const refusal = (change: Partial<Configured>): string => {
    try {
      buildFormat({ ...block, ...change });
      return 'nothing';
    } catch (error) {
      return error instanceof FormatProblem ? error.at : String(error);
    }
  };
  t.equal(refusal({ secrets: [NEW, 'too short'] }), 'secrets[1]');
  t.equal(refusal({ options: { ids: ['1'] } }), 'verify.iron-session.ids');
  t.equal(refusal({ options: { ids: ['1', '1'] } }), 'verify.iron-session.ids[1]');
  t.equal(refusal({ options: { ids: ['01', '1'] } }), 'verify.iron-session.ids[0]');
  t.end();
});
