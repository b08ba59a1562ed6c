// How a process ends: the delay in which others are told to send nobody more, the drain, and a successor that serves meanwhile.
import type { Config } from '../config/config.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import type { Crew } from './crew.ts';

export interface ShutdownInput {
  readonly log: Logger;
  readonly events: EventHub;
  readonly crew: Pick<Crew, 'drain' | 'tell'>;
  /** The admin side, on whose addresses a successor answers. */
  readonly admin: { close(): Promise<unknown> };
  /** Orders of certificates, which a successor is not to wait for. */
  readonly acme: { stop(): void };
  /** By the config in force. */
  readonly options: () => Config['shutdown'];
  /** Ends everything that runs, once nobody is served any more. */
  readonly close: () => Promise<void>;
}

/** Main thread. */
export class Shutdown {
  /** Resolves to the id of the process that serves in place of this one, if one ever does. */
  readonly replaced: Promise<number>;
  readonly #in: ShutdownInput;
  #stopping = false;
  #onReplaced: (pid: number) => void = () => {};
  /** Id of the successor; 0: there is none. */
  #successor = 0;
  /** Ends the delay before a drain. */
  #endDelay: () => void = () => {};
  #hurried = false;

  constructor(input: ShutdownInput) {
    this.#in = input;
    this.replaced = new Promise((resolve) => {
      this.#onReplaced = resolve;
    });
  }

  /** Whether a stop has begun. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Process `pid` accepts from the same sockets now: this one is to stop. */
  retire(pid: number): void {
    this.#successor = pid;
    this.#onReplaced(pid);
  }

  /** A stop that is under way has no more time: what is open is cut. */
  hurry(): void {
    this.#hurried = true;
    this.#endDelay();
    this.#in.crew.tell({ say: 'drain', deadlineMs: 0, handedOver: this.#successor !== 0 });
  }

  /** Waits `shutdown.delay`, drains, and ends. Where a successor serves, nobody has to be told first. */
  async stop(why: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const { log, events, crew, admin } = this.#in;
    const handedOver = this.#successor !== 0;
    const { deadlineMs, delayMs: toldMs } = this.#in.options();
    const delayMs = handedOver ? 0 : toldMs;
    log.info({ why, delayMs, deadlineMs }, 'stopping');
    this.#in.acme.stop();
    events.publish('process', 'info', `stopping: ${why}`, { delayMs, deadlineMs });
    // The successor answers on the same addresses.
    if (handedOver) void admin.close();
    if (delayMs > 0) await this.#delay(delayMs);
    const cut = await crew.drain(this.#hurried ? 0 : deadlineMs, handedOver);
    if (cut > 0) log.warn({ connections: cut }, 'the deadline came: connections were cut');
    log.info({}, 'stopped');
    await this.#in.close();
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endDelay = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
