// A worker's connections to the Redis of shared rate limits: one script call a request, for a bounded time, and none while it is away.
import { createHash } from 'node:crypto';
import { Cluster, type Redis } from 'ioredis';
import { systemClock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import type { SharedLimitsConfig } from '../config/config.ts';
import {
  readAnswer,
  type SharedBuckets,
  type SharedQuestion,
  type SharedWaiter,
  TAKE_SCRIPT,
} from '../limit/shared-buckets.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import { StoreFault } from '../session/store.ts';
import { tlsOf } from '../session/stores/open-store.ts';
import { Pulse } from '../session/stores/pulse.ts';
import { openRedisClient, replyWord } from '../session/stores/redis-client.ts';
import { parseStoreUrl, storeLabel } from '../session/stores/store-url.ts';

/** Questions on their way at a time, for each worker; more are not asked. */
const ASKED_MAX = 1000;
/** A connection that is made for the first time is no fault for so long, ms. */
const FIRST_MS = 2000;
const SCRIPT_SHA = createHash('sha1').update(TAKE_SCRIPT).digest('hex');

/** Told when a Redis begins or ceases to answer. `where` names no password. */
export type OnLimitsChange = (where: string, up: boolean, why: string | null) => void;

/** All links of one worker, each once, however many generations of the config name it. */
export class LimitLinks {
  readonly #open = new Map<string, LimitLink>();
  readonly #book: MetricBook;
  readonly #random: Random;
  readonly #onChange: OnLimitsChange;

  constructor(book: MetricBook, random: Random, onChange: OnLimitsChange) {
    this.#book = book;
    this.#random = random;
    this.#onChange = onChange;
  }

  /** Those of a config, as it numbers them. */
  open(configs: readonly SharedLimitsConfig[]): readonly SharedBuckets[] {
    return configs.map((config) => {
      const key = JSON.stringify(config);
      const link = this.#open.get(key) ?? new LimitLink(config, this.#book, this.#random, this.#onChange);
      this.#open.set(key, link);
      return link;
    });
  }

  /** Closes those that none of these configs has. */
  keep(configs: readonly SharedLimitsConfig[]): void {
    const wanted = new Set(configs.map((config) => JSON.stringify(config)));
    for (const [key, link] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      link.close();
    }
  }
}

class LimitLink implements SharedBuckets {
  readonly deadlineMs: number;
  readonly #client: Redis | Cluster;
  readonly #pulse: Pulse;
  readonly #prefix: string;
  readonly #book: MetricBook;
  readonly #answered: number;
  readonly #late: number;
  readonly #local: number;
  readonly #upCell: number;
  readonly #openedMs = performance.now();
  #asked = 0;
  #why = 'not connected yet';
  #corked = false;

  constructor(config: SharedLimitsConfig, book: MetricBook, random: Random, onChange: OnLimitsChange) {
    const url = parseStoreUrl(config.url);
    const where = storeLabel(url);
    this.deadlineMs = config.deadlineMs;
    this.#prefix = config.prefix;
    this.#book = book;
    const counter = (result: string): number => book.counter('limpet_rate_limit_shared_total', { result });
    this.#answered = counter('answered');
    this.#late = counter('late');
    this.#local = counter('local');
    this.#upCell = book.gauge('limpet_rate_limit_shared_up', {});
    this.#count(this.#upCell);
    this.#client = openRedisClient(
      {
        url,
        tls: tlsOf(config, url),
        replicas: false,
        deadlineMs: config.deadlineMs,
        concurrency: ASKED_MAX,
        folder: '',
        clock: systemClock,
        random,
      },
      false,
    );
    this.#client.on('error', (error: unknown) => {
      this.#why = replyWord(error);
    });
    this.#client.on('ready', () => {
      this.#why = '';
    });
    this.#pulse = new Pulse({
      ping: () => this.#ping(),
      deadlineMs: config.deadlineMs,
      tools: {
        clock: systemClock,
        timers: systemTimers,
        random,
        changed: ({ up, why }) => {
          this.#book.values[this.#upCell]! += up ? 1 : -1;
          onChange(where, up, why);
        },
      },
    });
  }

  async #ping(): Promise<void> {
    if (this.#client.status !== 'ready') throw new StoreFault('down', this.#whyAway);
    try {
      await this.#client.ping();
    } catch (error) {
      throw new StoreFault('down', replyWord(error));
    }
  }

  get #whyAway(): string {
    return this.#why === '' ? 'not connected' : this.#why;
  }

  ask(questions: readonly SharedQuestion[], waiter: SharedWaiter): boolean {
    if (!this.#pulse.state.up || this.#asked >= ASKED_MAX) {
      this.#count(this.#local);
      return false;
    }
    if (this.#client.status !== 'ready') {
      this.#count(this.#local);
      if (performance.now() - this.#openedMs > FIRST_MS) this.#pulse.struck(this.#whyAway);
      return false;
    }
    const { outages } = this.#pulse;
    this.#asked++;
    waiter.waitsFor = this;
    this.#take(questions).then(
      (reply) => this.#answer(readAnswer(reply, questions.length), waiter, outages),
      (error: unknown) => {
        this.#why = replyWord(error);
        this.#answer(null, waiter, outages);
      },
    );
    return true;
  }

  #answer(answer: ReturnType<typeof readAnswer>, waiter: SharedWaiter, outages: number): void {
    this.#asked--;
    const waited = waiter.waitsFor === this;
    waiter.waitsFor = null;
    if (answer !== null) {
      // What comes late is no sign of health: the request has gone on without it.
      if (waited) this.#pulse.well();
    } else if (outages === this.#pulse.outages) {
      this.#pulse.struck(this.#why);
    }
    if (!waited) return;
    this.#count(answer === null ? this.#local : this.#answered);
    waiter.onShared(answer);
  }

  async #take(questions: readonly SharedQuestion[]): Promise<unknown> {
    const keys = questions.map(({ key }) => `${this.#prefix}:${key}`);
    const args = questions.flatMap(({ intervalUs, toleranceUs, dryRun }) => [
      String(intervalUs),
      String(toleranceUs),
      dryRun ? '1' : '0',
    ]);
    this.#cork();
    try {
      return await this.#client.evalsha(SCRIPT_SHA, keys.length, ...keys, ...args);
    } catch (error) {
      // A server that was started anew, or another of a cluster, does not know the script yet.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.#client.eval(TAKE_SCRIPT, keys.length, ...keys, ...args);
    }
  }

  /** What is asked in one turn of the event loop leaves in one write. */
  #cork(): void {
    if (this.#corked || this.#client instanceof Cluster) return;
    this.#corked = true;
    const { stream } = this.#client;
    stream.cork();
    setImmediate(() => {
      this.#corked = false;
      stream.uncork();
    });
  }

  late(): void {
    this.#count(this.#late);
    this.#pulse.struck('it did not answer in time');
  }

  close(): void {
    this.#pulse.close();
    if (this.#pulse.state.up) this.#book.values[this.#upCell]!--;
    this.#client.disconnect(false);
  }

  #count(cell: number): void {
    this.#book.values[cell]!++;
  }
}
