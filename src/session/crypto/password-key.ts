// Keys derived from passwords by Argon2id: Node's own where it has it, which takes a second and no time of the event loop; else in JavaScript.
import * as nodeCrypto from 'node:crypto';

export interface PasswordCost {
  readonly passes: number;
  readonly memoryKiB: number;
  readonly keyBytes: number;
}

/** What Node 24.7 and later have; the types that this is built with may be older. */
type Argon2 = (
  algorithm: 'argon2id',
  parameters: {
    message: Uint8Array;
    nonce: Uint8Array;
    parallelism: number;
    tagLength: number;
    memory: number;
    passes: number;
  },
  done: (error: Error | null, key: Buffer) => void,
) => void;

/** Argon2id 1.3 (RFC 9106) in one lane, as libsodium's crypto_pwhash has it. Slow on purpose; to be called once. */
export function passwordKey(password: string, salt: Uint8Array, cost: PasswordCost): Promise<Uint8Array> {
  const message = Buffer.from(password, 'utf8');
  // Because: the function is there in some of the versions of Node that this runs on, and the types know of one version only.
  const { argon2 } = nodeCrypto as { readonly argon2?: Argon2 };
  if (argon2 === undefined) return scriptedKey(message, salt, cost);
  const { passes, memoryKiB: memory, keyBytes: tagLength } = cost;
  return new Promise((resolve, reject) => {
    argon2('argon2id', { message, nonce: salt, parallelism: 1, tagLength, memory, passes }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** The same without Node's help: some seconds, with pauses in which the event loop goes on. */
export async function scriptedKey(
  message: Uint8Array,
  salt: Uint8Array,
  { passes, memoryKiB, keyBytes }: PasswordCost,
): Promise<Uint8Array> {
  const { argon2idAsync } = await import('@noble/hashes/argon2.js');
  return argon2idAsync(message, salt, { t: passes, m: memoryKiB, p: 1, dkLen: keyBytes });
}
