// The TLS of one listener in one worker: OpenSSL's contexts, made when certificates come, looked up when a client does.
import { constants, createHash } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { SecureTerms } from '../socket/tls-terms.ts';
import type { Certificate } from './certificate.ts';
import { groupByName, groupFor } from './names.ts';
import type { ListenerTlsOptions } from './options.ts';

/** What the main thread tells workers of a listener's TLS. Structured-cloneable. */
export interface ListenerCertificates {
  /** Name of the listener. */
  readonly listener: string;
  /** The first is for who names nobody. Empty: no handshake succeeds. */
  readonly certificates: readonly Certificate[];
  /** 48 random bytes that every worker shares: a ticket of one is good at all. */
  readonly ticketKey: Uint8Array;
}

/** The one protocol that is spoken: its name behind its length. */
const PROTOCOLS = new Uint8Array(Buffer.from('\x08http/1.1', 'latin1'));
/** No second handshake on a connection, no compression, no unsafe resumption (RFC 9325 sections 3.3 and 3.5). */
const SAFE =
  constants.SSL_OP_NO_RENEGOTIATION |
  constants.SSL_OP_NO_COMPRESSION |
  constants.SSL_OP_CIPHER_SERVER_PREFERENCE;

/** Contexts by name. Immutable: new certificates make a new table, which takes over the contexts that stay. */
export class ContextTable implements SecureTerms {
  /** For clients that name nobody, or nobody known. */
  readonly #first: SecureContext;
  readonly asksCertificate: boolean;
  readonly needsCertificate: boolean;
  readonly protocols = PROTOCOLS;
  readonly #byName = new Map<string, SecureContext>();
  /** By what they are made of. */
  readonly #made = new Map<string, SecureContext>();

  private constructor(options: ListenerTlsOptions, state: ListenerCertificates, before: ContextTable | null) {
    const { certificates } = state;
    const groups = groupByName(certificates);
    const make = (group: readonly number[]): SecureContext => {
      const pairs = group.map((i) => certificates[i]!);
      const mark = `${Buffer.from(state.ticketKey).toString('hex')} ${pairs.map((pair) => pair.fingerprint).join(' ')}`;
      const kept = this.#made.get(mark) ?? (before === null ? undefined : before.#made.get(mark));
      const context = kept ?? contextOf(options, state, pairs);
      this.#made.set(mark, context);
      return context;
    };
    this.#first = make(groups.first);
    for (const [name, group] of groups.byName) this.#byName.set(name, make(group));
    this.asksCertificate = options.clientAuth !== 'none';
    this.needsCertificate = options.clientAuth === 'required';
  }

  /** Null where there is no certificate yet. `before`: the table in force, of the same options; null: none. Throws OpenSSL's error. */
  static make(
    options: ListenerTlsOptions,
    state: ListenerCertificates,
    before: ContextTable | null,
  ): ContextTable | null {
    return state.certificates.length === 0 ? null : new ContextTable(options, state, before);
  }

  contextFor(name: string | null): SecureContext {
    return (name === null ? null : groupFor(this.#byName, name)) ?? this.#first;
  }
}

/** A context; throws OpenSSL's error where a cipher or a certificate is not to its liking. */
export function contextOf(
  options: ListenerTlsOptions,
  state: Pick<ListenerCertificates, 'listener' | 'ticketKey'>,
  pairs: readonly Pick<Certificate, 'cert' | 'key'>[],
): SecureContext {
  const { clientAuth, ca, tickets } = options;
  return createSecureContext({
    cert: pairs.map(({ cert }) => cert),
    key: pairs.map(({ key }) => key),
    // An empty list keeps Node from loading the authorities of the world, which nobody here is checked against.
    ca: ca ?? [],
    minVersion: options.minVersion,
    ciphers: options.ciphers,
    honorCipherOrder: true,
    ecdhCurve: 'auto',
    secureOptions: tickets === null ? SAFE | constants.SSL_OP_NO_TICKET : SAFE,
    ticketKeys: Buffer.from(state.ticketKey),
    sessionTimeout: Math.ceil((tickets?.lifetimeMs ?? 0) / 1000) || 1,
    // A ticket of one listener must not open another that asks for more: OpenSSL compares these 32 bytes.
    sessionIdContext: createHash('sha256')
      .update(JSON.stringify([state.listener, clientAuth, ca]))
      .digest('hex')
      .slice(0, 32),
  });
}
