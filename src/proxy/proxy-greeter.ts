// Reads the PROXY header that the connections of a listener begin with, before anybody sees them; whoever has none to be believed is refused.
import { type Deadlines, LOOSE, type Timed } from '../base/deadlines.ts';
import { plainAddress } from '../plan/trusted-proxies.ts';
import type { ByteSocket, SocketOwner } from '../socket/byte-socket.ts';
import { HEADER, HEADER_BYTES_MAX, ProxyHeader } from '../wire/proxy-header.ts';
import { HeldBytes } from './held-bytes.ts';
import type { Plane } from './plane.ts';

/** What became of a connection that should begin with a header: labels of `limpet_proxy_protocol_total`. */
const RESULTS = ['proxied', 'local', 'untrusted', 'malformed', 'late', 'closed'] as const;
type Result = (typeof RESULTS)[number];

/** What a greeter needs of the data plane: who waits for his header to be read is a connection as any other. */
export interface GreetingPlane extends Plane {
  connections: number;
  connectionGone(): void;
}

/** The listener, as its greeter needs it. */
export interface GreetedListener {
  readonly plane: GreetingPlane;
  readonly name: string;
  /** Without a port there are no addresses that could be trusted, and the socket file's permissions say who may connect. */
  readonly isUnix: boolean;
  /** How long a client may be idle, ms; short once the listener stops. */
  readonly idleMs: number;
  /** The header is read: the connection begins. `bytes[start, end)` came behind the header. */
  greeted(socket: ByteSocket, header: ProxyHeader, bytes: Uint8Array, start: number, end: number): void;
}

/** The connections of one listener whose header is awaited. */
export class ProxyGreeter {
  readonly listener: GreetedListener;
  #cells: Readonly<Record<Result, number>>;
  readonly #waiting = new Set<Greeting>();

  constructor(listener: GreetedListener) {
    this.listener = listener;
    this.#cells = this.#labelled();
  }

  /** The listener has another name. */
  rename(): void {
    this.#cells = this.#labelled();
  }

  #labelled(): Readonly<Record<Result, number>> {
    const { plane, name } = this.listener;
    const cellOf = (result: Result): number =>
      plane.metrics.book.counter('limpet_proxy_protocol_total', { listener: name, result });
    return {
      proxied: cellOf('proxied'),
      local: cellOf('local'),
      untrusted: cellOf('untrusted'),
      malformed: cellOf('malformed'),
      late: cellOf('late'),
      closed: cellOf('closed'),
    };
  }

  /** A new connection. Only a trusted peer is heard: what anybody else says of himself is worth nothing. */
  take(socket: ByteSocket): void {
    const { plane, isUnix } = this.listener;
    const peer = isUnix ? '' : socket.remoteAddress;
    if (!isUnix && !plane.generation.trustedProxies.trusts(plainAddress(peer))) {
      // Who is gone already has no address.
      this.count(peer === '' ? 'closed' : 'untrusted');
      socket.destroy();
      return;
    }
    plane.connections++;
    this.#waiting.add(new Greeting(this, socket));
  }

  count(result: Result): void {
    this.listener.plane.metrics.book.values[this.#cells[result]]!++;
  }

  /** `greeting` waits no more. */
  left(greeting: Greeting): void {
    this.#waiting.delete(greeting);
    this.listener.plane.connections--;
  }

  /** How many have not said yet who they are. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The worker stops: who has not spoken by then has little time left to. */
  drain(): void {
    for (const greeting of this.#waiting) greeting.hurry();
  }

  kill(): void {
    for (const greeting of [...this.#waiting]) greeting.refuse('closed');
  }
}

/** One connection until its header is read. */
class Greeting implements SocketOwner, Timed {
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelSlot: number = LOOSE;
  wheelPrev: Timed | null = null;
  wheelNext: Timed | null = null;
  readonly #greeter: ProxyGreeter;
  readonly #socket: ByteSocket;
  readonly #header = new ProxyHeader();
  /** A header that has come in part. */
  readonly #held = new HeldBytes();
  #over = false;

  constructor(greeter: ProxyGreeter, socket: ByteSocket) {
    this.#greeter = greeter;
    this.#socket = socket;
    socket.owner = this;
    this.#deadlines.arm(this, this.#deadlines.nowMs + greeter.listener.plane.generation.timeouts.headMs);
  }

  get #deadlines(): Deadlines {
    return this.#greeter.listener.plane.deadlines;
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    if (this.#held.empty) {
      this.#read(bytes, start, end);
      return;
    }
    this.#held.add(bytes, start, end);
    const { length } = this.#held;
    const held = this.#held.take()!;
    this.#read(held, 0, length);
  }

  #read(bytes: Uint8Array, start: number, end: number): void {
    const state = this.#header.read(bytes, start, end);
    if (state === HEADER.more && end - start < HEADER_BYTES_MAX) this.#held.add(bytes, start, end);
    else if (state === HEADER.done) this.#pass(bytes, this.#header.end, end);
    else this.refuse('malformed');
  }

  #pass(bytes: Uint8Array, start: number, end: number): void {
    this.#greeter.count(this.#header.source === null ? 'local' : 'proxied');
    this.#leave();
    this.#greeter.listener.greeted(this.#socket, this.#header, bytes, start, end);
  }

  #leave(): void {
    this.#over = true;
    this.#held.take();
    this.#deadlines.drop(this);
    this.#greeter.left(this);
  }

  /** Closes without a word: whoever is there speaks no HTTP yet. */
  refuse(result: Result): void {
    if (this.#over) return;
    this.#greeter.count(result);
    this.#leave();
    this.#socket.destroy();
  }

  hurry(): void {
    this.#deadlines.arm(this, this.#deadlines.nowMs + this.#greeter.listener.idleMs);
  }

  onDeadline(): void {
    this.refuse('late');
  }

  onEnd(): void {
    this.refuse('closed');
  }

  onDrain(): void {}

  onClosed(): void {
    if (this.#over) {
      this.#greeter.listener.plane.connectionGone();
      return;
    }
    this.#greeter.count('closed');
    this.#leave();
    this.#greeter.listener.plane.connectionGone();
  }
}
