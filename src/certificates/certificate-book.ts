// The certificates in force, by listener and by who provides them; the main thread's, which tells the workers of every change.
import { randomBytes } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import type { ListenerCertificates } from './context-table.ts';

/** Made by the process; told of what changes. */
export interface CertificateBookInput {
  /** What new handshakes of a listener are to use from now on. */
  readonly onChange: (state: ListenerCertificates) => void;
}

interface Page {
  /** By provider, in the order of `set`'s first calls. */
  readonly provided: Map<string, readonly Certificate[]>;
  ticketKey: Uint8Array;
}

/** Bytes of a ticket key as Node takes it: a name, a key to sign with and one to encrypt with. */
const TICKET_KEY_BYTES = 48;

/**
 * Who provides certificates (the files of the config, or a client of ACME) calls `set`; who serves them follows `onChange`. Certificates
 * of a provider that came earlier go before those of later ones: the first of all is for clients that name nobody.
 */
export class CertificateBook {
  readonly #in: CertificateBookInput;
  readonly #pages = new Map<string, Page>();

  constructor(input: CertificateBookInput) {
    this.#in = input;
  }

  /** What `provider` has for `listener` from now on. Nothing is told where that is what it had. */
  set(listener: string, provider: string, certificates: readonly Certificate[]): void {
    const page = this.#page(listener);
    const before = page.provided.get(provider);
    page.provided.set(provider, certificates);
    if (before !== undefined && sameCertificates(before, certificates)) return;
    this.#in.onChange(this.#stateOf(listener, page));
  }

  /** Listeners that are no more. */
  keep(listeners: ReadonlySet<string>): void {
    for (const listener of this.#pages.keys()) if (!listeners.has(listener)) this.#pages.delete(listener);
  }

  /** Makes the key of a listener's tickets anew: those that are out are worth nothing any more. */
  rotate(listener: string): void {
    const page = this.#pages.get(listener);
    if (page === undefined) return;
    page.ticketKey = newTicketKey();
    this.#in.onChange(this.#stateOf(listener, page));
  }

  /** The key of a listener's tickets, which it has from now on. */
  ticketKeyOf(listener: string): Uint8Array {
    return this.#page(listener).ticketKey;
  }

  /** What every listener has, for workers to be born with. */
  get states(): readonly ListenerCertificates[] {
    return [...this.#pages].map(([listener, page]) => this.#stateOf(listener, page));
  }

  #page(listener: string): Page {
    const known = this.#pages.get(listener);
    if (known !== undefined) return known;
    const page: Page = { provided: new Map(), ticketKey: newTicketKey() };
    this.#pages.set(listener, page);
    return page;
  }

  #stateOf(listener: string, page: Page): ListenerCertificates {
    return { listener, certificates: [...page.provided.values()].flat(), ticketKey: page.ticketKey };
  }
}

function newTicketKey(): Uint8Array {
  // Because: a Buffer of Node's pool would be cloned with all the pool behind it.
  return new Uint8Array(randomBytes(TICKET_KEY_BYTES));
}

function sameCertificates(one: readonly Certificate[], two: readonly Certificate[]): boolean {
  return (
    one.length === two.length &&
    one.every(({ fingerprint, key }, i) => fingerprint === two[i]!.fingerprint && key === two[i]!.key)
  );
}
