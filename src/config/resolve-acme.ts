// What certificates are ordered by ACME, out of the config as read: names that an authority can check over HTTP, and terms agreed to.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { domainToASCII } from 'node:url';
import { ACME_PACKAGE, type AcmeOptions } from '../certificates/options.ts';
import type { ListenerConfig } from './config.ts';
import { blame, blameKey, type Draft, items, warn } from './draft.ts';
import { isInstalled } from './installed.ts';
import type { ReadConfig } from './schema/root.ts';
import { isWrong, quote, type Reading } from './units.ts';

type ReadTls = NonNullable<NonNullable<ReadConfig['listeners']>[number]['tls']>;
type ReadAcme = NonNullable<ReadTls['acme']>;

const EXAMPLE = 'shop.example.com';
const DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory';
/** Longest name of DNS, and longest part of one (RFC 1035 section 2.3.4). */
const NAME_MAX = 253;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** `at`: where the block stands. What is wrong is blamed. */
export function resolveAcme(draft: Draft, read: ReadAcme, at: string, file: string): AcmeOptions {
  if (!isInstalled(ACME_PACKAGE)) {
    const why = `certificates by ACME need the package ${ACME_PACKAGE}, which is not installed`;
    blameKey(draft, at, why, `npm install ${ACME_PACKAGE}`);
  }
  if (read.agree === false)
    blame(
      draft,
      `${at}.agree`,
      'an authority orders nothing for who does not agree to its terms of service',
      'agree: true, when you have read them',
    );
  const names: string[] = [];
  for (const [written, path] of items(read.names, `${at}.names`)) {
    const name = nameOf(written);
    if (isWrong(name)) blame(draft, path, name.wrong, name.right);
    else if (names.includes(name.value)) blame(draft, path, `${quote(name.value)} is there twice`, 'once');
    else names.push(name.value);
  }
  if (read.email !== undefined && !/^[^\s@,?]+@[^\s@,?]+$/.test(read.email))
    blame(draft, `${at}.email`, `${quote(read.email)} is no address`, 'ops@example.com');
  checkDirectory(draft, read.directory, `${at}.directory`);
  checkCa(draft, read.ca, `${at}.ca`);
  const { eab } = read;
  // Without its required keys the block is blamed already.
  const bound = eab?.keyId !== undefined && eab.secret !== undefined;
  if (bound && !/^[A-Za-z0-9+/_-]+={0,2}$/.test(eab.secret))
    blame(
      draft,
      `${at}.eab.secret`,
      'this is no key in base64url',
      'the key as the authority gave it out: letters, digits, - and _',
    );
  return {
    names,
    email: read.email ?? null,
    directory: read.directory,
    folder: resolve(dirname(file), read.folder ?? ''),
    ca: read.ca ?? null,
    eab: bound ? { keyId: eab.keyId, secret: eab.secret } : null,
    key: read.key,
    renewBeforeMs: read.renewBefore ?? null,
  };
}

/** The authority asks by plain HTTP at port 80: without a listener of it somebody in front must pass that on. */
export function checkChallenges(draft: Draft, listeners: readonly ListenerConfig[]): void {
  if (listeners.some(({ tls }) => tls === null)) return;
  for (const [listener, path] of items(draft.read.listeners, 'listeners')) {
    if (listener.tls?.acme === undefined) continue;
    warn(
      draft,
      `${path}.tls.acme`,
      'the authority looks at http://NAME/ on port 80, and no listener speaks plain HTTP',
      'a listener more: bind: 80, redirectToHttps: true; or a proxy in front that passes /.well-known/acme-challenge/ on',
    );
  }
}

function nameOf(written: string): Reading<string> {
  if (written.includes('*'))
    return {
      wrong: `${quote(written)} is a wildcard, which no authority gives out by HTTP-01`,
      right: 'each name by itself; or a certificate from elsewhere in `certificates`',
    };
  if (isIP(written) !== 0 || isIP(written.replace(/^\[|\]$/g, '')) !== 0)
    return { wrong: `${quote(written)} is an address: certificates are ordered for names`, right: EXAMPLE };
  const name = domainToASCII(written);
  const labels = name.split('.');
  if (name === '' || name.length > NAME_MAX || !labels.every((label) => LABEL.test(label)))
    return { wrong: `${quote(written)} is not a name of DNS`, right: EXAMPLE };
  if (labels.length < 2)
    return { wrong: `${quote(written)} has no domain: no authority knows it`, right: EXAMPLE };
  return { value: name };
}

function checkDirectory(draft: Draft, written: string, path: string): void {
  let url: URL;
  try {
    url = new URL(written);
  } catch {
    blame(draft, path, `${quote(written)} is no URL`, DIRECTORY);
    return;
  }
  if (url.protocol !== 'https:')
    // RFC 8555 section 6.1.
    blame(draft, path, `${quote(url.protocol)} is not spoken to authorities: ACME goes by HTTPS`, DIRECTORY);
  else if (url.username !== '' || url.password !== '')
    blame(
      draft,
      path,
      'a user and password in the URL mean nothing to an authority',
      'eab: { keyId, secret }',
    );
}

function checkCa(draft: Draft, ca: string | undefined, path: string): void {
  if (ca === undefined) return;
  try {
    new X509Certificate(ca);
  } catch {
    blame(draft, path, 'this file holds no authority that OpenSSL can read', 'certificates in PEM');
  }
}
