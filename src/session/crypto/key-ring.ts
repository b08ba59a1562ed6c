// The folder in which ASP.NET Core keeps its key ring, as PersistKeysToFileSystem writes it; read again when a key is missing.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FormatProblem } from '../format.ts';
import { contextHeader, type MasterKey } from './data-protection.ts';

/** A ring is read again at most this often: an unknown key id is anybody's to send. */
const AGAIN_MS = 30_000;
/** Keys roll every 90 days; nobody keeps more. */
const FILES_MAX = 1000;
const FILE_BYTES_MAX = 64 * 1024;

/** The keys that can be read without decrypting the ring itself. One session block's. */
export class KeyRing {
  readonly #folder: string;
  readonly #nowMs: () => number;
  #keys: ReadonlyMap<string, MasterKey>;
  #readAtMs: number;

  /** Reads the folder. Throws FormatProblem at `at` where it cannot, or holds no key that can be used. */
  constructor(folder: string, at: string, nowMs: () => number = () => performance.now()) {
    this.#folder = folder;
    this.#nowMs = nowMs;
    this.#readAtMs = nowMs();
    try {
      this.#keys = readRing(folder);
    } catch {
      throw new FormatProblem(
        at,
        'the folder of the key ring cannot be read',
        'the folder with the key-….xml files',
      );
    }
    if (this.#keys.size === 0)
      throw new FormatProblem(
        at,
        'the key ring holds no key that can be read: they may be encrypted (DPAPI, a certificate, a key vault)',
        'a ring with <masterKey> in plain text',
      );
  }

  /** The key, or null. One that is not known may have been made since the ring was read. */
  find(id: string): MasterKey | null {
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    if (this.#nowMs() - this.#readAtMs < AGAIN_MS) return null;
    this.#readAtMs = this.#nowMs();
    try {
      this.#keys = readRing(this.#folder);
    } catch {
      // The old keys stand.
    }
    return this.#keys.get(id) ?? null;
  }
}

/** Keys by id, those revoked marked so. Throws what `fs` throws. */
function readRing(folder: string): Map<string, MasterKey> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.xml'))
    .slice(0, FILES_MAX)
    .map((name) => readFileSync(join(folder, name), 'utf8').slice(0, FILE_BYTES_MAX));
  const revocations = files.flatMap(revocationsIn);
  const keys = new Map<string, MasterKey>();
  for (const file of files) {
    const key = keyIn(file);
    if (key === null) continue;
    const createdMs = dateIn(file, 'creationDate');
    const revoked = revocations.some(({ id, beforeMs }) =>
      id === '*' ? !(createdMs >= beforeMs) : id === key.id,
    );
    keys.set(key.id, { ...key, revoked });
  }
  return keys;
}

interface Revocation {
  /** Of the key; `*`: all keys made before `beforeMs`. */
  readonly id: string;
  /** NaN: it cannot be read, so that all keys count as made before it. */
  readonly beforeMs: number;
}

/** What a file revokes (XmlKeyManager.cs, `ProcessRevocationElement`). */
function revocationsIn(xml: string): Revocation[] {
  if (!/<revocation[\s>]/.test(xml)) return [];
  const beforeMs = dateIn(xml, 'revocationDate');
  return Array.from(xml.matchAll(/<key\s+id="([^"]+)"/g), (match) => ({
    id: match[1]!.toLowerCase(),
    beforeMs,
  }));
}

/** The date in an element, unix milliseconds; NaN: there is none. */
function dateIn(xml: string, element: string): number {
  return Date.parse(new RegExp(`<${element}>\\s*([^<\\s]+)\\s*<`).exec(xml)?.[1] ?? '');
}

const CIPHER = /<encryption\s+algorithm="AES_(128|192|256)_(CBC|GCM)"/;
const DIGEST = /<validation\s+algorithm="HMACSHA(256|512)"/;
const ID = /<key\s+id="([0-9a-fA-F-]{36})"/;
const MASTER = /<masterKey[\s>][\s\S]*?<value>\s*([A-Za-z0-9+/=\s]+?)\s*<\/value>/;

/** AuthenticatedEncryptorConfiguration's descriptor; null: another one, or an encrypted key. */
function keyIn(xml: string): MasterKey | null {
  const id = ID.exec(xml)?.[1];
  const cipher = CIPHER.exec(xml);
  const master = MASTER.exec(xml)?.[1];
  if (id === undefined || cipher === null || master === undefined) return null;
  const algorithms = {
    // The pattern has no other words.
    cipher: `aes-${cipher[1]}-${cipher[2]!.toLowerCase()}` as MasterKey['cipher'],
    digest: DIGEST.exec(xml)?.[1] === '512' ? 'sha512' : 'sha256',
  } as const;
  return {
    id: id.toLowerCase(),
    master: Buffer.from(master, 'base64'),
    ...algorithms,
    header: contextHeader(algorithms),
    revoked: false,
  };
}
