// Tokens as an issuer or an attacker makes them, written with Node's crypto alone, and a server of key sets that may misbehave.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SessionFormat } from '../../../src/session/format.ts';
import { NO_STORE } from '../../../src/session/store.ts';
import type { Finding } from '../../../src/session/verdict.ts';
import type { Owner } from '../../kit/child.ts';
import { freePort } from '../../kit/ports.ts';
import type { Certificates } from '../../kit/store-servers.ts';
import { NOW_S, request } from './python-kit.ts';

export type Json = Readonly<Record<string, unknown>>;

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const ed = generateKeyPairSync('ed25519');

export const CLAIMS: Json = { sub: 'user-17', iss: 'https://id.example/', aud: 'web', exp: NOW_S + 60 };
export const SECRET = 'a shared secret of more than 32 bytes';

export function part(value: Json | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

export function hmacToken(
  claims: Json | string,
  secret: string | Buffer = SECRET,
  header: Json | string = { alg: 'HS256', typ: 'JWT' },
  hash = 'sha256',
): string {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

export function signedToken(
  claims: Json,
  header: Json,
  key: KeyObject,
  dsaEncoding: 'der' | 'ieee-p1363' = 'ieee-p1363',
): string {
  const text = `${part(header)}.${part(claims)}`;
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return `${text}.${sign(hash, Buffer.from(text), { key, dsaEncoding }).toString('base64url')}`;
}

/** A member of a key set. */
export function jwk(key: KeyObject, more: Json = {}): Json {
  return { ...key.export({ format: 'jwk' }), ...more };
}

/** The verdict and what is told of it, as one text. */
export function told({ verdict, user, reason }: Finding): string {
  return verdict === 'valid' ? `valid ${typeof user} ${user}` : `${verdict} ${reason}`;
}

/** What a format makes of a bearer token. */
export async function bearer(format: SessionFormat, token: string, nowS = NOW_S): Promise<string> {
  const read = format.read(request('', { authorization: `Bearer ${token}` }), nowS);
  return told('check' in read ? await read.check(NO_STORE, nowS) : read);
}

/** A server of key sets whose answer can be changed, and which counts how often it is asked. */
export interface KeyServer {
  readonly url: string;
  asked: number;
  answer: (response: ServerResponse) => void;
  close(): Promise<void>;
}

/** With `files` it speaks TLS. */
export async function keyServer(
  owner: Owner,
  keys: readonly Json[],
  files: Certificates | null = null,
): Promise<KeyServer> {
  const port = await freePort();
  const it: KeyServer = {
    url: `${files === null ? 'http' : 'https'}://127.0.0.1:${port}/jwks`,
    asked: 0,
    answer: (response) => response.end(JSON.stringify({ keys })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const serve: RequestListener = (_request, response) => {
    it.asked++;
    it.answer(response);
  };
  const server =
    files === null
      ? createServer(serve)
      : createTlsServer({ cert: readFileSync(files.certificate), key: readFileSync(files.key) }, serve);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  owner.teardown(() => it.close());
  return it;
}
