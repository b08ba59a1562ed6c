// One Redis server that tells of changes: beside the connection that is read on, another one on which the server pushes them.
import type { Redis } from 'ioredis';
import type { Random } from '../../base/random.ts';
import { StoreFault } from '../store.ts';
import { backOffMs } from './driver.ts';
import { replyWord } from './redis-client.ts';
import {
  type ChangeListener,
  isRefusal,
  type PushSource,
  pushedEvents,
  pushedInvalidations,
  runIdOf,
} from './redis-push.ts';

/** How often both connections are asked for a sign of life, ms. */
const BEAT_MS = 400;
/** So many beats without one and the server is lost: 1.6 to 2 s. Beats are counted, not time, so that a pause of our own is no loss. */
const BEATS_MAX = 4;
/** A server that refuses is asked again so much later, ms: somebody may have given the right meanwhile. */
const REFUSED_MS = 60_000;
/** What stood for so long begins its back-off anew, ms. */
const STEADY_MS = 10_000;

/** Who is told of one server. */
export interface ServerListener extends ChangeListener {
  /** It is connected to, and what is read there is not told of yet. */
  begins(): void;
  /** From now on every change of what is read is told. */
  stands(): void;
  /** It is not so any more, or could not be brought about. */
  lost(why: string): void;
}

/**
 * Watches for as long as `reader` lives: whenever that is ready, push is set up anew, since what a server noted for a connection goes
 * with it. `reader` is only given commands, and is closed by its owner.
 */
export class RedisServerWatch {
  readonly #reader: Redis;
  readonly #random: Random;
  readonly #listener: ServerListener;
  #push: Redis | null = null;
  #stands = false;
  /** Numbers what was begun: an answer to what was given up since is no answer. */
  #turn = 0;
  #tries = 0;
  #sinceMs = 0;
  /** Beats since the last sign of life. */
  #silent = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(reader: Redis, random: Random, listener: ServerListener) {
    this.#reader = reader;
    this.#random = random;
    this.#listener = listener;
    reader.on('ready', this.#onReady);
    reader.on('close', this.#onClose);
  }

  /** Called once, behind what the listener itself needs for the first call. */
  begin(): void {
    if (this.#reader.status === 'ready') this.#onReady();
  }

  get stands(): boolean {
    return this.#stands;
  }

  close(): void {
    this.#reader.off('ready', this.#onReady);
    this.#reader.off('close', this.#onClose);
    this.#drop();
  }

  /** What is read on a new connection is not told of yet: told before the first answer on it can come. */
  readonly #onReady = (): void => {
    this.#lose('the connection for look-ups is another one');
    this.#listener.begins();
    void this.#setUp();
  };

  readonly #onClose = (): void => this.#lose('the connection for look-ups was closed');

  #drop(): void {
    this.#turn++;
    this.#stands = false;
    clearTimeout(this.#timer);
    this.#push?.disconnect();
    this.#push = null;
  }

  #lose(why: string): void {
    const stood = this.#stands;
    this.#drop();
    if (stood) this.#listener.lost(why);
  }

  /** Never rejects. */
  async #setUp(): Promise<void> {
    const turn = ++this.#turn;
    const push = this.#open(turn);
    this.#push = push;
    try {
      await push.connect();
      // Behind one name or address there may be several servers, and the number of a connection means another one on each.
      const [own, its] = await Promise.all([runIdOf(push), runIdOf(this.#reader)]);
      if (turn !== this.#turn) return;
      if (own !== its) throw new StoreFault('down', 'its two connections lead to two servers');
      const source = await this.#source(push, turn);
      if (turn !== this.#turn) return;
      this.#stands = true;
      this.#sinceMs = performance.now();
      this.#listener.stands();
      this.#silent = 0;
      this.#beat(source, turn);
    } catch (error) {
      this.#fail(turn, wordOf(error), isRefusal(error));
    }
  }

  #open(turn: number): Redis {
    const push = this.#reader.duplicate({
      lazyConnect: true,
      retryStrategy: () => null,
      sentinelRetryStrategy: () => null,
      failoverDetector: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
      connectionName: 'limpet-push',
    });
    push.on('error', () => {});
    push.on('close', () => this.#fail(turn, 'the connection for changes was closed', false));
    return push;
  }

  /** What the server tells of by itself where it can; else its keyspace events. */
  async #source(push: Redis, turn: number): Promise<PushSource> {
    const listener = this.#whileIn(turn);
    try {
      return await pushedInvalidations(this.#reader, push, listener);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return await pushedEvents(this.#reader, push, listener, wordOf(error));
    }
  }

  /** The listener, deaf to what comes on a connection that was given up. */
  #whileIn(turn: number): ChangeListener {
    const listener = this.#listener;
    return {
      changed: (key) => {
        if (turn === this.#turn) listener.changed(key);
      },
      allChanged: () => {
        if (turn === this.#turn) listener.allChanged();
      },
      garbled: () => {
        if (turn === this.#turn) listener.garbled();
      },
    };
  }

  #beat(source: PushSource, turn: number): void {
    if (turn !== this.#turn) return;
    if (this.#silent >= BEATS_MAX) {
      this.#fail(turn, 'it gave no sign of life', false);
      return;
    }
    this.#silent++;
    source.prove().then(
      () => {
        if (turn === this.#turn) this.#silent = 0;
      },
      (error: unknown) => this.#fail(turn, wordOf(error), isRefusal(error)),
    );
    this.#timer = setTimeout(() => this.#beat(source, turn), BEAT_MS).unref();
  }

  #fail(turn: number, why: string, refused: boolean): void {
    if (turn !== this.#turn) return;
    if (this.#stands && performance.now() - this.#sinceMs > STEADY_MS) this.#tries = 0;
    this.#drop();
    this.#listener.lost(why);
    const ms = refused ? REFUSED_MS : backOffMs(++this.#tries, this.#random);
    // One that is not ready begins when it is.
    const again = (): void => {
      if (this.#reader.status === 'ready') void this.#setUp();
    };
    this.#timer = setTimeout(again, ms).unref();
  }
}

/** Ours in full, those of others by their first word: they may hold a key or a password. */
function wordOf(error: unknown): string {
  return error instanceof StoreFault ? error.message : replyWord(error);
}
