// Turns the TLS of a listener as read into what runs, and checks certificates, keys and names.
import { dirname, resolve } from 'node:path';
import type { Certificate } from '../certificates/certificate.ts';
import { contextOf } from '../certificates/context-table.ts';
import { groupByName } from '../certificates/names.ts';
import { type CertificateSource, DEFAULT_CIPHERS, type ListenerTlsOptions } from '../certificates/options.ts';
import { readSource } from '../certificates/read-source.ts';
import { blame, blameKey, type Draft, items, warn } from './draft.ts';
import { resolveAcme } from './resolve-acme.ts';
import type { ReadConfig } from './schema/root.ts';
import { CERTIFICATE_BYTES_MAX, whyUnread } from './special.ts';
import { quote } from './units.ts';

type ReadListener = NonNullable<ReadConfig['listeners']>[number];
type ReadTls = NonNullable<ReadListener['tls']>;

/** A year, which the lists of browsers ask for, ms. */
const PRELOAD_MS = 365 * 86_400_000;
/** Names that are told twice, told one by one at the most. */
const CLASHES_MAX = 5;

/** Null: plain HTTP. `path`: of the listener. */
export function resolveListenerTls(
  draft: Draft,
  listener: ReadListener,
  path: string,
  file: string,
): ListenerTlsOptions | null {
  const { tls: read } = listener;
  const at = `${path}.tls`;
  if (listener.redirectToHttps > 0 && draft.places.isMeant(at)) {
    blameKey(
      draft,
      `${path}.redirectToHttps`,
      'this listener speaks HTTPS itself',
      'redirectToHttps on the listener of plain HTTP',
    );
  }
  if (read === undefined) return null;
  const { sources, certificates } = readCertificates(draft, read, at, file);
  const needsCa = read.clientAuth !== 'none';
  if (needsCa && read.ca === undefined && !draft.places.isUnread(`${at}.ca`))
    blame(draft, `${at}.clientAuth`, "without `ca` nobody's certificate can be good", 'ca: tls/clients.pem');
  if (!needsCa && read.ca !== undefined)
    blame(draft, `${at}.ca`, 'no client is asked for a certificate', 'clientAuth: optional, or required');
  if (read.certificates === undefined && read.acme === undefined && isNeitherUnread(draft, at))
    blame(draft, at, '`certificates` is missing', 'certificates, or acme: { names: [shop.example.com], … }');
  const options: ListenerTlsOptions = {
    sources,
    acme: read.acme === undefined ? null : resolveAcme(draft, read.acme, `${at}.acme`, file),
    watch: read.watch,
    clientAuth: read.clientAuth,
    ca: needsCa ? (read.ca ?? null) : null,
    minVersion: read.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: read.ciphers ?? DEFAULT_CIPHERS,
    tickets:
      read.tickets === false ? null : { lifetimeMs: read.tickets.lifetime, rotateMs: read.tickets.rotate },
    handshakeTimeoutMs: read.handshakeTimeout,
    handshakes: read.handshakes,
    hsts: hstsOf(draft, read.hsts, `${at}.hsts`),
  };
  checkContext(draft, options, certificates, at);
  return options;
}

function readCertificates(
  draft: Draft,
  read: ReadTls,
  at: string,
  file: string,
): { sources: CertificateSource[]; certificates: Certificate[] } {
  const folder = dirname(file);
  const sources: CertificateSource[] = [];
  const certificates: Certificate[] = [];
  /** Where each certificate comes from. */
  const from: string[] = [];
  for (const [entry, path] of items(read.certificates, `${at}.certificates`)) {
    const written = sourceOf(draft, entry, path);
    if (written === null) continue;
    sources.push(
      written.kind === 'files'
        ? { ...written, cert: resolve(folder, written.cert), key: resolve(folder, written.key) }
        : { kind: 'folder', folder: resolve(folder, written.folder) },
    );
    const { list = () => [] } = draft.files;
    const files = { read: (name: string) => draft.files(name, CERTIFICATE_BYTES_MAX), list };
    const reading = readSource(written, files, Date.now(), whyUnread);
    for (const problem of reading.problems) {
      const place = written.kind === 'folder' ? `${path}.folder` : `${path}.${problem.at}`;
      const named = written.kind === 'folder' && problem.file !== written.folder;
      const message = named ? `${quote(problem.file)}: ${problem.message}` : problem.message;
      if (problem.severity === 'error') blame(draft, place, message, problem.hint);
      else warn(draft, place, message, problem.hint);
    }
    for (const certificate of reading.certificates) {
      certificates.push(certificate);
      from.push(written.kind === 'folder' ? `${path}.folder` : `${path}.cert`);
    }
  }
  const { clashes } = groupByName(certificates);
  for (const { name, first, second } of clashes.slice(0, CLASHES_MAX)) {
    warn(
      draft,
      from[second]!,
      `${quote(name)} is covered by \`${from[first]}\` already, with a key of the same kind: this one is never shown for it`,
      'one certificate a name, or one with an EC key and one with an RSA key',
    );
  }
  return { sources, certificates };
}

function isNeitherUnread(draft: Draft, at: string): boolean {
  return !(
    draft.places.isMeant(at) && ['certificates', 'acme'].some((name) => draft.places.isMeant(`${at}.${name}`))
  );
}

/** An entry as written, or null where it is blamed. */
function sourceOf(
  draft: Draft,
  entry: NonNullable<ReadTls['certificates']>[number],
  path: string,
): CertificateSource | null {
  const { cert, key, folder, passphrase } = entry;
  const unread = ['cert', 'key', 'folder'].some((name) => draft.places.isUnread(`${path}.${name}`));
  if (unread) return null;
  const right = 'cert: tls/site.pem, key: tls/site.key';
  if (folder !== undefined) {
    if (cert === undefined && key === undefined && passphrase === undefined)
      return { kind: 'folder', folder };
    blame(draft, path, '`folder` stands alone: its pairs are found by their names', 'folder: tls');
    return null;
  }
  if (cert === undefined || key === undefined) {
    blame(draft, path, 'a certificate and its key belong together', right);
    return null;
  }
  return { kind: 'files', cert, key, passphrase: passphrase ?? null };
}

/** OpenSSL itself says whether ciphers and authorities are to its liking. */
function checkContext(
  draft: Draft,
  options: ListenerTlsOptions,
  certificates: readonly Certificate[],
  at: string,
): void {
  const ticketKey = new Uint8Array(48);
  const make = (given: ListenerTlsOptions, pairs: readonly Certificate[]): string | null => {
    try {
      contextOf(given, { listener: '', ticketKey }, pairs);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message.replace(/^.*:/, '').trim() : 'unknown reason';
    }
  };
  const plain = { ...options, ca: null };
  if (draft.places.has(`${at}.ciphers`) && make(plain, []) !== null) {
    blame(draft, `${at}.ciphers`, 'OpenSSL knows none of these ciphers', DEFAULT_CIPHERS);
    return;
  }
  if (options.ca !== null && make(options, []) !== null) {
    blame(draft, `${at}.ca`, 'this file holds no authority that OpenSSL can read', 'certificates in PEM');
    return;
  }
  for (const certificate of certificates) {
    const why = make(plain, [certificate]);
    if (why === null) continue;
    const name = certificate.names[0] ?? 'without a name';
    blame(
      draft,
      `${at}.certificates`,
      `OpenSSL does not take the certificate ${quote(name)}: ${why}`,
      'RSA of 2048 bits, or EC',
    );
  }
}

/** The field's value (RFC 6797 section 6.1); null: not said. */
function hstsOf(draft: Draft, read: ReadTls['hsts'], path: string): string | null {
  if (read === 0) return null;
  const long = typeof read === 'number' ? { maxAge: read, includeSubDomains: false, preload: false } : read;
  if (long.preload && (long.maxAge < PRELOAD_MS || !long.includeSubDomains)) {
    blame(
      draft,
      `${path}.preload`,
      'the lists of browsers take no name with less than a year, or without those below it',
      'maxAge: 365d, includeSubDomains: true',
    );
  }
  return [
    `max-age=${Math.floor(long.maxAge / 1000)}`,
    ...(long.includeSubDomains ? ['includeSubDomains'] : []),
    ...(long.preload ? ['preload'] : []),
  ].join('; ');
}
