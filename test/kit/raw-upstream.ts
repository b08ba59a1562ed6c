// An upstream that a test scripts byte by byte, and that keeps what it was sent: the proof of what Limpet did and did not forward.
import { createServer, type Server } from 'node:net';
import t from 'tap';
import type { Owner } from './child.ts';
import { type Head, type Message, readHead, readRequest } from './http-message.ts';
import { type Bytes, Peer, PeerGone } from './peer.ts';
import { freePort } from './ports.ts';

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** One request as it reached the upstream: its head at once, its message once all of it came. */
export class Exchange {
  readonly head: Head;
  readonly connection: UpstreamConnection;
  /** Null for as long as the message is not complete; forever, when the connection ended first. */
  message: Message | null = null;

  constructor(head: Head, connection: UpstreamConnection) {
    this.head = head;
    this.connection = connection;
  }

  get method(): string {
    return this.head.start.split(' ')[0]!;
  }

  get target(): string {
    return this.head.start.split(' ')[1]!;
  }

  /** Waits for the rest of the request. Throws PeerGone when the connection ends first. */
  async whole(ms = 20_000): Promise<Message> {
    if (this.message) return this.message;
    const found = await this.connection.until(
      () => readRequest(this.connection.received),
      'whole request',
      ms,
    );
    this.connection.take(found.raw.length);
    this.message = found;
    return found;
  }

  send(data: Bytes): void {
    this.connection.send(data);
  }
}

export class UpstreamConnection extends Peer {
  readonly exchanges: Exchange[] = [];
}

/** What to do with a request; called once its head is there. `await exchange.whole()` to read it all first. */
export type Script = (exchange: Exchange) => void | Promise<void>;

/** Reads the whole request, then answers. */
export function answering(answer: Bytes | ((message: Message) => Bytes)): Script {
  return async (exchange) => {
    const message = await exchange.whole();
    exchange.send(typeof answer === 'function' ? answer(message) : answer);
  };
}

export class RawUpstream {
  readonly port: number;
  readonly server: Server;
  readonly connections: UpstreamConnection[] = [];
  readonly exchanges: Exchange[] = [];
  /** Messages from Limpet that were no HTTP, and scripts that failed. A test ends by finding this empty. */
  readonly errors: Error[] = [];
  script: Script = answering(OK);
  /** Called for each new connection, before any byte. */
  greet: ((connection: UpstreamConnection) => void) | null = null;
  #watchers = new Set<() => void>();

  private constructor(port: number, server: Server) {
    this.port = port;
    this.server = server;
  }

  /** Listens on 127.0.0.1, on `port` or a free one; closed with its owner. */
  static async listen(
    options: { readonly port?: number; readonly owner?: Owner } = {},
  ): Promise<RawUpstream> {
    const port = options.port ?? (await freePort());
    const server = createServer({ allowHalfOpen: true });
    const upstream = new RawUpstream(port, server);
    server.on('connection', (socket) => {
      const connection = new UpstreamConnection(socket);
      upstream.connections.push(connection);
      // Half-open connections are left to the scripts; one that nobody works on is closed in return.
      socket.once('end', () => setImmediate(() => upstream.#wake()));
      socket.once('close', () => upstream.#wake());
      upstream.greet?.(connection);
      void upstream.#serve(connection);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    (options.owner ?? t).teardown(() => upstream.close());
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get last(): Exchange {
    return this.exchanges.at(-1)!;
  }

  /** Forgets what it saw, so that the next case counts from zero. Open connections stay. */
  forget(): void {
    this.exchanges.length = 0;
    this.connections.splice(0, this.connections.length, ...this.connections.filter((c) => !c.closed));
  }

  /** The requests whose target starts with `prefix`. */
  seen(prefix: string): Exchange[] {
    return this.exchanges.filter((e) => e.target.startsWith(prefix));
  }

  /** Waits until `found` gives something else than null or undefined; looked at whenever a head comes or a connection ends. */
  until<T>(found: () => T | null | undefined, what: string, ms = 5000): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const it = found();
        if (it !== null && it !== undefined) settle(() => resolve(it));
      };
      const late = setTimeout(() => settle(() => reject(new Error(`upstream: no ${what} in ${ms} ms`))), ms);
      const settle = (end: () => void): void => {
        clearTimeout(late);
        this.#watchers.delete(look);
        end();
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Waits for the first request whose target starts with `prefix`. */
  request(prefix: string, ms?: number): Promise<Exchange> {
    return this.until(() => this.seen(prefix)[0], `request for ${prefix}`, ms);
  }

  close(): void {
    this.server.close();
    for (const connection of this.connections) connection.destroy();
  }

  async #serve(connection: UpstreamConnection): Promise<void> {
    try {
      for (;;) {
        const head = await connection.until(() => readHead(connection.received), 'request head', 600_000);
        const exchange = new Exchange(head, connection);
        connection.exchanges.push(exchange);
        this.exchanges.push(exchange);
        this.#wake();
        await this.script(exchange);
        if (connection.closed) return;
        await exchange.whole(600_000);
      }
    } catch (error) {
      if (!(error instanceof PeerGone)) this.errors.push(error as Error);
      connection.destroy();
    }
  }

  #wake(): void {
    for (const look of this.#watchers) look();
  }
}
