// The open streams of live states: one text a second for all readers; to one that does not keep up, states are left out, since the next tells all.
import type { ServerResponse } from 'node:http';
import { beginEvents } from './event-source.ts';
import type { LiveFeed, LiveHello, LiveSnapshot } from './live-view.ts';

/** Readers at a time: pages and terminals of a whole team. */
export const WATCHERS_MAX = 32;
/** What waits for one reader at most, bytes, and one state more. */
const UNREAD_BYTES_MAX = 512 * 1024;
/** A reader that takes nothing for so many states is let go. */
const LEFT_OUT_MAX = 30;

export class LiveStreams {
  readonly #feed: LiveFeed;
  /** How many states in a row were left out for each reader. */
  readonly #leftOut = new Map<ServerResponse, number>();
  #unwatch: (() => void) | null = null;

  constructor(feed: LiveFeed) {
    this.#feed = feed;
  }

  get full(): boolean {
    return this.#leftOut.size >= WATCHERS_MAX;
  }

  /** Streams to `response` until either side ends: who asks, the state now, and then each second's. */
  add(response: ServerResponse, hello: LiveHello): void {
    beginEvents(response, () => this.#remove(response));
    response.write(blockOf('hello', hello) + blockOf('live', this.#feed.snapshot()));
    this.#leftOut.set(response, 0);
    this.#unwatch ??= this.#feed.watch((snapshot) => this.#tell(snapshot));
  }

  /** Ends all of them, as an answer ends that is complete. */
  close(): void {
    for (const response of this.#leftOut.keys()) response.end();
  }

  #remove(response: ServerResponse): void {
    if (!this.#leftOut.delete(response) || this.#leftOut.size > 0) return;
    this.#unwatch?.();
    this.#unwatch = null;
  }

  #tell(snapshot: LiveSnapshot): void {
    const text = blockOf('live', snapshot);
    for (const [response, leftOut] of this.#leftOut) {
      if (response.writableEnded) continue;
      if (response.writableLength <= UNREAD_BYTES_MAX) {
        response.write(text);
        this.#leftOut.set(response, 0);
      } else if (leftOut + 1 >= LEFT_OUT_MAX) response.destroy();
      else this.#leftOut.set(response, leftOut + 1);
    }
  }
}

/** One event in the form of the HTML standard, section 9.2.5. JSON has no line break, so one line of data is enough. */
function blockOf(event: 'hello' | 'live', data: LiveHello | LiveSnapshot): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
