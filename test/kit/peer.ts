// One end of a TCP connection under a test's hand: every byte that came is kept, every wait has a deadline, every way to end is there.
import type { Socket } from 'node:net';

export type Bytes = string | Uint8Array;

/** Latin-1, so that a test writes any byte as `\x80` in a string. */
export function bytesOf(data: Bytes): Buffer {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data);
}

/** A wait that the connection's end made pointless. */
export class PeerGone extends Error {
  override name = 'PeerGone';
}

/** How the other side ended: not yet, by FIN, or by RST. */
export type Ending = 'open' | 'end' | 'reset';

export class Peer {
  readonly socket: Socket;
  ending: Ending = 'open';
  closed = false;
  #pieces: Buffer[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => {
      this.#pieces.push(piece);
      this.#wake();
    });
    socket.on('end', () => {
      if (this.ending === 'open') this.ending = 'end';
      this.#wake();
    });
    socket.on('error', () => {
      this.ending = 'reset';
      this.#wake();
    });
    socket.on('close', () => {
      this.closed = true;
      if (this.ending === 'open') this.ending = 'end';
      this.#wake();
    });
  }

  /** Every byte that came and was not taken by `take`. */
  get received(): Buffer {
    if (this.#pieces.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#pieces]);
      this.#pieces = [];
    }
    return this.#bytes;
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  /** Takes the first `length` bytes out of `received`. */
  take(length: number): Buffer {
    const taken = this.received.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  /** Writes; bytes for a connection that is gone are dropped, as a network would. */
  send(data: Bytes): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(bytesOf(data));
  }

  /** Writes byte by byte, each in its own turn of the event loop. */
  async sendByByte(data: Bytes): Promise<void> {
    for (const byte of bytesOf(data)) {
      this.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** FIN: says that no more bytes come, and goes on reading. */
  halfClose(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Waits until `found` gives something else than null or undefined. Throws when `ms` pass, or PeerGone when the connection has ended and it still gives nothing. */
  until<T>(found: () => T | null | undefined, what: string, ms = 5000): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const look = (): void => {
        try {
          const it = found();
          if (it !== null && it !== undefined) settle(() => resolve(it));
          else if (this.ending !== 'open')
            settle(() => reject(new PeerGone(this.#story(`ended before ${what}`))));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const late = setTimeout(
        () => settle(() => reject(new Error(this.#story(`no ${what} in ${ms} ms`)))),
        ms,
      );
      const settle = (end: () => void): void => {
        clearTimeout(late);
        this.#waiting.delete(look);
        end();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Waits for a text among the received bytes. */
  async untilText(text: string, ms?: number): Promise<void> {
    await this.until(() => (this.text.includes(text) ? true : null), JSON.stringify(text), ms);
  }

  /** Waits until the other side ends, and says how. */
  async untilEnd(ms?: number): Promise<Ending> {
    return this.until(() => (this.ending === 'open' ? null : this.ending), 'end of the connection', ms);
  }

  #story(what: string): string {
    const text = this.text;
    return `${what}; connection ${this.ending}, received ${JSON.stringify(text.length > 600 ? `${text.slice(0, 600)}…` : text)}`;
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }
}
