// One connection to one Memcached server: questions pipelined, answers in order, made anew with back-off when it breaks.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { StoreFault } from '../store.ts';
import { backOffMs, codeOf, type DriverSpec, settleMs, tlsOptions } from './driver.ts';
import { Garbage, type MemcachedProtocol, type MemcachedReply } from './memcached-reply.ts';
import type { StoreHost } from './store-url.ts';

interface Waiting {
  readonly atMs: number;
  readonly resolve: (reply: MemcachedReply) => void;
  readonly reject: (fault: StoreFault) => void;
}

/** What is asked before it is ready fails at once. */
export class MemcachedConnection {
  /** Settles when the first connection is ready or has failed. */
  readonly begun: Promise<void>;
  readonly #host: StoreHost;
  readonly #protocol: MemcachedProtocol;
  readonly #spec: DriverSpec;
  readonly #settleMs: number;
  #settled: () => void = () => {};
  #socket: Socket | null = null;
  #ready = false;
  #closed = false;
  #why = 'not connected yet';
  #tries = 0;
  #corked = false;
  #waiting: Waiting[] = [];
  /** Bytes that are no whole reply yet, and how many there must be before it is worth looking again. */
  #chunks: Buffer[] = [];
  #length = 0;
  #need = 1;
  /** Bytes of a value that was too long. */
  #skip = 0;
  #watch: NodeJS.Timeout | null = null;
  #again: NodeJS.Timeout | null = null;

  constructor(host: StoreHost, protocol: MemcachedProtocol, spec: DriverSpec) {
    this.#host = host;
    this.#protocol = protocol;
    this.#spec = spec;
    this.#settleMs = settleMs(spec.deadlineMs);
    this.begun = new Promise((resolve) => {
      this.#settled = resolve;
    });
    this.#open();
  }

  ask(question: Uint8Array): Promise<MemcachedReply> {
    if (!this.#ready) return Promise.reject(new StoreFault('down', `memcached: ${this.#why}`));
    return this.#send(question);
  }

  close(): void {
    this.#closed = true;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#broken('the store was closed');
  }

  #open(): void {
    this.#again = null;
    const { host, port } = this.#host;
    const { tls } = this.#spec;
    const socket =
      tls === null ? connect({ host, port }) : connectTls({ host, port, ...tlsOptions(tls, host) });
    this.#socket = socket;
    socket.setNoDelay(true);
    const mine = (): boolean => this.#socket === socket;
    socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      if (mine()) this.#greet();
    });
    socket.on('data', (chunk: Buffer) => {
      if (mine()) this.#read(chunk);
    });
    socket.on('error', (error) => {
      if (mine()) this.#broken(codeOf(error));
    });
    socket.on('close', () => {
      if (mine()) this.#broken('the connection was closed');
    });
    this.#watch = setTimeout(() => this.#broken('no connection in time'), this.#settleMs);
  }

  #greet(): void {
    const replies = this.#protocol.greetings.map((greeting) => this.#send(greeting));
    Promise.all(replies).then(
      (replies) => {
        for (const reply of replies) {
          if (reply.kind === 'refused') return this.#broken(reply.why);
          this.#protocol.greeted(reply);
        }
        this.#ready = true;
        this.#tries = 0;
        this.#settled();
      },
      // It broke, which was seen to there.
      () => {},
    );
  }

  #send(question: Uint8Array): Promise<MemcachedReply> {
    const socket = this.#socket!;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      setImmediate(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    socket.write(question);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ atMs: this.#spec.clock.nowMs(), resolve, reject });
      if (this.#waiting.length === 1) this.#watchFirst();
    });
  }

  /** Cuts the connection off when the first question is not answered for long. */
  #watchFirst(): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
    const first = this.#waiting[0];
    if (first === undefined) return;
    const ms = first.atMs + this.#settleMs - this.#spec.clock.nowMs();
    this.#watch = setTimeout(() => this.#broken('no answer'), Math.max(1, ms));
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, rest.length);
      this.#skip -= skipped;
      rest = rest.subarray(skipped);
    }
    if (rest.length === 0) return;
    this.#chunks.push(rest);
    this.#length += rest.length;
    if (this.#length < this.#need) return;
    let bytes = this.#chunks.length === 1 ? rest : Buffer.concat(this.#chunks);
    let answered = false;
    this.#need = 1;
    while (bytes.length > 0) {
      const parsed = this.#parse(bytes);
      if (parsed === null) return;
      if (parsed.reply === null) {
        this.#need = parsed.need;
        break;
      }
      const first = this.#waiting.shift();
      if (first === undefined) {
        this.#broken('an answer to nothing that was asked');
        return;
      }
      answered = true;
      first.resolve(parsed.reply);
      this.#skip = Math.max(0, parsed.used - bytes.length);
      bytes = bytes.subarray(parsed.used);
    }
    this.#chunks = bytes.length > 0 ? [bytes] : [];
    this.#length = bytes.length;
    if (answered) this.#watchFirst();
  }

  #parse(bytes: Buffer): ReturnType<MemcachedProtocol['parse']> | null {
    try {
      return this.#protocol.parse(bytes);
    } catch (error) {
      if (!(error instanceof Garbage)) throw error;
      this.#broken(`it does not speak Memcached's language: ${error.message}`);
      return null;
    }
  }

  #broken(why: string): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
    const socket = this.#socket;
    this.#socket = null;
    this.#ready = false;
    this.#why = why;
    this.#chunks = [];
    this.#length = this.#skip = 0;
    this.#need = 1;
    this.#corked = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.reject(new StoreFault('down', `memcached: ${why}`));
    socket?.destroy();
    this.#settled();
    if (this.#closed || this.#again !== null) return;
    this.#again = setTimeout(() => this.#open(), backOffMs(++this.#tries, this.#spec.random));
    this.#again.unref();
  }
}
