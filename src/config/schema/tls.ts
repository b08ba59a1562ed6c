// Schema of TLS at a listener: certificates, who may come, and what clients are told.
import { block, choice, either, leaf, list, offable, pem, secret } from './keys.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

const certificate = block(
  'A certificate with its key, or a folder of them.',
  {
    cert: leaf(
      'text',
      'PEM file of the certificate, followed by those of the authorities between it and the root.',
      { takes: 'a path, relative to the config' },
    ),
    key: leaf('text', 'PEM file of its private key.', { takes: 'a path, relative to the config' }),
    passphrase: secret('What the key is encrypted with.', {}),
    folder: leaf(
      'text',
      'A folder of pairs, in place of `cert` and `key`: `NAME.crt` or `NAME.pem` with `NAME.key`, `NAME.pem` with both in it, or folders with `fullchain.pem` and `privkey.pem`.',
      { takes: 'a path, relative to the config' },
    ),
  },
  {},
);

const hsts = either(
  'Tells browsers to come by HTTPS only (`Strict-Transport-Security`), in every answer of this listener; `true`: for a year. Hard to take back: begin with minutes.',
  [
    leaf('duration', '', { min: 1000, max: 10 * YEAR, words: { off: 0, true: YEAR } }),
    block(
      '',
      {
        maxAge: leaf('duration', 'How long a browser remembers it.', {
          default: '365d',
          min: 1000,
          max: 10 * YEAR,
        }),
        includeSubDomains: leaf('flag', 'Also for every name below.', { default: false }),
        preload: leaf(
          'flag',
          'Agrees to be put into the lists that browsers are shipped with; needs a year and `includeSubDomains`.',
          { default: false },
        ),
      },
      {},
    ),
  ],
  { default: 'off' },
);

const acme = block(
  'A certificate from an authority such as Let’s Encrypt, ordered and renewed by Limpet (ACME, HTTP-01). Needs the package `acme-client` beside Limpet. See [certificates by ACME](acme.md).',
  {
    names: list('The names that the certificate is for; no wildcards.', leaf('text', '', {}), {
      min: 1,
      max: 100,
      required: true,
    }),
    agree: leaf(
      'flag',
      '`true`: you agree to the terms of service of the authority; without it nothing is ordered.',
      { required: true },
    ),
    folder: leaf(
      'text',
      'Where the account’s key, and certificates with their keys, are kept. It must outlive restarts, or the authority’s limits are soon reached; several Limpets may share it.',
      { takes: 'a path, relative to the config', required: true },
    ),
    email: leaf('text', 'Where the authority writes to when something is wrong.', {}),
    directory: leaf('text', 'URL of the authority’s directory.', { default: LETS_ENCRYPT }),
    ca: pem(
      'Authorities that the directory’s own certificate is checked against, for one of your own; without it, those that Node knows.',
      {},
    ),
    eab: block(
      'By which an authority knows its customer (external account binding).',
      {
        keyId: leaf('text', 'The key’s name, as the authority gave it out.', { required: true }),
        secret: secret('The key itself, in base64url, as the authority gave it out.', { required: true }),
      },
      {},
    ),
    key: choice('Kind of the certificate’s key: EC P-256, or RSA of 2048 bits.', ['ecdsa', 'rsa'], {
      default: 'ecdsa',
    }),
    renewBefore: leaf(
      'duration',
      'How long before its end a certificate is renewed; without it, with a third of its life left. At the most half of its life.',
      { min: HOUR, max: YEAR },
    ),
  },
  {},
);

/** TLS of a listener. */
export const tls = block(
  'TLS. Without it the listener speaks plain HTTP.',
  {
    certificates: list(
      'Certificates, found by the name that a client asks for: that name itself, then `*.` and the rest of it, then the first of all.',
      certificate,
      { min: 1, max: 1000 },
    ),
    acme,
    watch: leaf('flag', 'New certificates are taken up when their files change, without a reload.', {
      default: true,
    }),
    clientAuth: choice(
      'Whether clients show a certificate. The app is told `Limpet-Client-Verified: yes` or `no`, `Limpet-Client-Subject` and `Limpet-Client-Fingerprint`; `required` refuses who shows none, or a bad one.',
      ['none', 'optional', 'required'],
      { default: 'none' },
    ),
    ca: pem("Authorities of clients' certificates.", {}),
    minVersion: choice('Least version of TLS.', ['1.2', '1.3'], {
      default: '1.2',
      refused: {
        '1.0': { wrong: 'TLS 1.0 is broken, and forbidden by RFC 8996', right: '1.2' },
        '1.1': { wrong: 'TLS 1.1 is broken, and forbidden by RFC 8996', right: '1.2' },
      },
    }),
    ciphers: leaf(
      'text',
      "Ciphers, the best first, in OpenSSL's words; without it, ECDHE with AES-GCM or ChaCha20.",
      {},
    ),
    tickets: offable(
      'Tickets with which clients come back without a full handshake, to any worker. `false`: none.',
      block(
        '',
        {
          lifetime: leaf('duration', 'How long a ticket is good.', {
            default: '1h',
            min: MINUTE,
            max: 7 * DAY,
          }),
          rotate: leaf(
            'duration',
            'How often the key of the tickets is made anew. Tickets of the key before are worth nothing then: each client that has one makes one full handshake.',
            { default: '24h', min: MINUTE, max: 30 * DAY },
          ),
        },
        {},
      ),
      { default: {} },
    ),
    handshakeTimeout: leaf('duration', 'How long a handshake may take; then the connection is closed.', {
      default: '10s',
      min: 100,
      max: HOUR,
    }),
    handshakes: leaf(
      'count',
      'Most handshakes under way at once in a worker; when there are more, the oldest one is closed.',
      { default: 1000, min: 1, max: 1_000_000 },
    ),
    hsts,
  },
  {},
);

export const redirectToHttps = leaf(
  'count',
  'Answers every request with a redirect (308) to the same address by HTTPS; `true`: at port 443.',
  { default: 'off', min: 1, max: 65_535, words: { off: 0, true: 443 }, takes: '`true` or a port' },
);
