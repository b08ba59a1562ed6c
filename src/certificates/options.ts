// What a listener's TLS is told by its config.

/** Where certificates come from. Paths are absolute. */
export type CertificateSource =
  | {
      readonly kind: 'files';
      /** The certificate, and those of the authorities between it and the root. */
      readonly cert: string;
      readonly key: string;
      readonly passphrase: string | null;
    }
  | { readonly kind: 'folder'; readonly folder: string };

/** The package that speaks to authorities, which is installed beside Limpet. */
export const ACME_PACKAGE = 'acme-client';

/** A certificate that is ordered from an authority by ACME (RFC 8555), and renewed. */
export interface AcmeOptions {
  /** Lower-case DNS names in ASCII, each once; at least one. */
  readonly names: readonly string[];
  /** Where the authority writes to; null: nowhere. */
  readonly email: string | null;
  /** URL of the authority's directory, `https:`. */
  readonly directory: string;
  /** Absolute path of the folder that keys and certificates are kept in. */
  readonly folder: string;
  /** Whom the directory's own certificate is checked against, PEM; null: the authorities that Node knows. */
  readonly ca: string | null;
  /** By which the authority knows its customer (RFC 8555 section 7.3.4); null: it takes anybody. */
  readonly eab: { readonly keyId: string; readonly secret: string } | null;
  readonly key: 'ecdsa' | 'rsa';
  /** How long before its end it is renewed, ms; null: with a third of its life left. */
  readonly renewBeforeMs: number | null;
}

export type ClientAuth = 'none' | 'optional' | 'required';

/** TLS of a listener. */
export interface ListenerTlsOptions {
  /** In the order in which names are looked for; the first certificate is for who names nobody. */
  readonly sources: readonly CertificateSource[];
  /** Ordered from an authority, and shown after those of `sources`; null: nothing is. */
  readonly acme: AcmeOptions | null;
  /** Files are looked at again while the process runs. */
  readonly watch: boolean;
  readonly clientAuth: ClientAuth;
  /** Authorities of clients' certificates, PEM; null with `clientAuth` none. */
  readonly ca: string | null;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names, the best first, those of TLS 1.3 among them. */
  readonly ciphers: string;
  readonly handshakeTimeoutMs: number;
  /** Most handshakes under way in a worker. */
  readonly handshakes: number;
  /** Tickets for resumed handshakes; null: none. */
  readonly tickets: { readonly lifetimeMs: number; readonly rotateMs: number } | null;
  /** Value of `Strict-Transport-Security`; null: not said. */
  readonly hsts: string | null;
}

/** ECDHE with AEAD and nothing else: RFC 9325 sections 4.2 and 4.2.1. AES-128 first, which is the fastest that is good enough. */
export const DEFAULT_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
