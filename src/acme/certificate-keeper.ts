// One certificate by ACME: taken from its folder, ordered when it is missing, renewed before it ends, and tried again when that fails.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { type Certificate, readCertificate } from '../certificates/certificate.ts';
import type { AcmeOptions } from '../certificates/options.ts';
import { AcmeFolder } from './acme-folder.ts';
import { AcmeFault, type Challenge, type OrderCertificate } from './authority.ts';
import { OrderLock } from './order-lock.ts';
import { Presence } from './presence.ts';
import { oneLine } from './problem.ts';
import { allowedMs, renewalMs, retryAfterMs } from './schedule.ts';
import {
  NO_ORDERS,
  namesOfStored,
  type OrderBook,
  readChallenges,
  readOrders,
  readPair,
  type StoredNames,
  standIns,
  sweepEnded,
  writeChallenges,
  writeOrders,
  writePair,
} from './stored.ts';

/** What a keeper tells of itself. */
export interface KeeperNews {
  /** What it has to show, or to answer, has changed. */
  changed(): void;
  /** An order went well; `renewal`: there was one before. */
  issued(keeper: CertificateKeeper, renewal: boolean): void;
  /** Another process that shares the folder, or an operator, has put another one there. */
  found(keeper: CertificateKeeper): void;
  /** An order failed, or the folder cannot be used; `retryMs`: Unix ms. */
  failed(keeper: CertificateKeeper, why: string, retryMs: number): void;
}

export interface KeeperInput {
  readonly options: AcmeOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
  readonly order: OrderCertificate;
  readonly news: KeeperNews;
  /** Orders are made one at a time in a process: whether one may begin. */
  readonly mayOrder: () => boolean;
  /** No other process has it. */
  readonly processId: string;
  /** Waits until all workers answer; `others`: also until all who share the folder have looked into it. Rejects when `signal` ends it. */
  readonly spread: (others: boolean, signal: AbortSignal) => Promise<void>;
}

/** One order takes no longer, ms. */
const ORDER_MS = 300_000;
/** After the folder failed it is looked at again so much later, ms. */
const FOLDER_RETRY_MS = 60_000;

/** Main thread. Does nothing by itself: `look` is called every second. */
export class CertificateKeeper {
  options: AcmeOptions;
  readonly #in: KeeperInput;
  readonly #names: StoredNames;
  #folder: AcmeFolder | null = null;
  #lock: OrderLock | null = null;
  #presence: Presence | null = null;
  /** Null: there is none yet. */
  certificate: Certificate | null = null;
  /** For other sets of names, shown until there is one. */
  #standIns: readonly Certificate[] = [];
  /** What the authority is answered, for an order of ours or of another process. */
  challenges: readonly Challenge[] = [];
  #pairMark = '';
  #challengesMark = '';
  /** Unix ms; 0: there is none that could be renewed. */
  #renewalMs = 0;
  orders: OrderBook = NO_ORDERS;
  /** Unix ms before which nothing is ordered. */
  #retryMs = 0;
  /** The next order may be made though the last one failed a moment ago: who starts or reloads has mended something. */
  #impatient = true;
  #folderRetryMs = 0;
  #folderFailed = false;
  #order: AbortController | null = null;
  #stopped = false;

  constructor(input: KeeperInput) {
    this.#in = input;
    this.options = input.options;
    this.#names = namesOfStored(input.options);
  }

  /** What is shown: the certificate, or what stands in for it. */
  get certificates(): readonly Certificate[] {
    return this.certificate === null ? this.#standIns : [this.certificate];
  }

  /** An order of ours is under way. */
  get ordering(): boolean {
    return this.#order !== null;
  }

  /** Other options for the same certificate. What failed is tried again at once. */
  use(options: AcmeOptions): void {
    this.options = options;
    this.#impatient = true;
    this.#retryMs = 0;
    this.#folderRetryMs = 0;
    if (this.certificate !== null) this.#planRenewal(this.certificate);
  }

  /** Takes up what is in the folder. */
  open(): void {
    this.#guarded((folder) => {
      this.orders = readOrders(folder, this.#names.orders);
      this.#takeUp(folder);
      if (this.certificate === null)
        this.#standIns = standIns(folder, this.options.names, this.#names.pair, this.#in.clock.wallMs());
    });
  }

  /** Takes up what others did, and orders where it is time. `mayOrder` false: only the first. */
  look(mayOrder: boolean): void {
    const nowMs = this.#in.clock.wallMs();
    if (this.#stopped || nowMs < this.#folderRetryMs) return;
    this.#guarded((folder) => {
      this.#presenceIn(folder).show();
      if (this.#order !== null) {
        if (this.#lock?.hold() !== true) this.#order.abort();
        return;
      }
      if (this.#takeUp(folder)) this.#in.news.found(this);
      this.#hear(folder);
      if (mayOrder && nowMs >= this.#renewalMs && nowMs >= this.#retryMs && this.#in.mayOrder())
        this.#begin(folder);
    });
  }

  /** Ends an order that is under way, and lets others go on with it. */
  stop(): void {
    this.#stopped = true;
    this.#order?.abort();
    this.#leave();
    this.#guarded((folder) => this.#presenceIn(folder).leave());
  }

  #presenceIn(folder: AcmeFolder): Presence {
    const { processId, clock } = this.#in;
    this.#presence ??= new Presence(folder, processId, () => clock.nowMs());
    return this.#presence;
  }

  /** True: a new one was found. */
  #takeUp(folder: AcmeFolder): boolean {
    const mark = folder.markOf(this.#names.pair);
    if (mark === this.#pairMark) return false;
    this.#pairMark = mark;
    const found = readPair(folder, this.#names.pair, this.#in.clock.wallMs());
    if (found === null || found.fingerprint === this.certificate?.fingerprint) return false;
    this.#use(found);
    this.orders = readOrders(folder, this.#names.orders);
    return true;
  }

  #use(certificate: Certificate): void {
    this.certificate = certificate;
    this.#standIns = [];
    this.#planRenewal(certificate);
    this.#in.news.changed();
  }

  #planRenewal(certificate: Certificate): void {
    this.#renewalMs = renewalMs(certificate, this.options.renewBeforeMs, this.#in.random);
  }

  /** Answers for the order of another process too: the authority may ask any of them. */
  #hear(folder: AcmeFolder): void {
    const nowMs = this.#in.clock.wallMs();
    const mark = folder.markOf(this.#names.challenges);
    if (mark === this.#challengesMark && (mark === '' || this.challenges.length === 0)) return;
    const heard = readChallenges(folder, this.#names.challenges, nowMs);
    const same = mark === this.#challengesMark && heard.length === this.challenges.length;
    this.#challengesMark = mark;
    if (!same) this.#answer(heard);
  }

  #answer(challenges: readonly Challenge[]): void {
    if (challenges.length === 0 && this.challenges.length === 0) return;
    this.challenges = challenges;
    this.#in.news.changed();
  }

  #begin(folder: AcmeFolder): void {
    this.#lock ??= new OrderLock(folder, this.#names.lock, () => this.#in.clock.nowMs());
    if (!this.#lock.take()) return;
    const nowMs = this.#in.clock.wallMs();
    // What another process did a moment ago counts, and so does what was done before a restart.
    this.#takeUp(folder);
    this.orders = readOrders(folder, this.#names.orders);
    const patienceMs = this.#impatient ? 0 : this.orders.retryMs;
    const allowed = Math.max(patienceMs, allowedMs(this.orders.attemptsMs, nowMs));
    if (nowMs < this.#renewalMs || nowMs < allowed) {
      this.#retryMs = Math.max(this.#retryMs, allowed);
      this.#lock.release();
      return;
    }
    this.#impatient = false;
    this.#note(folder, { ...this.orders, attemptsMs: [...this.orders.attemptsMs, nowMs] });
    const order = new AbortController();
    this.#order = order;
    void this.#run(folder, order).finally(() => {
      if (this.#order === order) this.#leave();
    });
  }

  async #run(folder: AcmeFolder, order: AbortController): Promise<void> {
    const timer = setTimeout(() => order.abort(), ORDER_MS);
    timer.unref();
    try {
      const certificateKey = await makeKey(this.options.key);
      const chain = await this.#in.order({
        options: this.options,
        accountKey: await this.#accountKey(folder),
        certificateKey,
        userAgent: this.#in.userAgent,
        show: (challenges) => this.#show(folder, challenges, order.signal),
        signal: order.signal,
      });
      if (!this.#stopped && this.#order === order) this.#finish(folder, certificateKey, chain);
    } catch (error) {
      // What was stopped is somebody else's to go on with, and no failure.
      if (!this.#stopped && this.#order === order) this.#fail(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #show(folder: AcmeFolder, challenges: readonly Challenge[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const untilMs = this.#in.clock.wallMs() + ORDER_MS;
    writeChallenges(folder, this.#names.challenges, challenges, untilMs);
    this.#answer(challenges);
    await this.#in.spread(this.#presenceIn(folder).othersHere(), signal);
  }

  #finish(folder: AcmeFolder, key: string, chain: string): void {
    const { names } = this.options;
    const { certificate, problems } = readCertificate(chain, key, null, this.#in.clock.wallMs());
    const wrong = problems.find(({ severity }) => severity === 'error');
    if (certificate === null)
      throw new AcmeFault(`what the authority sent is no good: ${wrong?.message ?? ''}`);
    const missing = names.filter((name) => !certificate.names.includes(name));
    if (missing.length > 0)
      throw new AcmeFault(`the certificate that came does not cover ${missing.slice(0, 3).join(', ')}`);
    const renewal = this.certificate !== null;
    // First of all, so that it is shown also where the folder is full.
    this.#use(certificate);
    writePair(folder, this.#names, certificate, this.#in.clock.wallMs());
    this.#pairMark = folder.markOf(this.#names.pair);
    this.#note(folder, { ...NO_ORDERS, attemptsMs: this.orders.attemptsMs });
    this.#retryMs = 0;
    sweepEnded(folder, this.#names.pair, this.#in.clock.wallMs());
    this.#in.news.issued(this, renewal);
  }

  #fail(error: unknown): void {
    const { clock, random } = this.#in;
    const nowMs = clock.wallMs();
    const why = error instanceof Error ? oneLine(error.message) : 'unknown reason';
    const askedMs = error instanceof AcmeFault ? error.retryAfterMs : 0;
    const failures = this.orders.failures + 1;
    const waitMs = retryAfterMs(failures, askedMs, random);
    this.#retryMs = Math.max(nowMs + waitMs, allowedMs(this.orders.attemptsMs, nowMs));
    const failingSinceMs = this.orders.failingSinceMs ?? nowMs;
    this.orders = { ...this.orders, failures, failingSinceMs, why, retryMs: this.#retryMs };
    this.#guarded((folder) => this.#note(folder, this.orders));
    this.#in.news.failed(this, why, this.#retryMs);
  }

  #note(folder: AcmeFolder, orders: OrderBook): void {
    this.orders = orders;
    writeOrders(folder, this.#names.orders, orders);
  }

  /** The order is over: others may. */
  #leave(): void {
    if (this.#order === null) return;
    this.#order = null;
    this.#guarded((folder) => {
      // Before the lock, behind which the next one writes his own.
      if (this.#lock?.hold() === true) folder.remove(this.#names.challenges);
      this.#lock?.release();
    });
    this.#answer([]);
  }

  /** One for all certificates of this authority in this folder. */
  async #accountKey(folder: AcmeFolder): Promise<string> {
    const known = folder.read('account.key');
    if (known !== null) return known;
    const made = await makeKey('ecdsa');
    return folder.create('account.key', made) ? made : (folder.read('account.key') ?? made);
  }

  /** A folder that cannot be used is told of, and tried again later. */
  #guarded(use: (folder: AcmeFolder) => void): void {
    try {
      this.#folder ??= AcmeFolder.open(this.options.folder, this.options.directory);
      use(this.#folder);
      if (this.#folderFailed) this.orders = readOrders(this.#folder, this.#names.orders);
      this.#folderFailed = false;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException; // `fs` throws nothing else
      const nowMs = this.#in.clock.wallMs();
      const known = this.#folderFailed;
      this.#folderFailed = true;
      this.#folderRetryMs = nowMs + FOLDER_RETRY_MS;
      const why = oneLine(`the folder ${this.options.folder} cannot be used: ${code ?? message}`);
      this.orders = { ...this.orders, failingSinceMs: this.orders.failingSinceMs ?? nowMs, why };
      // Once, not every minute.
      if (!known) this.#in.news.failed(this, why, this.#folderRetryMs);
    }
  }
}

const makePairOf = promisify(generateKeyPair);

async function makeKey(kind: AcmeOptions['key']): Promise<string> {
  const { privateKey } =
    kind === 'rsa'
      ? await makePairOf('rsa', { modulusLength: 2048 })
      : await makePairOf('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
