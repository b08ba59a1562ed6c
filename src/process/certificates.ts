// Certificates of the running process: read when a config comes into force, read again when their files change, told to every worker.

import { expiryWarning } from '../certificates/certificate.ts';
import { CertificateBook } from '../certificates/certificate-book.ts';
import type { ListenerCertificates } from '../certificates/context-table.ts';
import { FileWatch } from '../certificates/file-watch.ts';
import type { CertificateSource, ListenerTlsOptions } from '../certificates/options.ts';
import { type CertificateFiles, readSource, type SourceReading } from '../certificates/read-source.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import { listFolder, readBounded } from '../config/load.ts';
import { CERTIFICATE_BYTES_MAX, whyUnread } from '../config/special.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import type { AcmeDesk } from './acme-desk.ts';

/** How often files are looked at. A change is taken up when they lie still for one look more. */
const LOOK_MS = 1000;
/** How often it is told that a certificate ends soon. */
const REMIND_MS = 86_400_000;
/** Who provides what the config names. */
const FILES = 'files';

export interface CertificatesInput {
  readonly log: Logger;
  readonly events: EventHub;
  readonly tell: (state: ListenerCertificates) => void;
  readonly wallMs: () => number;
  readonly acme: AcmeDesk;
}

/** A listener's certificate, for metrics and the admin side. */
export interface CertificateView {
  readonly listener: string;
  readonly names: readonly string[];
  readonly fingerprint: string;
  readonly notAfterMs: number;
  /** By ACME: it is renewed without anybody, and where that fails it is told by its name. */
  readonly renewed: boolean;
}

interface Watched {
  readonly options: ListenerTlsOptions;
  /** By source. */
  readonly watches: FileWatch[];
  readonly readings: SourceReading[];
  rotatedMs: number;
}

const onDisk: CertificateFiles = {
  read: (path) => readBounded(path, CERTIFICATE_BYTES_MAX),
  list: listFolder,
};

/** Main thread. */
export class Certificates {
  /** A client of ACME provides its own under a name of its own. */
  readonly book: CertificateBook;
  readonly #in: CertificatesInput;
  readonly #listeners = new Map<string, Watched>();
  /** When it was last told of each certificate that it ends soon. */
  readonly #reminded = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(input: CertificatesInput) {
    this.#in = input;
    this.book = new CertificateBook({ onChange: input.tell });
  }

  /** Takes up the listeners of a config, whose certificates were found good just now; what cannot be read any more keeps its old ones. */
  use(config: Config): void {
    const secure = config.listeners.filter(isSecure);
    const names = new Set(secure.map(({ name }) => name));
    for (const name of this.#listeners.keys()) if (!names.has(name)) this.#listeners.delete(name);
    for (const { name, tls } of secure) this.#take(name, tls);
    this.book.keep(names);
    this.#in.acme.use(config.listeners);
    this.#remind();
  }

  /** What workers are to have for a config that is not in force yet. Tells nobody; the next `use` forgets what was not taken up. */
  prepare(config: Config): readonly ListenerCertificates[] {
    return config.listeners.filter(isSecure).map(({ name, tls }) => ({
      listener: name,
      certificates: [
        ...tls.sources.flatMap((source) => this.#read(source).certificates),
        ...this.#in.acme.certificatesFor(tls.acme),
      ],
      ticketKey: this.book.ticketKeyOf(name),
    }));
  }

  /** Looks at files from now on. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#in.acme.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  get views(): readonly CertificateView[] {
    return this.book.states.flatMap(({ listener, certificates }) =>
      certificates.map(({ names, fingerprint, notAfterMs }) => ({
        listener,
        names,
        fingerprint,
        notAfterMs,
        renewed: this.#in.acme.keeps(fingerprint),
      })),
    );
  }

  #take(name: string, options: ListenerTlsOptions): void {
    const before = this.#listeners.get(name);
    const watched: Watched = {
      options,
      watches: [],
      readings: [],
      rotatedMs: before?.rotatedMs ?? this.#in.wallMs(),
    };
    for (const source of options.sources) {
      const reading = this.#read(source);
      const old = before?.readings[before.options.sources.findIndex((other) => isSameSource(other, source))];
      watched.watches.push(new FileWatch(reading.looked));
      watched.readings.push(isGood(reading) || old === undefined ? reading : old);
      if (!isGood(reading)) this.#complain(name, reading);
    }
    this.#listeners.set(name, watched);
    this.#provide(name, watched);
  }

  #read(source: CertificateSource): SourceReading {
    return readSource(source, onDisk, this.#in.wallMs(), whyUnread);
  }

  #provide(name: string, { readings }: Watched): void {
    this.book.set(
      name,
      FILES,
      readings.flatMap(({ certificates }) => certificates),
    );
  }

  #look(): void {
    const nowMs = this.#in.wallMs();
    for (const [name, watched] of this.#listeners) {
      const { tickets, watch } = watched.options;
      if (watch) this.#lookAt(name, watched);
      if (tickets !== null && nowMs - watched.rotatedMs >= tickets.rotateMs) {
        watched.rotatedMs = nowMs;
        this.book.rotate(name);
        this.#in.log.info({ listener: name }, 'the key of TLS tickets was made anew');
      }
    }
    this.#remind();
  }

  #lookAt(name: string, watched: Watched): void {
    let changed = false;
    watched.watches.forEach((watch, i) => {
      if (!watch.look()) return;
      const reading = this.#read(watched.options.sources[i]!);
      watch.isRead(reading.looked);
      if (!isGood(reading)) {
        this.#complain(name, reading);
        return;
      }
      changed ||= fingerprints(watched.readings[i]!) !== fingerprints(reading);
      watched.readings[i] = reading;
    });
    if (!changed) return;
    this.#provide(name, watched);
    const all = watched.readings.flatMap(({ certificates }) => certificates);
    const names = all.flatMap((certificate) => certificate.names).slice(0, 10);
    this.#in.log.info({ listener: name, certificates: all.length, names }, 'new certificates are in force');
    this.#in.events.publish(
      'certificate',
      'info',
      `listener ${name} has new certificates: ${names.join(', ')}`,
      {
        listener: name,
        names: names.join(' '),
      },
    );
  }

  /** What is on the disk is no good: what is in force stays. */
  #complain(listener: string, { problems }: SourceReading): void {
    for (const { severity, file, message } of problems) {
      if (severity !== 'error') continue;
      this.#in.log.warn({ listener, file, why: message }, 'a certificate cannot be used; the old ones stand');
      this.#in.events.publish(
        'certificate',
        'warn',
        `listener ${listener} keeps its old certificates: ${message}`,
        {
          listener,
          file,
        },
      );
    }
  }

  /** Once a day for each certificate that ends soon, or has ended. */
  #remind(): void {
    const nowMs = this.#in.wallMs();
    const views = this.views;
    const known = new Set(views.map(({ fingerprint }) => fingerprint));
    for (const fingerprint of this.#reminded.keys())
      if (!known.has(fingerprint)) this.#reminded.delete(fingerprint);
    for (const { listener, names, fingerprint, notAfterMs, renewed } of views) {
      const warning = renewed ? null : expiryWarning(notAfterMs, nowMs);
      if (
        warning === null ||
        nowMs - (this.#reminded.get(fingerprint) ?? Number.NEGATIVE_INFINITY) < REMIND_MS
      )
        continue;
      this.#reminded.set(fingerprint, nowMs);
      this.#in.log.warn({ listener, names: names.slice(0, 10) }, warning);
      this.#in.events.publish('certificate', 'warn', `${names[0] ?? listener}: ${warning}`, { listener });
    }
  }
}

function isSecure(
  listener: ListenerConfig,
): listener is ListenerConfig & { readonly tls: ListenerTlsOptions } {
  return listener.tls !== null;
}

function isGood({ problems, certificates }: SourceReading): boolean {
  return certificates.length > 0 && problems.every(({ severity }) => severity !== 'error');
}

function isSameSource(one: CertificateSource, two: CertificateSource): boolean {
  return JSON.stringify(one) === JSON.stringify(two);
}

function fingerprints({ certificates }: SourceReading): string {
  return certificates.map(({ fingerprint }) => fingerprint).join(' ');
}
