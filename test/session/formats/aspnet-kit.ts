// Key rings, protected payloads, tickets and sessions as ASP.NET Core writes them, written again here without the code under test.
import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RingKey {
  readonly id: string;
  readonly master: Buffer;
  readonly bits: 128 | 192 | 256;
  readonly mode: 'CBC' | 'GCM';
  readonly hash: 'sha256' | 'sha512';
}

export function ringKey(seed: string, more: Partial<RingKey> = {}): RingKey {
  const hex = createHash('sha256').update(seed).digest('hex');
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  return {
    id,
    master: createHash('sha512').update(seed).digest(),
    bits: 256,
    mode: 'CBC',
    hash: 'sha256',
    ...more,
  };
}

/** `key-ID.xml`. `secret` stands for the master key where it is encrypted. */
export function writeKey(
  folder: string,
  key: RingKey,
  created = '2026-11-01T00:00:00.1234567Z',
  secret?: string,
) {
  const { id, master, bits, mode, hash } = key;
  const validation = mode === 'GCM' ? '' : `<validation algorithm="HMAC${hash.toUpperCase()}" />`;
  const plain = `<masterKey p4:requiresEncryption="true" xmlns:p4="http://schemas.asp.net/2015/03/dataProtection">
        <!-- Warning: the key below is in an unencrypted form. -->
        <value>${master.toString('base64')}</value>
      </masterKey>`;
  writeFileSync(
    join(folder, `key-${id}.xml`),
    `\ufeff<?xml version="1.0" encoding="utf-8"?>
<key id="${id}" version="1">
  <creationDate>${created}</creationDate>
  <activationDate>${created}</activationDate>
  <expirationDate>2027-02-01T00:00:00Z</expirationDate>
  <descriptor deserializerType="Microsoft.AspNetCore.DataProtection.AuthenticatedEncryption.ConfigurationModel.AuthenticatedEncryptorDescriptorDeserializer, Microsoft.AspNetCore.DataProtection">
    <descriptor>
      <encryption algorithm="AES_${bits}_${mode}" />
      ${validation}
      ${secret ?? plain}
    </descriptor>
  </descriptor>
</key>`,
  );
}

/** A revocation of one key, or with `*` of all that were made before `atIso`. */
export function writeRevocation(folder: string, id: string, atIso: string): void {
  writeFileSync(
    join(folder, `revocation-${id === '*' ? atIso.replaceAll(':', '') : id}.xml`),
    `<?xml version="1.0" encoding="utf-8"?>
<revocation version="1">
  <revocationDate>${atIso}</revocationDate>
  <!-- All keys created before the revocation date are revoked. -->
  <key id="${id}" />
  <reason>a test</reason>
</revocation>`,
  );
}

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

/** Length in sevens of bits, then the bytes: BinaryWriter.Write(string). */
export function netText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  let left = bytes.length;
  for (; left >= 0x80; left >>= 7) length.push((left & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...length, left]), bytes]);
}

const sp800 = (key: Buffer, label: Buffer, context: Buffer, length: number): Buffer =>
  Buffer.concat(
    [1, 2].map((i) =>
      createHmac('sha512', key)
        .update(Buffer.concat([u32(i), label, Buffer.from([0]), context, u32(length * 8)]))
        .digest(),
    ),
  ).subarray(0, length);

function cbc(key: RingKey, secret: Buffer, iv: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(`aes-${key.bits}-cbc`, secret, iv);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

function gcm(key: RingKey, secret: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(`aes-${key.bits}-gcm` as 'aes-256-gcm', secret, nonce);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** IDataProtector.Protect. */
export function protect(plain: Buffer, key: RingKey, purposes: readonly string[]): Buffer {
  const hex = key.id.replaceAll('-', '');
  const guid = Buffer.from(hex, 'hex');
  guid.subarray(0, 4).reverse();
  guid.subarray(4, 6).reverse();
  guid.subarray(6, 8).reverse();
  const head = Buffer.concat([Buffer.from('09f0c9f0', 'hex'), guid]);
  const label = Buffer.concat([head, u32(purposes.length), ...purposes.map(netText)]);
  const modifier = randomBytes(16);
  const size = key.bits / 8;
  const empty = Buffer.alloc(0);
  if (key.mode === 'GCM') {
    const zero = gcm(key, sp800(empty, empty, empty, size), Buffer.alloc(12), empty);
    const header = Buffer.concat([Buffer.from([0, 1]), u32(size, 12, 16, 16), zero]);
    const derived = sp800(key.master, label, Buffer.concat([header, modifier]), size);
    const nonce = randomBytes(12);
    return Buffer.concat([head, modifier, nonce, gcm(key, derived, nonce, plain)]);
  }
  const macSize = key.hash === 'sha256' ? 32 : 64;
  const of = (bytes: Buffer): [Buffer, Buffer] => [bytes.subarray(0, size), bytes.subarray(size)];
  const [noKey, noMac] = of(sp800(empty, empty, empty, size + macSize));
  const header = Buffer.concat([
    Buffer.from([0, 0]),
    u32(size, 16, macSize, macSize),
    cbc(key, noKey, Buffer.alloc(16), empty),
    createHmac(key.hash, noMac).digest(),
  ]);
  const [secret, mac] = of(sp800(key.master, label, Buffer.concat([header, modifier]), size + macSize));
  const iv = randomBytes(16);
  const sealed = Buffer.concat([iv, cbc(key, secret, iv, plain)]);
  return Buffer.concat([head, modifier, sealed, createHmac(key.hash, mac).update(sealed).digest()]);
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** TicketSerializer, format 5, of one identity with these claims and properties; an actor with a claim `name` where given. */
export function ticket(
  claims: Readonly<Record<string, string>>,
  properties: Readonly<Record<string, string>> = {},
  actor: string | null = null,
): Buffer {
  const identity = (all: Readonly<Record<string, string>>, inner: Buffer | null): Buffer =>
    Buffer.concat([
      ...['Cookies', '\0', '\0'].map(netText),
      i32(Object.keys(all).length),
      ...Object.entries(all).flatMap(([type, value]) => [
        ...[type, value, '\0', '\0', '\0'].map(netText),
        i32(1),
        ...['property', 'x'].map(netText),
      ]),
      Buffer.from([0]),
      Buffer.from([inner === null ? 0 : 1]),
      inner ?? Buffer.alloc(0),
    ]);
  const acting = actor === null ? null : identity({ [NAME_ID]: actor }, null);
  return Buffer.concat([
    i32(5),
    netText('Cookies'),
    i32(1),
    identity(claims, acting),
    i32(1),
    i32(Object.keys(properties).length),
    ...Object.entries(properties).flat().map(netText),
  ]);
}

export const NAME_ID = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier';

/** DistributedSession, version 2. */
export function netSession(values: Readonly<Record<string, Buffer | string>>): Buffer {
  const entries = Object.entries(values).flatMap(([name, value]) => {
    const [key, bytes] = [Buffer.from(name), Buffer.from(value as string)];
    return [Buffer.from([key.length >> 8, key.length & 0xff]), key, u32(bytes.length), bytes];
  });
  const count = Object.keys(values).length;
  return Buffer.concat([Buffer.from([2, 0, count >> 8, count & 0xff]), randomBytes(16), ...entries]);
}
