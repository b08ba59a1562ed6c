// Sessions as Rack and Rails write them, written again here without the code under test.
import { createCipheriv, createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** What the kit writes as Marshal: Ruby's strings, whole numbers, floats, lists and hashes; `raw` stands for itself. */
export type Ruby =
  | null
  | boolean
  | number
  | string
  | readonly Ruby[]
  | { readonly [key: string]: Ruby }
  | { readonly raw: Buffer };

export function long(value: number): Buffer {
  if (value === 0) return Buffer.from([0]);
  if (value > 0 && value < 123) return Buffer.from([value + 5]);
  if (value < 0 && value > -124) return Buffer.from([(value - 5) & 0xff]);
  const bytes: number[] = [];
  for (let left = value; left !== 0 && left !== -1; left >>= 8) bytes.push(left & 0xff);
  return Buffer.from([(value < 0 ? -bytes.length : bytes.length) & 0xff, ...bytes]);
}

export function counted(bytes: Buffer | string): Buffer {
  const content = Buffer.from(bytes as string);
  return Buffer.concat([long(content.length), content]);
}

export const symbol = (name: string): Buffer => Buffer.concat([Buffer.from(':'), counted(name)]);

/** A Ruby string without an encoding. */
export const binary = (bytes: Buffer): Ruby => ({ raw: Buffer.concat([Buffer.from('"'), counted(bytes)]) });

/** An object by its class and instance variables. */
export function object(className: string, ivars: Readonly<Record<string, Ruby>>, type = 'o'): Ruby {
  const fields = Object.entries(ivars).flatMap(([name, value]) => [symbol(name), marshalled(value)]);
  const head = [Buffer.from(type), symbol(className), long(Object.keys(ivars).length)];
  return { raw: Buffer.concat([...head, ...fields]) };
}

/** A value without the head of the format. */
export function marshalled(value: Ruby): Buffer {
  if (value === null) return Buffer.from('0');
  if (typeof value === 'boolean') return Buffer.from(value ? 'T' : 'F');
  if (typeof value === 'number')
    return Number.isInteger(value)
      ? Buffer.concat([Buffer.from('i'), long(value)])
      : Buffer.concat([Buffer.from('f'), counted(String(value))]);
  if (typeof value === 'string')
    return Buffer.concat([Buffer.from('I"'), counted(value), long(1), symbol('E'), Buffer.from('T')]);
  if (Array.isArray(value))
    return Buffer.concat([Buffer.from('['), long(value.length), ...value.map(marshalled)]);
  if ('raw' in value && Buffer.isBuffer(value.raw)) return value.raw;
  const pairs = Object.entries(value as { readonly [key: string]: Ruby });
  const inner = pairs.flatMap(([key, one]) => [marshalled(key), marshalled(one)]);
  return Buffer.concat([Buffer.from('{'), long(pairs.length), ...inner]);
}

/** Marshal.dump. */
export function dump(value: Ruby): Buffer {
  return Buffer.concat([Buffer.from([4, 8]), marshalled(value)]);
}

const sha256 = (key: Buffer, ...parts: readonly Buffer[]): Buffer =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest();

export function rackCookieValue(payload: Buffer, secret: string, digest = 'sha1'): string {
  const text = payload.toString('base64');
  return encodeURIComponent(`${text}--${createHmac(digest, secret).update(text).digest('hex')}`);
}

/** rack-session 2; `version` 1 or 2. */
export function rackSessionValue(payload: Buffer, secret: string, version: number, purpose: string): string {
  const key = Buffer.from(secret);
  const head = Buffer.concat([Buffer.from([version]), randomBytes(32)]);
  const plain = Buffer.concat([Buffer.from([3, 0, 9, 9, 9]), payload]);
  const cipherKey = sha256(key.subarray(0, 32), head.subarray(1));
  if (version === 1) {
    const iv = randomBytes(16);
    const cipher = createCipheriv('aes-256-ctr', cipherKey, iv);
    const body = Buffer.concat([head, iv, cipher.update(plain), cipher.final()]);
    return Buffer.concat([body, sha256(key.subarray(32), body, Buffer.from(purpose))]).toString('base64url');
  }
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', cipherKey, iv);
  cipher.setAAD(Buffer.concat([head, Buffer.from(purpose)]));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([head, iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** The envelope of Rails 5.2 and later. */
export function envelope(payload: Buffer, pur: string | null, exp: string | null = null): Buffer {
  return Buffer.from(JSON.stringify({ _rails: { message: payload.toString('base64'), exp, pur } }));
}

const ROUNDS = 1000;

export function railsGcm(plain: Buffer, secret: string, digest = 'sha256'): string {
  const key = pbkdf2Sync(secret, 'authenticated encrypted cookie', ROUNDS, 32, digest);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  const parts = [sealed, iv, cipher.getAuthTag()].map((part) => part.toString('base64'));
  return encodeURIComponent(parts.join('--'));
}

export function railsCbc(plain: Buffer, secret: string, digest = 'sha256'): string {
  const key = pbkdf2Sync(secret, 'encrypted cookie', ROUNDS, 32, digest);
  const mac = pbkdf2Sync(secret, 'signed encrypted cookie', ROUNDS, 64, digest);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64');
  const text = Buffer.from(`${sealed}--${iv.toString('base64')}`).toString('base64');
  return encodeURIComponent(`${text}--${createHmac('sha1', mac).update(text).digest('hex')}`);
}

/** The private id of a session. */
export function privateId(id: string): string {
  return `2::${createHash('sha256').update(id).digest('hex')}`;
}

/** A cache entry of Rails 7.1 and later. */
export function entry71(payload: Buffer, endsAtS: number, type = 1, version = ''): Buffer {
  const head = Buffer.alloc(15);
  head.set([0, 0x11, type]);
  head.writeDoubleLE(endsAtS, 3);
  head.writeInt32LE(version === '' ? -1 : version.length, 11);
  return Buffer.concat([head, Buffer.from(version), payload]);
}
