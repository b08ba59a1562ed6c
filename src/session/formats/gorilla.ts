// gorilla/sessions with the cookie store: a gob or JSON, signed and perhaps encrypted by gorilla/securecookie.
import { createDecipheriv } from 'node:crypto';
import { cookieValues } from '../cookie-profiles.ts';
import { keyBytes } from '../crypto/keys.ts';
import { hmac, sameBytes } from '../crypto/macs.ts';
import { asUserId, type Data, lookAt, parseJson } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { decodeGob } from '../decode/gob.ts';
import {
  type CredentialSource,
  FormatProblem,
  type FormatSpec,
  formatKind,
  type Pending,
  type SessionFormat,
} from '../format.ts';
import type { OptionValues } from '../format-options.ts';
import { type Finding, genuine, invalid, type Reason } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';

const options = {
  blockKeys: {
    kind: 'secrets',
    about:
      'Block keys of the key pairs, in the order of `secrets`, which are the hash keys; `none` for a pair without one. Left out: signed only.',
  },
  serializer: { kind: 'choice', of: ['gob', 'json'], default: 'gob', about: 'Serializer of the codecs.' },
  maxAge: { kind: 'seconds', default: 30 * 86_400, about: 'MaxAge of the codecs; 0: no bound.' },
} as const;

type Spec = FormatSpec<OptionValues<typeof options>>;

export const gorilla = formatKind({
  cookie: null,
  user: null,
  secrets: 'needed',
  stores: [],
  storeless: true,
  options,
  about: 'gorilla/sessions with CookieStore (gorilla/securecookie).',
  build: (spec) => new Gorilla(spec),
});

interface KeyPair {
  readonly hash: Buffer;
  readonly block: Buffer | null;
}

/** `TIME|PAYLOAD|MAC` in bytes. */
interface Parts {
  /** Time and payload as they are written: what the MAC is over, behind the cookie's name. */
  readonly text: string;
  readonly payload: string;
  readonly timeS: number;
  readonly mac: Buffer;
}

/** securecookie.go of gorilla/securecookie 1.1.1, `Decode`; sessions store.go of gorilla/sessions 1.2.1: each pair of keys in turn. */
class Gorilla implements SessionFormat {
  readonly prepare = null;
  readonly steps: readonly string[];
  readonly #spec: Spec;
  readonly #pairs: readonly KeyPair[];

  constructor(spec: Spec) {
    const { blockKeys } = spec.options;
    const blocks = blockKeys.map((key) => (key === 'none' ? null : keyBytes(key)));
    const wrong = blocks.findIndex((block) => block !== null && ![16, 24, 32].includes(block.length));
    if (wrong >= 0)
      throw new FormatProblem(
        `verify.gorilla.blockKeys[${wrong}]`,
        'a block key has 16, 24 or 32 bytes',
        'base64: and the bytes in base64',
      );
    if (blocks.length > 0 && blocks.length !== spec.secrets.length)
      throw new FormatProblem(
        'verify.gorilla.blockKeys',
        'each block key belongs to a hash key, and these are not as many',
        'as many as `secrets`; `none` for a pair without a block key',
      );
    this.#spec = spec;
    this.#pairs = spec.secrets.map((secret, i) => ({ hash: keyBytes(secret), block: blocks[i] ?? null }));
    this.steps = ['the cookie’s signature and age are checked', 'the session is read from the cookie'];
  }

  read({ cookies }: CredentialSource): Pending | Finding {
    // Go takes the first of the name that is valid as a cookie at all.
    const value = cookieValues('go', cookies, this.#spec.cookie)[0];
    if (value === undefined || value === '') return invalid('credential.none');
    if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
    if (!/^[A-Za-z0-9_-]*={0,2}$/.test(value) || value.length % 4 !== 0)
      return invalid('credential.malformed');
    const bytes = Buffer.from(value, 'base64url');
    const parts = split(bytes);
    if (parts === null) return invalid('credential.malformed');
    return { identity: bytes.toString('latin1'), check: (_stores, nowS) => this.#check(parts, nowS) };
  }

  #check(parts: Parts, nowS: number): Finding {
    const { cookie, options, user } = this.#spec;
    let reason: Reason = 'signature.bad';
    for (const { hash, block } of this.#pairs) {
      if (!sameBytes(hmac('sha256', hash, Buffer.from(`${cookie}|${parts.text}`, 'latin1')), parts.mac))
        continue;
      // 0 is securecookie's own word for no bound.
      const endsAtS = options.maxAge === null || options.maxAge === 0 ? null : parts.timeS + options.maxAge;
      if (endsAtS !== null && endsAtS < Math.floor(nowS)) return invalid('expired');
      const session = this.#session(parts.payload, block);
      if (session !== undefined)
        return genuine(asUserId(lookAt(session, user)), session, endsAtS, parts.timeS);
      reason = 'decrypt.failed';
    }
    return invalid(reason);
  }

  /** Undefined: another block key, or another serializer. */
  #session(payload: string, block: Buffer | null): Data | undefined {
    let bytes = Buffer.from(payload, 'base64url');
    if (block !== null) {
      if (bytes.length < 16) return undefined;
      const name = `aes-${block.length * 8}-ctr`;
      const decipher = createDecipheriv(name, block, bytes.subarray(0, 16));
      bytes = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]);
    }
    if (this.#spec.options.serializer === 'json') return parseJson(bytes.toString('utf8'));
    try {
      const session = decodeGob(bytes);
      return session instanceof Map ? session : undefined;
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }
}

/** The MAC may hold `|` itself: only the first two separate. */
function split(bytes: Buffer): Parts | null {
  const first = bytes.indexOf(0x7c);
  const second = first < 0 ? -1 : bytes.indexOf(0x7c, first + 1);
  if (second < 0) return null;
  const time = bytes.toString('latin1', 0, first);
  if (!/^\d{1,12}$/.test(time)) return null;
  return {
    text: bytes.toString('latin1', 0, second),
    payload: bytes.toString('latin1', first + 1, second),
    timeS: Number(time),
    mac: bytes.subarray(second + 1),
  };
}
