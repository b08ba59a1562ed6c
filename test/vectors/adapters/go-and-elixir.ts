// The vectors of gorilla, scs and Phoenix as session blocks.
import type { Configured, Vector } from '../judge.ts';

interface GorillaPair {
  readonly hash: string;
  readonly block: string | null;
}

export function gorilla({ config }: Vector): Configured {
  const pairs = config.keyPairs as GorillaPair[];
  return {
    verify: 'gorilla',
    cookie: config.cookieName,
    secrets: pairs.map(({ hash }) => `base64:${hash}`),
    user: config.userIdKeys,
    options: {
      blockKeys: pairs.some(({ block }) => block !== null)
        ? pairs.map(({ block }) => (block === null ? 'none' : `base64:${block}`))
        : [],
      serializer: config.serializer,
      maxAge: config.maxAge,
    },
  };
}

export function scs({ config }: Vector): Configured {
  return {
    verify: 'scs',
    cookie: config.cookieName,
    user: config.userIdKeys,
    store: 'redis',
    prefix: config.keyPrefix,
    options: { hashToken: config.hashToken },
  };
}

interface Salts {
  readonly signingSalt: string;
  readonly encryptionSalt: string | null;
}

export function phoenix({ config, secrets }: Vector): Configured {
  const rotating = (config.rotating ?? []) as Salts[];
  return {
    verify: 'phoenix',
    cookie: config.cookieName,
    secrets,
    user: config.userIdKeys,
    options: {
      signingSalt: config.signingSalt,
      encryptionSalt: config.encryptionSalt,
      oldSigningSalts: rotating.map(({ signingSalt }) => signingSalt),
      oldEncryptionSalts: rotating.map(({ encryptionSalt }) => encryptionSalt ?? 'none'),
      iterations: config.kdf.iterations,
    },
  };
}
