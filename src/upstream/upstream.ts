// One instance as a worker sees it: its address, its idle connections and the requests that it owes an answer.
import { latin1Bytes } from '../base/byte-writer.ts';
import type { ProxyProtocol } from '../wire/proxy-header.ts';
import type { UpstreamTable } from './upstream-table.ts';

/** Where to dial. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** TLS towards an upstream, with PEM texts already read. */
export interface UpstreamTls {
  readonly verify: boolean;
  readonly serverName: string | null;
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Bounds of connection reuse. */
export interface KeepAlive {
  readonly idle: number;
  readonly idleTimeoutMs: number;
  readonly maxAgeMs: number;
  readonly requests: number;
}

/** What an upstream is made from. */
export interface UpstreamSpec {
  readonly slot: number;
  readonly position: number;
  readonly poolName: string;
  readonly name: string;
  /** Host and port as configured, for `Host` and SNI; null for a unix socket. */
  readonly authority: string | null;
  readonly tls: UpstreamTls | null;
  readonly maxConnections: number;
  readonly backup: boolean;
  readonly keepAlive: KeepAlive;
  /** Version of the PROXY header that each connection begins with; null: none does. */
  readonly proxyProtocol: ProxyProtocol | null;
}

/** What an upstream keeps of its connections; UpstreamConnection is the one class of them. */
export interface KeptConnection {
  busyNext: KeptConnection | null;
  busyPrev: KeptConnection | null;
  /** The upstream was found hung: whoever uses the connection is told. */
  tellHung(): void;
  destroy(): void;
  /** It is of `upstream` from now on, the same instance under a newer config. */
  moveTo(upstream: Upstream): void;
}

/** An upstream that has closed nothing under a request for so long may be said to die anew, ms. */
const QUIET_MS = 1000;

/** One instance, of one worker. Outlives balancers. */
export class Upstream {
  readonly spec: UpstreamSpec;
  readonly slot: number;
  readonly name: string;
  readonly table: UpstreamTable;
  /** `Host: authority CRLF`, for routes that don't keep the client's. */
  readonly hostLine: Uint8Array;
  /** Where to dial now; null while its name does not resolve. */
  address: Address | null = null;
  /** Connections without a request, last in first out. */
  readonly idle: KeptConnection[] = [];
  /** Connections with a request, newest first, linked through `busyNext`. */
  busy: KeptConnection | null = null;
  /** Its last answer was HTTP/1.0: it cannot be sent chunks, and knows no `Expect` (rules F10, C5). */
  speaksOld = false;
  /** Requests of this worker fully or partly sent and not yet answered by a byte. */
  owed = 0;
  /** When `owed` last rose from none, ms. */
  owedSinceMs = 0;
  /** When bytes last came from it, ms, coarse. */
  heardMs = 0;
  /** When this worker last told the main thread that it suspects it, ms. */
  toldMs = Number.NEGATIVE_INFINITY;
  /** When a connection last closed under a request that was unanswered, ms; and when the first did after a quiet second. */
  #closedMs = Number.NEGATIVE_INFINITY;
  #fellMs = Number.NEGATIVE_INFINITY;
  /** The same instance under a newer config, which gets the connections as they become idle; null: this is the newest. */
  heir: Upstream | null = null;

  constructor(spec: UpstreamSpec, table: UpstreamTable) {
    this.spec = spec;
    this.slot = spec.slot;
    this.name = spec.name;
    this.table = table;
    this.hostLine = latin1Bytes(`Host: ${spec.authority ?? 'localhost'}\r\n`);
  }

  /** Failures were counted, by whatever worker, that a success must clear. */
  get failing(): boolean {
    return this.table.failures[this.slot] !== 0;
  }

  get eligible(): boolean {
    return this.table.eligible(this.slot);
  }

  get serving(): boolean {
    return this.table.serving(this.slot);
  }

  /** Closes what is idle: its address changed, or it left. */
  closeIdle(): void {
    while (this.idle.length > 0) this.idle.pop()!.destroy();
  }

  /** `heir` takes its place: what is idle goes over now, the rest as it becomes idle. */
  leaveTo(heir: Upstream): void {
    this.heir = heir;
    // The freshest stays on top.
    for (const connection of this.idle.splice(0)) {
      connection.moveTo(heir);
      heir.idle.push(connection);
    }
  }

  linkBusy(connection: KeptConnection): void {
    connection.busyNext = this.busy;
    connection.busyPrev = null;
    if (this.busy !== null) this.busy.busyPrev = connection;
    this.busy = connection;
  }

  unlinkBusy(connection: KeptConnection): void {
    if (connection.busyPrev !== null) connection.busyPrev.busyNext = connection.busyNext;
    else if (this.busy === connection) this.busy = connection.busyNext;
    if (connection.busyNext !== null) connection.busyNext.busyPrev = connection.busyPrev;
    connection.busyNext = null;
    connection.busyPrev = null;
  }

  /** It was found hung: what waits on it may be tried elsewhere, and nothing idle is to be trusted. */
  hung(): void {
    this.closeIdle();
    // Told from a list of their own: who is told may leave the ring, and others may join it.
    const busy: KeptConnection[] = [];
    for (let c = this.busy; c !== null; c = c.busyNext) busy.push(c);
    for (const connection of busy) connection.tellHung();
  }

  /** One more answer is owed. */
  owe(nowMs: number): void {
    if (this.owed++ === 0) this.owedSinceMs = nowMs;
  }

  /**
   * A connection closed under a request that was sent at `sentMs`, unanswered. True: the request was there when the instance, which
   * had been answering, let go of its first after a quiet second, as all are that a dying process leaves behind. Such are as many as
   * were in flight at that moment, and no more: what one that closes everything is sent later, came after its first close.
   */
  letGo(sentMs: number, nowMs: number): boolean {
    const closedMs = this.#closedMs;
    this.#closedMs = nowMs;
    if (nowMs - closedMs >= QUIET_MS && this.heardMs > Math.max(closedMs, 0)) this.#fellMs = nowMs;
    return sentMs <= this.#fellMs;
  }

  /** How long it has owed answers without a byte, ms; 0 when it owes none. */
  silentMs(nowMs: number): number {
    if (this.owed === 0) return 0;
    return nowMs - Math.max(this.heardMs, this.owedSinceMs);
  }
}
