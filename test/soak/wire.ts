// How the load asks: one request after another on raw connections, each in the books from its last head byte on.
import { type Message, statusOf, value } from '../kit/http-message.ts';
import { type Bytes, PeerGone } from '../kit/peer.ts';
import type { RawClient } from '../kit/raw-client.ts';
import type { Books } from './books.ts';
import { type Door, openDoor } from './door.ts';

/** Longer than any timeout of the Limpet under test several times over: who waits so long was forgotten. */
const FORGOTTEN_MS = 60_000;

/** A connection of the load; what goes wrong on it is in the books, so that no call here throws. */
export class Wire {
  readonly client: RawClient;
  readonly #kind: string;
  readonly #books: Books;

  private constructor(client: RawClient, kind: string, books: Books) {
    this.client = client;
    this.#kind = kind;
    this.#books = books;
  }

  /** Null: the connection could not be made. */
  static async open(door: Door, kind: string, books: Books): Promise<Wire | null> {
    try {
      return new Wire(await openDoor(door), door.secure ? `${kind} by TLS` : kind, books);
    } catch {
      books.unsent++;
      return null;
    }
  }

  /** Usable for another request. */
  get open(): boolean {
    return this.client.ending === 'open' && !this.client.socket.destroyed;
  }

  /** Sends `request` and takes its answer; null: none came whole, and the connection is of no more use. */
  async ask(request: Bytes, id: string, method = 'GET'): Promise<Message | null> {
    this.client.send(request);
    return this.answer(id, method);
  }

  /** Takes the next final answer, which must be that to `id` ('' where the app cannot say). */
  async answer(id: string, method = 'GET'): Promise<Message | null> {
    let found: Message;
    try {
      found = await this.client.finalAnswer(method, FORGOTTEN_MS);
    } catch (error) {
      this.#books.broken++;
      if (!(error instanceof PeerGone)) this.#books.wrong(this.#kind, String(error).slice(0, 400));
      this.client.destroy();
      return null;
    }
    this.#books.answered(this.#kind, statusOf(found));
    const asked = value(found, 'x-asked');
    if (asked !== undefined && asked !== id) {
      this.#books.wrong(this.#kind, `asked for ${id}, was told ${asked}`);
    }
    if (value(found, 'connection')?.toLowerCase() === 'close') this.client.destroy();
    return found;
  }

  /** Waits until something of an answer is there, or the connection ends. */
  async begun(): Promise<void> {
    try {
      await this.client.until(() => (this.client.received.length > 0 ? true : null), 'begin', FORGOTTEN_MS);
    } catch (error) {
      if (!(error instanceof PeerGone)) this.#books.wrong(this.#kind, String(error).slice(0, 400));
    }
  }

  /** Leaves, by FIN or by RST. `heads`: requests whose head was sent and which are not answered. */
  leave(heads: number, hard: boolean): void {
    this.#books.broken += heads;
    if (heads === 0) this.#books.unsent++;
    if (hard) this.client.reset();
    else this.client.destroy();
  }
}

let last = 0;

/** A word that no other request carries. */
export function freshId(): string {
  last++;
  return `r${last}`;
}

/** The head of a request to the soak's host. `lines`: further fields, each with its CRLF. */
export function headOf(method: string, path: string, id: string, lines = ''): string {
  const query = path.includes('?') ? '&' : '?';
  return `${method} ${path}${query}id=${id} HTTP/1.1\r\nHost: soak.test\r\n${lines}\r\n`;
}
