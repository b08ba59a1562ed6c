// ASP.NET Core's Data Protection: payloads opened with the master keys of a key ring.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { hmac, sameBytes } from './macs.ts';

/** One key of a ring whose master key can be read. */
export interface MasterKey {
  /** GUID in lower case. */
  readonly id: string;
  readonly master: Buffer;
  readonly cipher:
    | 'aes-128-cbc'
    | 'aes-192-cbc'
    | 'aes-256-cbc'
    | 'aes-128-gcm'
    | 'aes-192-gcm'
    | 'aes-256-gcm';
  /** Hash of the HMAC beside CBC. */
  readonly digest: 'sha256' | 'sha512';
  readonly revoked: boolean;
  /** `contextHeader` of cipher and digest. */
  readonly header: Buffer;
}

type Algorithms = Pick<MasterKey, 'cipher' | 'digest'>;

const MAGIC = 0x09f0c9f0;
const HEAD_BYTES = 20;
const MODIFIER_BYTES = 16;
const EMPTY = Buffer.alloc(0);

/** The id of the key that protected `payload`, or null when it is none of Data Protection's (KeyRingBasedDataProtector.cs). */
export function protectingKey(payload: Buffer): string | null {
  if (payload.length < HEAD_BYTES + MODIFIER_BYTES || payload.readUInt32BE(0) !== MAGIC) return null;
  const at = (start: number, end: number): string => payload.toString('hex', start, end);
  const turned = (start: number, end: number): string =>
    Buffer.from(payload.subarray(start, end)).reverse().toString('hex');
  // A GUID's first three parts are little-endian in bytes.
  return [turned(4, 8), turned(8, 10), turned(10, 12), at(12, 14), at(14, 20)].join('-');
}

/**
 * The plain text, or null when the payload is not of this key and these purposes (`purposesOf`). Managed- and CngAuthenticatedEncryptor.cs, AesGcm-
 * AuthenticatedEncryptor.cs: keys for each payload by SP 800-108 in counter mode over HMAC-SHA512.
 */
export function unprotect(payload: Buffer, key: MasterKey, purposes: Buffer): Buffer | null {
  const label = Buffer.concat([payload.subarray(0, HEAD_BYTES), purposes]);
  const body = payload.subarray(HEAD_BYTES + MODIFIER_BYTES);
  const context = Buffer.concat([key.header, payload.subarray(HEAD_BYTES, HEAD_BYTES + MODIFIER_BYTES)]);
  const keyBytes = Number(key.cipher.slice(4, 7)) / 8;
  const macBytes = isGcm(key) ? 0 : key.digest === 'sha256' ? 32 : 64;
  const derived = deriveBytes(key.master, label, context, keyBytes + macBytes);
  const encryption = derived.subarray(0, keyBytes);
  return isGcm(key)
    ? openGcm(key, encryption, body)
    : openCbc(key, encryption, derived.subarray(keyBytes), body);
}

/** What payloads are for, in bytes: the number of purposes, then each with its length in sevens of bits. */
export function purposesOf(purposes: readonly string[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(purposes.length);
  const parts = purposes.flatMap((purpose) => {
    const text = Buffer.from(purpose, 'utf8');
    const length: number[] = [];
    let left = text.length;
    for (; left >= 0x80; left >>= 7) length.push((left & 0x7f) | 0x80);
    return [Buffer.from([...length, left]), text];
  });
  return Buffer.concat([count, ...parts]);
}

function isGcm({ cipher }: Algorithms): boolean {
  return cipher.endsWith('gcm');
}

/** SP 800-108 section 5.1 with HMAC-SHA512. */
function deriveBytes(key: Uint8Array, label: Uint8Array, context: Uint8Array, length: number): Buffer {
  const bits = Buffer.alloc(4);
  bits.writeUInt32BE(length * 8);
  const blocks: Buffer[] = [];
  for (let i = 1; blocks.length * 64 < length; i++) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(i);
    blocks.push(hmac('sha512', key, Buffer.concat([counter, label, Buffer.from([0]), context, bits])));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** What ties derived keys to their algorithms: sizes, and both of them run over nothing with keys out of an empty one. */
export function contextHeader(key: Algorithms): Buffer {
  const keyBytes = Number(key.cipher.slice(4, 7)) / 8;
  if (isGcm(key)) {
    const derived = deriveBytes(EMPTY, EMPTY, EMPTY, keyBytes);
    // The type of the name follows from isGcm, which the compiler cannot see.
    const cipher = createCipheriv(key.cipher as 'aes-256-gcm', derived, Buffer.alloc(12), {
      authTagLength: 16,
    });
    cipher.final();
    return Buffer.concat([sizes(1, [keyBytes, 12, 16, 16]), cipher.getAuthTag()]);
  }
  const macBytes = key.digest === 'sha256' ? 32 : 64;
  const derived = deriveBytes(EMPTY, EMPTY, EMPTY, keyBytes + macBytes);
  const block = createCipheriv(key.cipher, derived.subarray(0, keyBytes), Buffer.alloc(16)).final();
  const mac = hmac(key.digest, derived.subarray(keyBytes), EMPTY);
  return Buffer.concat([sizes(0, [keyBytes, 16, macBytes, macBytes]), block, mac]);
}

function sizes(kind: number, numbers: readonly number[]): Buffer {
  const buffer = Buffer.alloc(2 + 4 * numbers.length);
  buffer.writeUInt16BE(kind);
  numbers.forEach((number, i) => {
    buffer.writeUInt32BE(number, 2 + 4 * i);
  });
  return buffer;
}

function openCbc(key: MasterKey, encryption: Buffer, validation: Buffer, body: Buffer): Buffer | null {
  const macBytes = validation.length;
  if (body.length < 32 + macBytes) return null;
  const sealed = body.subarray(0, body.length - macBytes);
  if (!sameBytes(hmac(key.digest, validation, sealed), body.subarray(sealed.length))) return null;
  return finish(createDecipheriv(key.cipher, encryption, sealed.subarray(0, 16)), sealed.subarray(16));
}

function openGcm(key: MasterKey, encryption: Buffer, body: Buffer): Buffer | null {
  if (body.length < 28) return null;
  // As above.
  const name = key.cipher as 'aes-256-gcm';
  const decipher = createDecipheriv(name, encryption, body.subarray(0, 12), { authTagLength: 16 });
  decipher.setAuthTag(body.subarray(body.length - 16));
  return finish(decipher, body.subarray(12, body.length - 16));
}

function finish(decipher: { update(bytes: Buffer): Buffer; final(): Buffer }, sealed: Buffer): Buffer | null {
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    return null;
  }
}
