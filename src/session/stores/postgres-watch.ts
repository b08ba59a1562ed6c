// PostgreSQL tells of changes where a trigger that the operator made sends them on a channel (docs/sessions/push.md).
import { randomBytes } from 'node:crypto';
import type { Client, Notification } from 'pg';
import type { Random } from '../../base/random.ts';
import type { StoreListener } from '../store.ts';
import { backOffMs } from './driver.ts';
import { StoreProblem } from './store-url.ts';

/** How often it is tried whether what is sent on the connections for look-ups arrives on the one for changes, ms. */
const BEAT_MS = 800;
/** So many beats that did not arrive and the channel is lost: 1.6 to 2.4 s. Beats are counted, so that a pause of our own is no loss. */
const BEATS_MAX = 2;
/** Without a trigger it is looked for again so much later, ms. */
const REFUSED_MS = 60_000;
/** What stood for so long begins its back-off anew, ms. */
const STEADY_MS = 10_000;

export interface PostgresWatchTools {
  /** The channel of the trigger. */
  readonly channel: string;
  readonly random: Random;
  /** A connection that is open to notifications; not yet connected. */
  client(): Client;
  /**
   * Sends an empty notification on one of the connections for look-ups, if every table that is asked has a trigger at all; false: one
   * has none, so that nothing was sent.
   */
  beat(channel: string): Promise<boolean>;
  /** Names an error without its text. */
  wordOf(error: unknown): string;
}

/** The name of a channel. Throws StoreProblem for one that would have to be quoted. */
export function channelOf(text: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(text)) return text;
  throw new StoreProblem('that is no channel of PostgreSQL', 'notify=limpet_session');
}

/**
 * Listens for as long as it is not closed. Because a connection behind a pooler can be somebody else's a moment later, LISTEN alone says
 * nothing: what is sent where sessions are read must arrive here, at first and ever again.
 */
export class PostgresWatch {
  readonly #in: PostgresWatchTools;
  readonly #listener: StoreListener;
  /** Of this watch alone. */
  readonly #beats = `limpet_beat_${randomBytes(8).toString('hex')}`;
  #client: Client | null = null;
  #stands = false;
  #closed = false;
  #silent = 0;
  #tries = 0;
  #sinceMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(tools: PostgresWatchTools, listener: StoreListener) {
    this.#in = tools;
    this.#listener = listener;
    void this.#setUp();
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    const client = this.#client;
    this.#client = null;
    this.#stands = false;
    clearTimeout(this.#timer);
    client?.end().catch(() => {});
  }

  /** Never rejects. */
  async #setUp(): Promise<void> {
    const client = this.#in.client();
    this.#client = client;
    this.#silent = 0;
    client.on('error', (error) => this.#fail(client, this.#in.wordOf(error)));
    client.on('end', () => this.#fail(client, 'the connection for changes was closed'));
    client.on('notification', (message) => this.#onMessage(client, message));
    try {
      await client.connect();
      await client.query(`LISTEN ${this.#in.channel}; LISTEN ${this.#beats}`);
      this.#beat(client);
    } catch (error) {
      this.#fail(client, this.#in.wordOf(error));
    }
  }

  #onMessage(client: Client, { channel, payload = '' }: Notification): void {
    if (client !== this.#client) return;
    if (channel !== this.#beats) {
      // The trigger's word for a table that was emptied.
      if (payload === '') this.#listener.allChanged();
      else this.#listener.changed(payload);
      return;
    }
    this.#silent = 0;
    if (this.#stands) return;
    this.#stands = true;
    this.#sinceMs = performance.now();
    this.#listener.vouches(true, null);
  }

  #beat(client: Client): void {
    if (client !== this.#client) return;
    if (this.#silent >= BEATS_MAX) {
      this.#fail(client, 'what is sent on its channel does not arrive');
      return;
    }
    this.#silent++;
    this.#in.beat(this.#beats).then(
      (sent) => {
        if (!sent) this.#fail(client, 'a table has no trigger that tells of changes', REFUSED_MS);
      },
      // What cannot be sent does not arrive either.
      () => {},
    );
    this.#timer = setTimeout(() => this.#beat(client), BEAT_MS).unref();
  }

  #fail(client: Client, why: string, againMs?: number): void {
    if (client !== this.#client) return;
    if (this.#stands && performance.now() - this.#sinceMs > STEADY_MS) this.#tries = 0;
    this.#drop();
    if (this.#closed) return;
    this.#listener.vouches(false, `postgres: ${why}`);
    const again = (): void => void this.#setUp();
    this.#timer = setTimeout(again, againMs ?? backOffMs(++this.#tries, this.#in.random)).unref();
  }
}
