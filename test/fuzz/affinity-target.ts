// Affinity cookies and signed ids: nobody without the secret makes one that is believed, and what is genuine is believed.
import { sign, unsign } from 'cookie-signature';
import { CookieAffinity } from '../../src/affinity/cookie-affinity.ts';
import { AFFINITY } from '../../src/affinity/home-tokens.ts';
import type { CookieOptions } from '../../src/affinity/options.ts';
import { PrefixAffinity } from '../../src/affinity/prefix-affinity.ts';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { verifiedId } from '../../src/session/crypto/signed-id.ts';
import { mutate } from './mutate.ts';
import { SURROUNDINGS, surrounded, trimmed } from './surroundings.ts';
import type { FuzzTarget, Verdict } from './target.ts';

const out = new ByteWriter();

function found(finding: string): Verdict {
  return { finding, kind: 'found' };
}

const WALL_MS = 1_700_000_000_000;
const LIFE_S = 28_800;
const SECRETS = ['the secret that signs now', 'the secret that signed before'];
const UPSTREAMS = ['10.0.0.1:3000', '10.0.0.2:3000', 'blue'];
const OPTIONS: CookieOptions = {
  name: 'limpet',
  secrets: SECRETS,
  maxAgeS: null,
  path: '/',
  domain: null,
  sameSite: 'lax',
  secure: 'auto',
  httpOnly: true,
  partitioned: false,
  mode: 'insert',
  of: 'sid',
  hide: true,
};

/** Tokens by themselves, as `secrets` make them at `wallMs`; one for each of `upstreams`. */
function tokens(
  secrets: readonly string[],
  maxAgeS: number | null,
  pool: string,
  upstreams: string[],
  wallMs: number,
): string[] {
  const affinity = new CookieAffinity({ ...OPTIONS, secrets, maxAgeS }, pool, upstreams, wallMs);
  return upstreams.map((_, position) => {
    const line = new ByteWriter();
    affinity.write(line, position, 0, 0, false);
    return /=(.*)\.[\w-]{11};/.exec(Buffer.from(line.view()).toString('latin1'))![1]!;
  });
}

/** The genuine tokens: what each says under every secret that is accepted, for every time at which it is. */
const GENUINE = new Map<string, number>();
for (const secret of SECRETS) {
  for (const [i, token] of tokens([secret], null, 'shop', UPSTREAMS, WALL_MS).entries())
    GENUINE.set(token, i);
  for (let age = -1; age <= 4; age++) {
    const wallMs = WALL_MS - (age * LIFE_S * 1000) / 4;
    for (const [i, token] of tokens([secret], LIFE_S, 'shop', UPSTREAMS, wallMs).entries())
      GENUINE.set(token, i);
  }
}
/** Genuine once. Where cookies have no end, one with a time is as good as ever. */
const OLD = new Map(
  tokens(SECRETS, LIFE_S, 'shop', UPSTREAMS, WALL_MS - 10 * LIFE_S * 1000).map((token, i) => [token, i]),
);
/** Signed by somebody else, for another pool, or for an upstream that has left. */
const STRANGE = [
  ...tokens(['the secret of somebody else'], null, 'shop', UPSTREAMS, WALL_MS),
  ...tokens(SECRETS, null, 'other', UPSTREAMS, WALL_MS),
  ...tokens(SECRETS, null, 'shop', ['gone'], WALL_MS),
];
const TOKENS = [...GENUINE.keys(), ...OLD.keys(), ...STRANGE];

const plain = new CookieAffinity(OPTIONS, 'shop', UPSTREAMS, WALL_MS);
const timed = new CookieAffinity({ ...OPTIONS, maxAgeS: LIFE_S }, 'shop', UPSTREAMS, WALL_MS);
const prefix = new PrefixAffinity(OPTIONS, 'shop', UPSTREAMS, WALL_MS);
/** Genuine for an affinity with times: 6 characters longer. */
const isTimed = (token: string): boolean => token.indexOf('.') === 26;

/** The token at the start of a text by its shape alone: 20 or 26 characters, a dot, 43 characters. */
function tokenIn(text: string): string {
  if (text.length >= 64 && text[20] === '.') return text.slice(0, 64);
  return text.length >= 70 && text[26] === '.' ? text.slice(0, 70) : '';
}

/**
 * Why a token must not be read as `position`; null when it may. `own`: the kind that this affinity makes itself; `ends`: its
 * tokens do not last.
 */
function wrongWith(token: string, position: number, own: boolean, ends: boolean): string | null {
  const genuine = GENUINE.get(token) ?? (ends ? undefined : OLD.get(token));
  if (genuine !== undefined && own && position !== genuine) return 'a genuine cookie is not believed';
  if (position >= 0 && position !== genuine) return 'a forged cookie is believed';
  if (position === AFFINITY.lost && SECRETS.every((secret) => unsign(token, secret) === false))
    return 'an unsigned cookie counts as signed';
  return null;
}

/** Fills the allowance of signature checks, so that no case depends on those before it. */
function tick(): void {
  for (const wallMs of [WALL_MS, WALL_MS + 1000]) {
    plain.tick(wallMs);
    timed.tick(wallMs);
    prefix.tick(wallMs);
  }
}

function judgeAffinity(bytes: Buffer): Verdict {
  tick();
  const text = bytes.toString('latin1');
  let kind = 'not one of ours';
  for (const around of SURROUNDINGS) {
    const room = surrounded(bytes, around);
    const start = around.length;
    const end = start + bytes.length;
    const nonce = /^\.[\w-]{11}$/.exec(text.slice(tokenIn(text).length));
    for (const affinity of [plain, timed]) {
      const position = affinity.read(room, start, end);
      const token = nonce === null ? '' : tokenIn(text);
      const own = isTimed(token) === (affinity === timed);
      const why = wrongWith(token, position, own, affinity === timed);
      if (why !== null) return found(why);
      if (position >= 0) kind = 'believed';
    }
    const home = prefix.read(room, start, end);
    const mark = tokenIn(text);
    const marked = mark !== '' && text[mark.length] === '~';
    if (prefix.appStart !== start + (marked ? mark.length + 1 : 0)) return found('a mark is cut elsewhere');
    const why = wrongWith(marked ? mark : '', home, !isTimed(mark), false);
    if (why !== null) return found(why);
    if (home >= 0) kind = 'a mark believed';
  }
  const why = wrongWithSignedId(text) ?? wrongWithMark(bytes);
  return why === null ? { finding: null, kind } : found(why);
}

/** Ids signed as express-session signs them. */
function wrongWithSignedId(text: string): string | null {
  const id = verifiedId(text, SECRETS);
  if (id === null) return null;
  return SECRETS.some((secret) => sign(id, secret) === text) ? null : 'a forged signature is believed';
}

/** Whatever an app sets its cookie to, its mark names the home and comes off again. */
function wrongWithMark(bytes: Buffer): string | null {
  const line = Buffer.concat([Buffer.from('sid='), bytes]);
  out.reset();
  const value = trimmed(bytes.toString('latin1').split(';')[0]!);
  const isSet = bytes.toString('latin1').replace(/^[ \t]+/, '')[0];
  const sets = isSet !== undefined && isSet !== ';';
  if (prefix.rewrite(out, line, 0, line.length, 2) !== sets) return 'a cookie that is set is not told';
  if (!sets) return null;
  const text = Buffer.from(out.view()).toString('latin1');
  const marked = Buffer.from(trimmed(text.slice('Set-Cookie: sid='.length, -2).split(';')[0]!), 'latin1');
  if (prefix.read(marked, 0, marked.length) !== 2) return 'a mark is not read again';
  return marked.toString('latin1', prefix.appStart) === value ? null : 'a mark spoils what it marks';
}

const TOKEN_WORDS = ['.', '~', '-', '_', '=', 'A', '+', '/', 'AAAAAAAAAAA', ...TOKENS];

export const affinityTarget: FuzzTarget = {
  name: 'affinity',
  about: 'affinity cookies, marks and signed ids, spoiled and forged',
  messagesInCi: 30_000,
  make: (chance, corpus) => {
    const token = chance.pick(TOKENS);
    const nonce = Array.from({ length: 11 }, () => chance.pick([...'AZaz09-_'])).join('');
    const text = chance.pick([
      `${token}.${nonce}`,
      `${token}~app-value`,
      sign(nonce, chance.pick([...SECRETS, 'the secret of somebody else'])),
    ]);
    const bytes = Buffer.from(text, 'latin1');
    return chance.one(4) ? bytes : mutate(bytes, chance, TOKEN_WORDS, corpus);
  },
  judge: judgeAffinity,
  explanations: [],
};
