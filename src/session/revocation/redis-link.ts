// One connection to the Redis of revocations: asked by command, told apart by whether it answers.
import type { Cluster, Redis } from 'ioredis';
import type { DriverSpec } from '../stores/driver.ts';
import { openRedisClient, replyWord } from '../stores/redis-client.ts';

/** How often it is looked whether a connection is there, ms. */
const LOOK_MS = 20;

export class RedisLink {
  readonly #client: Redis | Cluster;
  #why = 'not connected yet';
  /** The server refused the number of the database: ioredis goes on with database 0, whose keys are not ours. */
  #wrongDatabase = false;

  /** Throws StoreProblem where the URL will never do. */
  constructor(spec: DriverSpec) {
    const client = openRedisClient(spec, false);
    this.#client = client;
    client.on('connect', () => {
      this.#wrongDatabase = false;
    });
    client.on('error', (error: unknown) => {
      this.#why = replyWord(error);
      if (error instanceof Error && /DB index/i.test(error.message)) this.#wrongDatabase = true;
    });
    client.on('close', () => {
      if (this.#why === '') this.#why = 'the connection was closed';
    });
    client.on('ready', () => {
      if (!this.#wrongDatabase) this.#why = '';
    });
  }

  get ready(): boolean {
    return this.#client.status === 'ready' && !this.#wrongDatabase;
  }

  /** Sends one command; rejects after `ms`, or with the word for what went wrong. */
  ask(ms: number, command: string, ...words: readonly (string | number)[]): Promise<unknown> {
    return this.#within(ms, () => this.#client.call(command, words.map(String)));
  }

  /** The same, where texts are answered as bytes. */
  askBytes(ms: number, command: string, ...words: readonly (string | number)[]): Promise<unknown> {
    return this.#within(ms, () => this.#client.callBuffer(command, words.map(String)));
  }

  async #within(ms: number, ask: () => Promise<unknown>): Promise<unknown> {
    if (!this.ready) throw new Error(this.#why === '' ? 'not connected' : this.#why);
    let timeout: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timeout = setTimeout(() => reject(new Error('it did not answer in time')), ms);
    });
    const asked = ask().catch((error: unknown) => {
      throw new Error(replyWord(error));
    });
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(timeout);
      // What comes after the time has nobody to go to.
      asked.catch(() => {});
    }
  }

  /** Resolves when it can be asked; rejects after `ms`. */
  async becomeReady(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    while (!this.ready) {
      if (performance.now() >= endMs) throw new Error(this.#why === '' ? 'not connected' : this.#why);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  close(): void {
    this.#client.disconnect(false);
  }
}
