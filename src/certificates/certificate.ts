// A certificate with its key, checked to belong together: what it is for, until when, and what is doubtful about it.
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** Ready to serve. Structured-cloneable; `key` is a secret. */
export interface Certificate {
  /** Lower-case DNS names, `*.example.com` among them. */
  readonly names: readonly string[];
  /** PEM: the certificate itself, then those of its authorities. */
  readonly cert: string;
  /** PEM, not encrypted. */
  readonly key: string;
  /** `ec`, `rsa`, `ed25519` …: a name may have one of each. */
  readonly keyType: string;
  /** Unix ms. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 over all of `cert`, and the key's type: hex. */
  readonly fingerprint: string;
}

/** What is wrong with a pair (`error`), or doubtful. */
export interface CertificateProblem {
  readonly severity: 'error' | 'warning';
  /** Which of its files is to blame. */
  readonly at: 'cert' | 'key';
  readonly message: string;
  readonly hint: string;
}

export interface CertificateReading {
  /** Null where a problem is an error. */
  readonly certificate: Certificate | null;
  readonly problems: readonly CertificateProblem[];
}

/** A certificate that ends sooner than this is warned of. */
export const EXPIRY_WARNING_MS = 14 * 86_400_000;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** A chain that is longer is a mistake. */
const CHAIN_MAX = 10;

/** Reads a pair. Never throws for what the files hold, and quotes nothing of a key. */
export function readCertificate(
  certPem: string,
  keyPem: string,
  passphrase: string | null,
  nowMs: number,
): CertificateReading {
  const chain = parseChain(certPem);
  if (!Array.isArray(chain)) return failed('cert', chain.wrong, chain.right);
  const key = parseKey(keyPem, passphrase);
  if ('wrong' in key) return failed('key', key.wrong, key.right);
  const leaf = chain[0]!;
  if (!leaf.checkPrivateKey(key.value)) {
    const place = chain.findIndex((other) => other.checkPrivateKey(key.value));
    return place < 0
      ? failed(
          'key',
          'this key does not belong to the certificate',
          'the key that the certificate was asked for with',
        )
      : failed(
          'cert',
          `the key belongs to certificate ${place + 1} of this file, which must be the first`,
          'the certificate itself, then that of its issuer, and so on',
        );
  }
  const names = namesOf(leaf);
  const problems: CertificateProblem[] = [];
  const warn = (message: string, hint: string): void => {
    problems.push({ severity: 'warning', at: 'cert', message, hint });
  };
  if (names.length === 0) {
    warn(
      'this certificate names no host in its subjectAltName: browsers refuse it',
      'a certificate with `DNS:` names; it serves clients that name nobody',
    );
  }
  checkOrder(chain, warn);
  checkTime(leaf, nowMs, warn);
  const cert = chain.map((one) => one.toString().trim()).join('\n');
  return {
    problems,
    certificate: {
      names,
      cert,
      key: key.value.export({ type: 'pkcs8', format: 'pem' }).toString(),
      keyType: key.value.asymmetricKeyType ?? 'unknown',
      notBeforeMs: Date.parse(leaf.validFrom),
      notAfterMs: Date.parse(leaf.validTo),
      fingerprint: createHash('sha256').update(cert).digest('hex'),
    },
  };
}

/** What is to be said of a certificate's time, now; null: nothing. */
export function expiryWarning(notAfterMs: number, nowMs: number): string | null {
  const leftMs = notAfterMs - nowMs;
  const day = new Date(notAfterMs).toISOString().slice(0, 10);
  if (leftMs <= 0) return `this certificate has expired (${day}): clients refuse it`;
  if (leftMs > EXPIRY_WARNING_MS) return null;
  const days = Math.floor(leftMs / 86_400_000);
  return `this certificate ends ${days === 0 ? 'within a day' : `in ${days} ${days === 1 ? 'day' : 'days'}`} (${day})`;
}

function failed(at: 'cert' | 'key', message: string, hint: string): CertificateReading {
  return { certificate: null, problems: [{ severity: 'error', at, message, hint }] };
}

function parseChain(pem: string): X509Certificate[] | { readonly wrong: string; readonly right: string } {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0)
    return {
      wrong: 'this file holds no certificate in PEM',
      right: 'a file with `-----BEGIN CERTIFICATE-----`',
    };
  if (blocks.length > CHAIN_MAX)
    return {
      wrong: `this file holds ${blocks.length} certificates, more than a chain of ${CHAIN_MAX}`,
      right: 'the certificate and those of its issuers; lists of authorities go into `ca`',
    };
  const chain: X509Certificate[] = [];
  for (const [i, block] of blocks.entries()) {
    try {
      chain.push(new X509Certificate(block));
    } catch {
      return {
        wrong: `certificate ${i + 1} of this file cannot be read`,
        right: 'the file as its authority gave it out',
      };
    }
  }
  return chain;
}

function parseKey(
  pem: string,
  passphrase: string | null,
): { readonly value: KeyObject } | { readonly wrong: string; readonly right: string } {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem))
    return {
      wrong: 'this file holds no private key in PEM',
      right: 'a file with `-----BEGIN PRIVATE KEY-----`',
    };
  const encrypted = pem.includes('BEGIN ENCRYPTED PRIVATE KEY') || pem.includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted && passphrase === null)
    return { wrong: 'this key is encrypted', right: 'passphrase: { file: … } beside it' };
  try {
    return { value: createPrivateKey({ key: pem, ...(passphrase === null ? {} : { passphrase }) }) };
  } catch {
    return encrypted
      ? {
          wrong: 'this key cannot be read with this passphrase',
          right: 'the passphrase that it was encrypted with',
        }
      : { wrong: 'this key cannot be read', right: 'a private key in PEM, RSA or EC' };
  }
}

/** DNS names of the subjectAltName, lower-case. Those with a `"` are written in a way that no host has. */
function namesOf(leaf: X509Certificate): string[] {
  const names = (leaf.subjectAltName ?? '')
    .split(', ')
    .flatMap((entry) =>
      entry.startsWith('DNS:') && !entry.includes('"') ? [entry.slice(4).toLowerCase()] : [],
    );
  return [...new Set(names)];
}

function checkOrder(chain: readonly X509Certificate[], warn: (message: string, hint: string) => void): void {
  for (let i = 0; i + 1 < chain.length; i++) {
    if (chain[i]!.checkIssued(chain[i + 1]!)) continue;
    warn(
      `certificate ${i + 2} of this file is not that of the issuer of certificate ${i + 1}: clients may not find the way to a root`,
      'the certificate itself, then that of its issuer, and so on',
    );
    return;
  }
}

function checkTime(
  leaf: X509Certificate,
  nowMs: number,
  warn: (message: string, hint: string) => void,
): void {
  const early = Date.parse(leaf.validFrom) > nowMs;
  if (early)
    warn(
      `this certificate is not valid before ${new Date(Date.parse(leaf.validFrom)).toISOString()}`,
      'a look at the clock of this machine',
    );
  const ends = expiryWarning(Date.parse(leaf.validTo), nowMs);
  if (ends !== null) warn(ends, 'a new certificate; it is taken up without a restart');
}
