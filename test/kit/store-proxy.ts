// A port in front of a Redis that can refuse, be slow, and count the look-ups that are on the wire.
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Owner } from './child.ts';
import { freePort } from './ports.ts';

/** Every look-up asks for the time that is left once, and is answered a number to it. */
const QUESTION = 'pttl\r\n';
const ANSWER = '\n:';

/** Counts a word in a stream, also where it is cut in two. */
class WordCount {
  readonly #word: string;
  #rest = '';

  constructor(word: string) {
    this.#word = word;
  }

  of(bytes: Buffer): number {
    const text = this.#rest + bytes.toString('latin1');
    this.#rest = text.slice(-(this.#word.length - 1));
    // The rest is shorter than the word, so that nothing is counted twice.
    return text.split(this.#word).length - 1;
  }
}

export class StoreProxy {
  readonly port: number;
  readonly target: number;
  /** How long each answer is held back, ms. */
  delayMs = 0;
  /** Look-ups that were sent and not answered yet. */
  inFlight = 0;
  /** Look-ups that were answered. */
  answered = 0;
  /** Told after each look-up that is sent on. */
  onLookup: () => void = () => {};
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  private constructor(port: number, target: number) {
    this.port = port;
    this.target = target;
  }

  /** Listens on a port of its own, before a server of this machine. */
  static async open(owner: Owner, target: number): Promise<StoreProxy> {
    const proxy = new StoreProxy(await freePort(), target);
    await proxy.accept();
    owner.teardown(() => proxy.refuse());
    return proxy;
  }

  /** Cuts every connection, and refuses new ones. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    this.inFlight = this.answered = 0;
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  async accept(): Promise<void> {
    const server = createServer((client) => this.#serve(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  #serve(client: Socket): void {
    const store = connect({ port: this.target, host: '127.0.0.1' });
    for (const [one, other] of [
      [client, store],
      [store, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    const questions = new WordCount(QUESTION);
    const answers = new WordCount(ANSWER);
    client.on('data', (bytes: Buffer) => {
      this.inFlight += questions.of(bytes);
      this.onLookup();
      store.write(bytes);
    });
    let lastMs = 0;
    store.on('data', (bytes: Buffer) => {
      const pass = (): void => {
        const many = answers.of(bytes);
        if (client.destroyed) return;
        this.inFlight -= many;
        this.answered += many;
        client.write(bytes);
      };
      const nowMs = performance.now();
      // In the order in which they came, also when the delay becomes shorter.
      lastMs = Math.max(lastMs, nowMs + this.delayMs);
      if (lastMs > nowMs) setTimeout(pass, lastMs - nowMs);
      else pass();
    });
  }
}
