// All certificates by ACME of the running process: kept for the listeners that name them, told to workers, log, events and metrics.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Challenge, type OrderCertificate, orderCertificate } from '../acme/authority.ts';
import { CertificateKeeper, type KeeperNews } from '../acme/certificate-keeper.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Certificate } from '../certificates/certificate.ts';
import type { AcmeOptions } from '../certificates/options.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import type { MetricBook } from '../observe/metric-book.ts';

export interface AcmeDeskInput {
  readonly log: Logger;
  readonly events: EventHub;
  /** The main thread's own. */
  readonly book: MetricBook;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  /** What a listener is to show beside the files of its config. */
  readonly provide: (listener: string, certificates: readonly Certificate[]) => void;
  /** What every worker is to answer from now on. */
  readonly tell: (challenges: readonly ChallengePair[]) => void;
}

/** As workers are told of it. */
export type ChallengePair = readonly [token: string, answer: string];

/** How one certificate fares. */
export interface AcmeView {
  /** Its first name, or where several begin with that, a name that no other has. */
  readonly certificate: string;
  readonly names: readonly string[];
  /** Unix ms; null: there is none yet. */
  readonly notAfterMs: number | null;
  /** Unix ms of the first failure since the last success; null: nothing fails. */
  readonly failingSinceMs: number | null;
  /** Of the last failure. */
  readonly why: string;
}

const LOOK_MS = 1000;
/** All workers have heard in this time, ms; and all who share a folder have looked into it, also where a network file system shows changes late. */
const SPREAD_MS = 250;
const SHARED_SPREAD_MS = 5000;
/** A failure is an error, and no warning, when so little is left, ms. */
const URGENT_MS = 7 * 86_400_000;
const NAMES_TOLD = 10;

/** Main thread. Orders are made from `begin` on; before it, what the folders hold is shown. */
export class AcmeDesk implements KeeperNews {
  readonly #in: AcmeDeskInput;
  /** By what tells certificates apart. */
  readonly #keepers = new Map<string, CertificateKeeper>();
  /** Which certificate each listener shows. */
  #shown = new Map<string, string>();
  #answers: readonly ChallengePair[] = [];
  #timer: NodeJS.Timeout | null = null;
  #begun = false;
  readonly #processId = randomUUID();
  /** Ends with the last order: the package behind them takes one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(input: AcmeDeskInput) {
    this.#in = input;
  }

  /** Takes up the listeners of a config. Certificates that none of them names are let go, with the orders for them. */
  use(listeners: readonly ListenerConfig[]): void {
    const wanted = new Map<string, AcmeOptions>();
    const shown = new Map<string, string>();
    for (const { name, tls } of listeners) {
      if (tls === null || tls.acme === null) continue;
      const id = identityOf(tls.acme);
      wanted.set(id, tls.acme);
      shown.set(name, id);
    }
    for (const [id, keeper] of this.#keepers) {
      if (wanted.has(id)) continue;
      this.#keepers.delete(id);
      keeper.stop();
    }
    const before = this.#shown;
    this.#shown = shown;
    for (const { name, tls } of listeners)
      if (tls !== null && before.has(name) && !shown.has(name)) this.#in.provide(name, []);
    for (const [id, options] of wanted) {
      const known = this.#keepers.get(id);
      if (known !== undefined) known.use(options);
      else this.#keep(id, options);
    }
    this.changed();
    if (this.#keepers.size === 0) this.#rest();
    else this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** What a listener with these options will show, also where its config is not in force yet. */
  certificatesFor(options: AcmeOptions | null): readonly Certificate[] {
    if (options === null) return [];
    const known = this.#keepers.get(identityOf(options));
    if (known !== undefined) return known.certificates;
    const passing = this.#make(options, QUIET);
    passing.open();
    return passing.certificates;
  }

  /** Workers answer now: orders may be made. */
  begin(): void {
    this.#begun = true;
    this.#look();
  }

  /** Ends orders that are under way. What there is is shown on. */
  stop(): void {
    this.#rest();
    for (const keeper of this.#keepers.values()) keeper.stop();
  }

  /** What workers that are born now are to answer. */
  get answers(): readonly ChallengePair[] {
    return this.#answers;
  }

  /** Whether it is one that is renewed. */
  keeps(fingerprint: string): boolean {
    for (const { certificate } of this.#keepers.values())
      if (certificate?.fingerprint === fingerprint) return true;
    return false;
  }

  get views(): readonly AcmeView[] {
    return [...this.#keepers.values()].map((keeper) => ({
      certificate: this.#labelOf(keeper),
      names: keeper.options.names,
      notAfterMs: keeper.certificate?.notAfterMs ?? null,
      failingSinceMs: keeper.orders.failingSinceMs,
      why: keeper.orders.why,
    }));
  }

  changed(): void {
    for (const [listener, id] of this.#shown) {
      const keeper = this.#keepers.get(id);
      if (keeper !== undefined) this.#in.provide(listener, keeper.certificates);
    }
    const answers = [...this.#keepers.values()].flatMap(({ challenges }) => challenges.map(pairOf));
    if (answers.length === 0 && this.#answers.length === 0) return;
    this.#answers = answers;
    this.#in.tell(answers);
  }

  issued(keeper: CertificateKeeper, renewal: boolean): void {
    this.#count(keeper, 'issued');
    this.#told(keeper, renewal ? 'was renewed' : 'was obtained');
  }

  found(keeper: CertificateKeeper): void {
    this.#told(keeper, 'was taken up from the folder, where it was put meanwhile');
  }

  failed(keeper: CertificateKeeper, why: string, retryMs: number): void {
    this.#count(keeper, 'failed');
    const { log, events, clock } = this.#in;
    const nowMs = clock.wallMs();
    const names = keeper.options.names.slice(0, NAMES_TOLD);
    const notAfterMs = keeper.certificate?.notAfterMs ?? null;
    const urgent = notAfterMs === null || notAfterMs - nowMs < URGENT_MS;
    const left =
      notAfterMs === null
        ? 'there is none yet'
        : `the one in force ends ${new Date(notAfterMs).toISOString()}`;
    const again = new Date(retryMs).toISOString();
    log[urgent ? 'error' : 'warn'](
      { names, why, left, again },
      'a certificate could not be had from its authority',
    );
    const text = `no certificate for ${names.join(', ')}: ${why}; ${left}`;
    events.publish('certificate', urgent ? 'error' : 'warn', text, { names: names.join(' '), again });
  }

  #told(keeper: CertificateKeeper, what: string): void {
    const names = keeper.options.names.slice(0, NAMES_TOLD);
    const ends = new Date(keeper.certificate?.notAfterMs ?? 0).toISOString();
    this.#in.log.info({ names, ends }, `a certificate ${what}`);
    const text = `the certificate for ${names.join(', ')} ${what}; it ends ${ends}`;
    this.#in.events.publish('certificate', 'info', text, { names: names.join(' '), ends });
  }

  #count(keeper: CertificateKeeper, result: 'issued' | 'failed'): void {
    const { book } = this.#in;
    const certificate = this.#labelOf(keeper);
    book.values[book.counter('limpet_acme_orders_total', { certificate, result })]!++;
  }

  #keep(id: string, options: AcmeOptions): void {
    const keeper = this.#make(options, this);
    this.#keepers.set(id, keeper);
    keeper.open();
    const certificate = this.#labelOf(keeper);
    for (const result of ['issued', 'failed'])
      this.#in.book.counter('limpet_acme_orders_total', { certificate, result });
  }

  #make(options: AcmeOptions, news: KeeperNews): CertificateKeeper {
    const { clock, random, version } = this.#in;
    return new CertificateKeeper({
      options,
      clock,
      random,
      news,
      userAgent: `limpet/${version}`,
      order: (input) => this.#inTurn(input),
      mayOrder: () => ![...this.#keepers.values()].some(({ ordering }) => ordering),
      processId: this.#processId,
      spread: (others, signal) => pause(others ? SHARED_SPREAD_MS : SPREAD_MS, undefined, { signal }),
    });
  }

  #inTurn(input: Parameters<OrderCertificate>[0]): Promise<string> {
    const order = this.#turn.then(() => orderCertificate(input));
    this.#turn = order.catch(() => {});
    return order;
  }

  #labelOf({ options }: CertificateKeeper): string {
    const first = options.names[0] ?? '';
    const rivals = [...this.#keepers.values()].filter((other) => other.options.names[0] === first);
    return rivals.length < 2
      ? first
      : [...options.names, options.key, new URL(options.directory).host].join(' ');
  }

  #look(): void {
    for (const keeper of this.#keepers.values()) keeper.look(this.#begun);
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** Of a config that is only tried: what is wrong with its folder is told when it is in force. */
const QUIET: KeeperNews = { changed() {}, issued() {}, found() {}, failed() {} };

/** Where one thing differs, it is another certificate. */
function identityOf({ folder, directory, names, key }: AcmeOptions): string {
  return JSON.stringify([folder, directory, key, [...names].sort()]);
}

function pairOf({ token, answer }: Challenge): ChallengePair {
  return [token, answer];
}
