// The open connections of an admin server: at the bound the oldest one that nobody was let in on gives way, so that a stranger who holds many open keeps nobody out.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** One connection. */
interface Guest {
  readonly socket: Socket;
  /** Calls that are answered on it to somebody who was let in. */
  calls: number;
  /** Somebody was let in on it before. */
  known: boolean;
}

const NOTHING = (): void => {};

/** A newcomer has the time until as many again have come: enough for whoever sends his request at once. */
export class Crowd {
  readonly #max: number;
  /** The oldest first. */
  readonly #guests = new Map<Socket | string, Guest>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts the connections of `server` from now on. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const key = keyOf(socket);
      const guest = { socket, calls: 0, known: false };
      if (this.#guests.size >= this.#max) this.#makeRoom();
      this.#guests.set(key, guest);
      socket.once('close', () => {
        if (this.#guests.get(key) === guest) this.#guests.delete(key);
      });
    });
  }

  /** Whoever asks on `socket` was let in: the connection stays until what is returned is called, and is the last to go afterwards. */
  hold(socket: Socket): () => void {
    const guest = this.#guests.get(keyOf(socket));
    if (guest === undefined) return NOTHING;
    guest.known = true;
    guest.calls++;
    return () => {
      guest.calls--;
    };
  }

  #makeRoom(): void {
    let oldest: Guest | null = null;
    for (const guest of this.#guests.values()) {
      if (guest.calls > 0) continue;
      if (!guest.known) {
        oldest = guest;
        break;
      }
      oldest ??= guest;
    }
    if (oldest === null) return;
    this.#guests.delete(keyOf(oldest.socket));
    oldest.socket.destroy();
  }
}

/** By its other end, since TLS is another object than the socket below; a unix socket, which has no name there, is known by itself. */
function keyOf(socket: Socket): Socket | string {
  const { remoteAddress, remotePort } = socket;
  return remotePort === undefined ? socket : `${remoteAddress} ${remotePort}`;
}
