// A connection to Redis that is made again until it is closed here, whatever made ioredis give it up.
import { Redis, type RedisOptions } from 'ioredis';
import type { Random } from '../../base/random.ts';
import { backOffMs } from './driver.ts';

/**
 * Because: ioredis 6 ends a client for good, past its `retryStrategy`, when a sentinel tells of a new master in the moment in which the
 * client asks a sentinel for the old one (SentinelConnector.connect throws, and Redis.connect takes that for the end).
 */
export class LastingRedis extends Redis {
  readonly #random: Random;
  #closed = false;
  #ends = 0;

  constructor(options: RedisOptions & { readonly replyMapping?: 'legacy' }, random: Random) {
    super(options);
    this.#random = random;
    this.on('ready', () => {
      this.#ends = 0;
    });
    this.on('end', () => this.#beginAgain());
  }

  /** `reconnect` false or left out: it is closed for good. */
  override disconnect(reconnect = false): void {
    if (!reconnect) this.#closed = true;
    super.disconnect(reconnect);
  }

  #beginAgain(): void {
    if (this.#closed) return;
    const timer = setTimeout(
      () => {
        // What goes wrong is told by the event `error`, and leads here again.
        if (!this.#closed && this.status === 'end') this.connect().catch(() => {});
      },
      backOffMs(++this.#ends, this.#random),
    );
    timer.unref();
  }
}
