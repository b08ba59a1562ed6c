// The open streams of events: each reader is sent what happens as it happens; one that does not keep up is cut, so that none can fill the memory.
import type { ServerResponse } from 'node:http';
import type { HouseEvent } from '../observe/event-hub.ts';
import { beginEvents } from './event-source.ts';
import type { AdminView } from './view.ts';

/** Readers at a time: pages and terminals of a whole team. */
export const STREAMS_MAX = 32;
/** What waits for one reader at most, bytes: twice all events that are kept. */
const UNREAD_BYTES_MAX = 512 * 1024;
/** A comment goes out this often, so that proxies between keep an idle stream, and a reader that is gone is noticed. */
const HEARTBEAT_MS = 15_000;
/** How long a browser waits before it comes back. */
const RETRY_MS = 2000;

export class EventStreams {
  readonly #events: AdminView['events'];
  readonly #heartbeatMs: number;
  readonly #open = new Set<ServerResponse>();
  #silence: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(events: AdminView['events'], heartbeatMs = HEARTBEAT_MS) {
    this.#events = events;
    this.#heartbeatMs = heartbeatMs;
  }

  get full(): boolean {
    return this.#open.size >= STREAMS_MAX;
  }

  /** Streams to `response` until either side ends. `after`: the last id that the reader knows, 0: all that is kept; null: from now on. */
  add(response: ServerResponse, after: number | null): void {
    beginEvents(response, () => this.#remove(response));
    response.write(`retry: ${RETRY_MS}\n\n${after === null ? '' : this.#missed(after)}`);
    if (this.#open.size === 0) this.#begin();
    this.#open.add(response);
  }

  /** Ends all of them, as an answer ends that is complete. */
  close(): void {
    for (const response of this.#open) response.end();
  }

  /** What happened after that id. Ids of an earlier process tell nothing here, so all that is kept is told then. */
  #missed(after: number): string {
    const kept = this.#events.since(after > this.#events.last ? 0 : after);
    const lost = after > this.#events.last ? 0 : (kept[0]?.id ?? after + 1) - after - 1;
    const gap = lost > 0 && after > 0 ? `event: gap\ndata: {"lost":${lost}}\n\n` : '';
    return gap + kept.map(blockOf).join('');
  }

  #begin(): void {
    this.#silence = this.#events.listen((event) => this.#tell(blockOf(event)));
    this.#timer = setInterval(() => this.#tell(':\n\n'), this.#heartbeatMs);
    this.#timer.unref();
  }

  #remove(response: ServerResponse): void {
    if (!this.#open.delete(response) || this.#open.size > 0) return;
    this.#silence?.();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tell(text: string): void {
    for (const response of this.#open) {
      if (response.writableEnded) continue;
      // What the system has taken is not counted; what waits here is all that a reader can cost us.
      if (response.writableLength + text.length > UNREAD_BYTES_MAX) response.destroy();
      else response.write(text);
    }
  }
}

/** One event in the form of the HTML standard, section 9.2.5. JSON has no line break, so one line of data is enough. */
function blockOf(event: HouseEvent): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
}
