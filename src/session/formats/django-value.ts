// What Django's stores hold, made the session's data: cached values by their serializer and compressor, signed texts by theirs.
import { Buffer } from 'node:buffer';
import { type DjangoHash, DjangoSigner, LegacyDjangoSigner } from '../crypto/django-signing.ts';
import { type Data, parseJson } from '../data.ts';
import { DecodeError } from '../decode/decode-error.ts';
import { inflate } from '../decode/inflate.ts';
import { decodeMsgpack } from '../decode/msgpack.ts';
import { decodePickle } from '../decode/pickle.ts';
import { pythonBase64 } from '../decode/python-base64.ts';
import type { StoredValue, StoreFamily } from '../store.ts';

export type Compressor = 'none' | 'zlib' | 'gzip' | 'zstd';
export type CacheSerializer = 'pickle' | 'json' | 'msgpack';
export type TextSerializer = 'json' | 'pickle';

/** Flags of pymemcache's and pylibmc's values: pickled, deflated. */
const PICKLED = 1;
const DEFLATED = 8;

/** django_redis/client/default.py of django-redis 5.2.0, `decode`; django/core/cache/backends/redis.py; pymemcache/serde.py of 3.5.2. */
export class CachedValue {
  readonly #serializer: CacheSerializer;
  readonly #compressor: Compressor;
  readonly #flagged: boolean;

  constructor(serializer: CacheSerializer, compressor: Compressor, family: StoreFamily) {
    this.#serializer = serializer;
    this.#compressor = compressor;
    this.#flagged = family === 'memcached';
  }

  /** The session, a dict. Throws DecodeError. */
  decode(stored: StoredValue): Data {
    const bytes = this.#plain(stored);
    if (this.#flagged && stored.flags & PICKLED) return dict(decodePickle(bytes));
    if (this.#serializer === 'pickle') return dict(decodePickle(bytes));
    if (this.#serializer === 'msgpack') return dict(decodeMsgpack(bytes));
    return dict(parseJson(Buffer.from(bytes).toString('utf8')));
  }

  #plain(stored: StoredValue): Uint8Array {
    if (this.#flagged && stored.flags & DEFLATED) return inflate('zlib', stored.bytes);
    if (this.#compressor === 'none') return stored.bytes;
    try {
      return inflate(this.#compressor, stored.bytes);
    } catch (error) {
      // Short values are stored as they are: what cannot be inflated is taken as plain.
      if (error instanceof DecodeError) return stored.bytes;
      throw error;
    }
  }
}

/** A session out of a signed text. */
export interface SignedSession {
  readonly data: Data;
  /** When it was signed, unix seconds; null: texts of before 3.1 do not tell. */
  readonly signedAtS: number | null;
}

/** Why a signed text is none. `payload`: genuine, but not what the serializer writes. */
export type TextProblem = 'signature.bad' | 'credential.malformed' | 'payload';

/** django/contrib/sessions/backends/base.py of 3.2 and 4.2, `decode` and `_legacy_decode`; django/core/signing.py, `loads`. */
export class SignedText {
  readonly #signer: DjangoSigner;
  /** Null: texts of before 3.1 are not read. */
  readonly #legacy: LegacyDjangoSigner | null;
  readonly #serializer: TextSerializer;

  constructor(
    secrets: readonly string[],
    salt: string,
    legacySalt: string | null,
    hash: DjangoHash,
    serializer: TextSerializer,
  ) {
    this.#signer = new DjangoSigner(secrets, salt, hash);
    this.#legacy =
      hash === 'sha256' || legacySalt === null ? null : new LegacyDjangoSigner(secrets, legacySalt);
    this.#serializer = serializer;
  }

  /** The session. `text`: one character a byte. */
  open(text: string): SignedSession | TextProblem {
    const signed = this.#signer.unsign(text);
    const old = typeof signed === 'string' ? (this.#legacy?.unsign(text) ?? null) : null;
    if (typeof signed === 'string' && old === null) return signed;
    try {
      if (typeof signed === 'string') return { data: decodeText(this.#serializer, old!), signedAtS: null };
      return { data: this.#payload(signed.value), signedAtS: signed.signedAtS };
    } catch (error) {
      if (error instanceof DecodeError) return 'payload';
      throw error;
    }
  }

  #payload(value: string): Data {
    const packed = value.startsWith('.');
    const bytes = pythonBase64(packed ? value.slice(1) : value);
    if (bytes === null) throw new DecodeError('a session that is not base64');
    return decodeText(this.#serializer, packed ? inflate('zlib', bytes) : bytes);
  }
}

/** The serializers of sessions: JSON is text of latin1 there, which is ASCII unless an app's own encoder made it. Throws DecodeError. */
export function decodeText(serializer: TextSerializer, bytes: Uint8Array): Data {
  return dict(
    serializer === 'pickle' ? decodePickle(bytes) : parseJson(Buffer.from(bytes).toString('latin1')),
  );
}

function dict(value: Data | undefined): Data {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new DecodeError('a session that is no dict');
  return value;
}
