// What may be configured about the cookies of Rails, and what follows from the version whose defaults an app loads.
import { type RailsKeys, RailsMessages } from '../crypto/rails-messages.ts';
import { FormatProblem } from '../format.ts';
import type { OptionValues } from '../format-options.ts';

export const RAILS_COOKIE_OPTIONS = {
  loadDefaults: {
    kind: 'text',
    default: '7.0',
    about:
      'The version in `config.load_defaults`: before 7.0, keys are derived with SHA-1, else with SHA-256.',
  },
  digest: {
    kind: 'choice',
    of: ['by-defaults', 'sha1', 'sha256', 'either'],
    default: 'by-defaults',
    about: '`key_generator_hash_digest_class`, if the app sets it; `either` while cookies are rotated.',
  },
  serializer: {
    kind: 'choice',
    of: ['hybrid', 'json', 'marshal'],
    default: 'hybrid',
    about: '`cookies_serializer`; `hybrid` reads both JSON and Marshal.',
  },
  iterations: {
    kind: 'count',
    default: 1000,
    min: 1,
    max: 100_000,
    about: 'Rounds of the key’s derivation; Rails has 1000.',
  },
  cookiesDigest: {
    kind: 'choice',
    of: ['sha1', 'sha256', 'sha384', 'sha512'],
    default: 'sha1',
    about: '`cookies_digest`: the signature of cookies in AES-256-CBC.',
  },
  authenticatedEncryptedCookieSalt: {
    kind: 'text',
    default: 'authenticated encrypted cookie',
    about: 'Salt of the key of AES-256-GCM.',
  },
  encryptedCookieSalt: {
    kind: 'text',
    default: 'encrypted cookie',
    about: 'Salt of the key of AES-256-CBC.',
  },
  encryptedSignedCookieSalt: {
    kind: 'text',
    default: 'signed encrypted cookie',
    about: 'Salt of the signature’s key of AES-256-CBC.',
  },
} as const;

type Options = OptionValues<typeof RAILS_COOKIE_OPTIONS>;

/** What opens an app's encrypted cookies. Derives keys, so it is done once. Throws FormatProblem. */
export function railsMessages(secrets: readonly string[], options: Options): RailsMessages {
  const keys: RailsKeys = {
    digests: digestsOf(options),
    iterations: options.iterations,
    macDigest: options.cookiesDigest,
    salts: {
      gcm: options.authenticatedEncryptedCookieSalt,
      cbc: options.encryptedCookieSalt,
      mac: options.encryptedSignedCookieSalt,
    },
  };
  return new RailsMessages(secrets, keys);
}

function digestsOf(options: Options): readonly string[] {
  const { digest } = options;
  if (digest === 'either') return ['sha256', 'sha1'];
  if (digest !== 'by-defaults') return [digest];
  const version = /^([1-9]\d?)\.\d{1,2}$/.exec(options.loadDefaults);
  if (version === null)
    throw new FormatProblem(
      'loadDefaults',
      'this is no version of Rails',
      'the version in `config.load_defaults`, such as "7.1"',
    );
  return [Number(version[1]) >= 7 ? 'sha256' : 'sha1'];
}
