// Sessions as Python's frameworks sign them, written again here without the code under test, and ways to spoil them.
import { createHash, createHmac } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { CredentialSource, SessionFormat } from '../../../src/session/format.ts';
import { NO_STORE, type StoredCell, type StoredValue, type StoreReader } from '../../../src/session/store.ts';
import type { Finding } from '../../../src/session/verdict.ts';
import { buildFormat, type Configured } from '../../vectors/judge.ts';

export const NOW_S = 1_800_000_000;

const mac = (hash: string, key: string | Buffer, text: string): string =>
  createHmac(hash, key).update(text).digest('base64url');

function seconds(atS: number): string {
  const hex = atS.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

export function flaskCookie(payload: string, secret: string, atS = NOW_S, deflated = false): string {
  const bytes = deflated ? deflateSync(payload) : Buffer.from(payload);
  const text = `${deflated ? '.' : ''}${bytes.toString('base64url')}.${seconds(atS)}`;
  return `${text}.${mac('sha1', createHmac('sha1', secret).update('cookie-session').digest(), text)}`;
}

export function starletteCookie(payload: string, secret: string, atS = NOW_S): string {
  const text = `${Buffer.from(payload).toString('base64')}.${seconds(atS)}`;
  return `${text}.${mac('sha1', createHash('sha1').update(`itsdangerous.Signersigner${secret}`).digest(), text)}`;
}

export function flaskSessionId(id: string, secret: string): string {
  return `${id}.${mac('sha1', createHmac('sha1', secret).update('flask-session').digest(), id)}`;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export function djangoText(
  payload: string | Buffer,
  secret: string,
  salt: string,
  atS = NOW_S,
  hash = 'sha256',
): string {
  let time = '';
  for (let left = atS; left > 0; left = Math.floor(left / 62)) time = BASE62[left % 62] + time;
  const text = `${Buffer.from(payload).toString('base64url')}:${time}`;
  return `${text}:${mac(hash, createHash(hash).update(`${salt}signer${secret}`).digest(), text)}`;
}

/** A request with these cookies. */
export function request(cookies: string, around: Partial<CredentialSource> = {}): CredentialSource {
  return { cookies, authorization: null, userAgent: 'agent/1', clientAddress: '10.0.0.1', ...around };
}

/** A store of values by key. */
export function storeOf(values: Readonly<Record<string, Partial<StoredValue>>>): StoreReader {
  return {
    get: async ({ key }) => {
      const found = values[key];
      if (found === undefined) return null;
      const cells = new Map<string, StoredCell>();
      return { bytes: new Uint8Array(0), cells, flags: 0, mtimeS: null, endsAtS: null, ...found };
    },
  };
}

/** The finding for a request. */
export async function find(
  block: Configured | SessionFormat,
  asked: CredentialSource | string,
  store: StoreReader = NO_STORE,
  nowS = NOW_S,
): Promise<Finding> {
  const format = 'read' in block ? block : buildFormat(block);
  const read = format.read(typeof asked === 'string' ? request(asked) : asked, nowS);
  return 'check' in read ? await read.check(store, nowS) : read;
}

/** `good` cut short at every byte, and with each byte changed in its lowest bit. */
export function spoiled(good: string): readonly string[] {
  const found: string[] = [];
  for (let i = 0; i < good.length; i++) {
    found.push(good.slice(0, i));
    found.push(good.slice(0, i) + String.fromCharCode(good.charCodeAt(i) ^ 1) + good.slice(i + 1));
  }
  found.push('.'.repeat(8192), ':'.repeat(8192), 'a'.repeat(8193), '..', '.', '::', '\xff\xfe', '=.=.=');
  return found;
}

/** The identity of a request, or null when the request alone decides. */
export function identity(block: Configured, asked: CredentialSource | string): string | null {
  const read = buildFormat(block).read(typeof asked === 'string' ? request(asked) : asked, NOW_S);
  return 'check' in read ? read.identity : null;
}
