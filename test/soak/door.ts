// The ways in to the Limpet under test: plain and by TLS, with tickets that may be any worker's.
import { connect, type Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { RawClient } from '../kit/raw-client.ts';

/** One of its listeners. */
export interface Door {
  readonly port: number;
  readonly secure: boolean;
}

/** What the soak's names are; the certificates are nobody's whom a client knows. */
const NAME = 'soak.test';
export const WS_OPTIONS = { headers: { host: NAME }, rejectUnauthorized: false, servername: NAME } as const;

/** `scheme`: http or ws. */
export function urlOf({ port, secure }: Door, scheme: 'http' | 'ws'): string {
  return `${scheme}${secure ? 's' : ''}://127.0.0.1:${port}`;
}

/** The last ticket that was given out at a port: each second handshake shows it. */
const tickets = new Map<number, Buffer>();
let handshakes = 0;

/** Connects; rejects where nobody listens or no handshake comes about. */
export function openDoor({ port, secure }: Door): Promise<RawClient> {
  if (!secure) return RawClient.open(port);
  return new Promise((resolve, reject) => {
    const raw = connect({ port, host: '127.0.0.1' });
    const session = handshakes++ % 2 === 0 ? undefined : tickets.get(port);
    const socket = tlsConnect({
      socket: raw,
      servername: NAME,
      rejectUnauthorized: false,
      ...(session && { session }),
    });
    socket.on('session', (ticket: Buffer) => tickets.set(port, ticket));
    raw.on('error', reject);
    socket.on('error', reject);
    // An end before the handshake is no error to Node.
    socket.on('close', () => reject(new Error('closed in the handshake')));
    socket.once('secureConnect', () => resolve(new SecureClient(socket, raw)));
  });
}

/** Its reset is one of TCP, as of a client that is gone. */
class SecureClient extends RawClient {
  readonly #raw: Socket;

  constructor(socket: TLSSocket, raw: Socket) {
    super(socket);
    this.#raw = raw;
  }

  override reset(): void {
    this.#raw.resetAndDestroy();
    this.socket.destroy();
  }
}

/** A handshake that does not come to its end. */
export class Handshake {
  readonly #raw: Socket;

  private constructor(raw: Socket) {
    this.#raw = raw;
  }

  /** Connects, and says `words`, or the beginning of a hello. Null: nobody listens. */
  static begin(port: number, words: string | null): Promise<Handshake | null> {
    return new Promise((resolve) => {
      const raw = connect({ port, host: '127.0.0.1' });
      raw.on('error', () => resolve(null));
      raw.once('connect', () => {
        // Five octets of a record of 512, of which no more comes: RFC 8446, 5.1.
        raw.write(words ?? Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
        resolve(new Handshake(raw));
      });
    });
  }

  /** By FIN or by RST. */
  leave(hard: boolean): void {
    if (hard) this.#raw.resetAndDestroy();
    else this.#raw.destroy();
  }
}
