// Sessions of iron-session 8 and 9: JSON sealed into the cookie by Fe26.2, with passwords known by their ids.
import { createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { type CookieProfile, cookieMap, cookieValue } from '../cookie-profiles.ts';
import { hmac, sameBytes } from '../crypto/macs.ts';
import { asUserId, type Data, lookAt } from '../data.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import type { StoreReader } from '../store.ts';
import { type Finding, genuine, invalid } from '../verdict.ts';
import { CHUNKED_MAX, CREDENTIAL_MAX } from './credential.ts';
import { isBase64url } from './jwt-token.ts';

const options = {
  version: { kind: 'choice', of: ['9', '8'], default: '9', about: 'Major version of iron-session.' },
  ids: {
    kind: 'texts',
    default: [],
    about:
      'Ids of `secrets` in the app’s password map, in the same order. Left out: counted from the last, which is 1.',
  },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const ironSession = formatKind({
  cookie: null,
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about:
    'iron-session: the session is in the cookie, encrypted. `secrets` are its passwords, the newest first.',
  build: (spec) => new IronSession(spec),
});

/** iron-webcrypto 1 and 2, `defaults.minPasswordlength`. */
const PASSWORD_MIN = 32;
/** iron-webcrypto 1 and 2, `defaults.timestampSkewSec`. */
const SKEW_S = 60;
/** iron-session 9 dist/index.js, `MAX_CHUNKS`. */
const CHUNKS_MAX = 4;

/** A seal taken apart; nothing of it is verified. */
interface Seal {
  readonly passwordId: string;
  readonly salt: string;
  readonly iv: Buffer;
  readonly cipher: Buffer;
  /** Milliseconds; null: it never ends. */
  readonly endsAtMs: number | null;
  readonly macSalt: string;
  readonly mac: Buffer;
  /** What the MAC is of. */
  readonly sealed: string;
  /** Version 8 alone: it looks for the session under `persistent`. */
  readonly isOld: boolean;
}

/**
 * dist/index.js of iron-session 8.0 and 9.0, `unsealData`, with iron-webcrypto 1.2 and 2.0, `unseal`. The key is one round of PBKDF2 with a
 * salt that each seal brings, so it is nothing that could be derived beforehand.
 */
class IronSession implements SessionFormat {
  readonly prepare = null;
  readonly steps = [
    'the seal’s MAC is checked with the password that it names',
    'its end has not come',
    'it is decrypted',
  ];
  readonly alsoReads: readonly string[];
  readonly #spec: Spec;
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #profile: CookieProfile;
  readonly #isV8: boolean;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.alsoReads = [`${spec.cookie}.*`];
    this.#passwords = passwordMap(spec);
    this.#isV8 = spec.options.version === '8';
    this.#profile = this.#isV8 ? 'npm-cookie' : 'npm-cookie2';
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    const value = cookieValue(this.#profile, cookies, this.#spec.cookie) ?? '';
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    const text = value === '' && !this.#isV8 ? this.#chunks(cookies) : value;
    if (text === '') return invalid('credential.none');
    if (text.length > CHUNKED_MAX) return invalid('credential.too-long');
    const seal = this.#parse(text);
    if (seal === null) return invalid('credential.malformed');
    const identity = `${seal.isOld ? 'old ' : ''}${seal.sealed}*${seal.macSalt}*${seal.mac.toString('base64url')}`;
    return { identity, check: (_stores: StoreReader, nowS: number) => this.#check(seal, nowS) };
  }

  /** `readSeal` of version 9: the pieces up to the first that is missing. */
  #chunks(cookies: string): string {
    const { cookie } = this.#spec;
    if (!cookies.includes(`${cookie}.0`)) return '';
    const all = cookieMap(this.#profile, cookies);
    let text = '';
    for (let i = 0; i < CHUNKS_MAX; i++) {
      const piece = all.get(`${cookie}.${i}`) ?? '';
      if (piece === '') break;
      text += piece;
    }
    return text;
  }

  #parse(text: string): Seal | null {
    const [seal, version] = text.split('~', 2) as [string, string | undefined]; // a split has a first part
    const parts = seal.split('*', 9);
    if (parts.length !== 8) return null;
    const [prefix, passwordId, salt, iv, cipher, ends, macSalt, mac] = parts as [string, ...string[]];
    // An empty salt makes iron draw one by chance, with which no MAC is right.
    if (prefix !== 'Fe26.2' || salt === '' || macSalt === '') return null;
    if (!isBase64url(iv!) || !isBase64url(cipher!) || !isBase64url(mac!)) return null;
    if (ends !== '' && !(this.#isV8 ? /^\d+$/ : /^[1-9]\d*$/).test(ends!)) return null;
    const bytes = Buffer.from(mac!, 'base64url');
    // Version 8 compares the MAC as text, so that it knows but one spelling of it.
    if (this.#isV8 && bytes.toString('base64url') !== mac) return null;
    return {
      passwordId: passwordId!,
      salt: salt!,
      iv: Buffer.from(iv!, 'base64url'),
      cipher: Buffer.from(cipher!, 'base64url'),
      endsAtMs: ends === '' ? null : Number.parseInt(ends!, 10),
      macSalt: macSalt!,
      mac: bytes,
      sealed: seal.slice(0, seal.length - mac!.length - macSalt!.length - 2),
      isOld: this.#isV8 && (version === undefined || Number.parseInt(version, 10) !== 2),
    };
  }

  #check(seal: Seal, nowS: number): Finding {
    const password = this.#passwords.get(seal.passwordId);
    if (password === undefined) return invalid('token.key');
    if (!sameBytes(hmac('sha256', derive(password, seal.macSalt), seal.sealed), seal.mac))
      return invalid('signature.bad');
    if (seal.endsAtMs !== null && seal.endsAtMs <= nowS * 1000 - SKEW_S * 1000) return invalid('expired');
    const text = decrypted(seal, password);
    if (text === null) return invalid('decrypt.failed');
    const session = sessionIn(text, seal.isOld);
    if (session === undefined) return invalid('credential.malformed');
    const endsAtS = seal.endsAtMs === null ? null : seal.endsAtMs / 1000 + SKEW_S;
    return genuine(asUserId(lookAt(session, this.#spec.user)), session, endsAtS);
  }
}

function passwordMap({ secrets, options: { ids } }: Spec): ReadonlyMap<string, string> {
  if (ids.length > 0 && ids.length !== secrets.length)
    throw new FormatProblem(
      'verify.iron-session.ids',
      `there are ${ids.length} ids and ${secrets.length} secrets`,
      'one id a secret',
    );
  const passwords = new Map<string, string>();
  for (const [index, secret] of secrets.entries()) {
    if (secret.length < PASSWORD_MIN)
      throw new FormatProblem(
        `secrets[${index}]`,
        'iron-session takes no password as short as that',
        `${PASSWORD_MIN} characters or more`,
      );
    const id = ids[index] ?? String(secrets.length - index);
    // Keys of a JavaScript object that are read as numbers: 1 and 2, and never 01.
    if (!/^(0|[1-9]\d{0,8})$/.test(id) || passwords.has(id))
      throw new FormatProblem(
        `verify.iron-session.ids[${index}]`,
        'an id is a number that no other has',
        '2, 1',
      );
    passwords.set(id, secret);
  }
  return passwords;
}

function derive(password: string, salt: string): Buffer {
  return pbkdf2Sync(password, salt, 1, 32, 'sha1');
}

function decrypted({ iv, cipher, salt }: Seal, password: string): string | null {
  if (iv.length !== 16) return null;
  const decipher = createDecipheriv('aes-256-cbc', derive(password, salt), iv);
  try {
    return Buffer.concat([decipher.update(cipher), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

/** What the app finds in it: nothing at all is an empty session. Undefined: no JSON. */
function sessionIn(text: string, isOld: boolean): Data | undefined {
  let data: Data;
  try {
    data = text === '' ? null : (JSON.parse(text) as Data); // JSON holds nothing that Data does not
  } catch {
    return undefined;
  }
  return (isOld ? lookAt(data, ['persistent']) : data) ?? {};
}
