// What touching alone costs Redis: that goes on at a pace of its own, and a row of fewer requests would be charged more of it for each.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { cpuMicros } from '../test/kit/load-usage.ts';
import type { Sessions } from './session-peers.ts';

/** Longest until the first touch: a process starts for it, ms. */
const START_MS = 60_000;
/** Until touching has found its pace, ms. */
const SETTLE_MS = 500;
/** How long it is measured by itself, ms. */
const ALONE_MS = 2000;
const TOUCHES = /^cmdstat_expire:calls=(\d+)/m;

/** Made while nobody but the toucher asks Redis anything. */
export class TouchCost {
  readonly #client: Redis;
  /** CPU of Redis that one touch takes which nobody listens for, µs. */
  readonly #microsEach: number;

  private constructor(client: Redis, microsEach: number) {
    this.#client = client;
    this.#microsEach = microsEach;
  }

  static async measure({ port, pid }: Sessions): Promise<TouchCost> {
    const client = new Redis({ port, host: '127.0.0.1' });
    const beganMs = performance.now();
    while ((await touchesOf(client)) === 0) {
      if (performance.now() - beganMs > START_MS) throw new Error('nobody touches a session');
      await sleep(50);
    }
    await sleep(SETTLE_MS);
    const [touchesBefore, microsBefore] = [await touchesOf(client), cpuMicros([pid])];
    await sleep(ALONE_MS);
    const [touches, micros] = [await touchesOf(client), cpuMicros([pid])];
    return new TouchCost(client, (micros - microsBefore) / (touches - touchesBefore));
  }

  /** Begins to count; what it gives tells how much CPU a second went into touches since, µs. */
  async begin(): Promise<() => Promise<number>> {
    const before = await touchesOf(this.#client);
    const beganMs = performance.now();
    return async () => {
      const touches = (await touchesOf(this.#client)) - before;
      return (touches * this.#microsEach * 1000) / (performance.now() - beganMs);
    };
  }

  close(): void {
    this.#client.disconnect();
  }
}

async function touchesOf(client: Redis): Promise<number> {
  return Number(TOUCHES.exec(await client.info('commandstats'))?.[1] ?? 0);
}
