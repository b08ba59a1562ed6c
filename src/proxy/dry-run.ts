// Lets the real data plane read and decide about one request over a socket that leads nowhere: what `explain` looks at.
import { randomBytes } from 'node:crypto';
import { type LearnedMemory, LearnedTable } from '../affinity/learned.ts';
import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import { systemClock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import type { FileLists } from '../limit/access-list.ts';
import { filesOf, readLists } from '../limit/address-files.ts';
import { DEFAULT_CELLS, MetricBook } from '../observe/metric-book.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { assignSlots, rowsOf } from '../plan/slots.ts';
import type { Pool } from '../pool/pool.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { OpenSession } from '../session/open-session.ts';
import type { SigningState } from '../session/phantom/signing-keys.ts';
import { type ByteSocket, noOwner } from '../socket/byte-socket.ts';
import { OBSERVED, UpstreamTable, WANTED } from '../upstream/upstream-table.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { AdmissionDesk } from './admission.ts';
import { certificateLines } from './client-certificate.ts';
import { ClientConnection } from './client-connection.ts';
import { type ClientDoor, ClientSide, hstsLine, plainDoor } from './client-side.ts';
import type { Admission, ConnectionHome } from './connection-home.ts';
import { DataPlane } from './data-plane.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeClient } from './exchange-client.ts';
import type { LiveHouse } from './live-house.ts';
import { CHECK } from './session-check.ts';

/** Where a dry request comes from. */
const PEER = '127.0.0.1';

/** Where affinity keeps what it learns; here nobody ever asked before. */
const LEARNED_ENTRIES = 16;

/** Chance that knows whether it was asked: a decision without it is the same every time. */
class WatchedRandom implements Random {
  asked = false;
  readonly #random = systemRandom();

  below(n: number): number {
    this.asked = true;
    return this.#random.below(n);
  }
}

/** Keeps what is written to it. */
class DrySocket implements ByteSocket {
  owner = noOwner;
  readonly pendingBytes = 0;
  readonly destroyed = false;
  readonly cutShort = false;
  readonly remoteAddress = PEER;
  readonly remotePort = 0;
  readonly localAddress = PEER;
  written = '';

  write(out: ByteWriter): boolean {
    this.written += latin1Text(out.bytes, 0, out.length);
    out.reset();
    return true;
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
  reset(): void {}
  peerHasReset(): boolean {
    return false;
  }
}

/** Does everything that an exchange does before it looks for an upstream, and stops there. */
class DryExchange extends Exchange {
  begun = false;
  /** Settles once the session is checked: whether the request may pass. Null on routes without one. */
  checked: Promise<boolean> | null = null;
  #tell: (passed: boolean) => void = () => {};

  override begin(
    client: ExchangeClient,
    head: RequestHead,
    plan: RoutePlan,
    pool: Pool,
    startedMs: number,
  ): void {
    this.beginRecord(client, head, plan, pool, startedMs);
    this.placement.begin(pool);
    this.homing.read(plan, pool, head, client.side);
    this.request.begin(head, plan, client.side, this.homing);
    this.begun = true;
    if (plan.session !== null) this.checked = this.#check(plan.session, head);
  }

  #check(guard: SessionGuard, head: RequestHead): Promise<boolean> {
    return new Promise((resolve) => {
      this.#tell = resolve;
      const { clientAddress } = this.homing;
      const cookies = this.homing.unmarked(head.fields);
      const result = this.session.begin(guard, head, this.client!, clientAddress, cookies);
      if (result !== CHECK.waits) this.onChecked(result === CHECK.passed);
    });
  }

  override onChecked(passed: boolean): void {
    this.request.tellSession(this.session);
    this.homing.know(this.session.standing);
    this.request.token = this.session.token;
    this.#tell(passed);
  }

  /** Lays out what a client is answered whose session may not pass. */
  deny(): string {
    this.layFailure(this.session.fault);
    const { out } = this.plane;
    const answer = latin1Text(out.bytes, 0, out.length);
    out.reset();
    return answer;
  }
}

/**
 * One request and what the data plane does with it. Without a `LiveHouse`, health is not known: every upstream counts as up, and none as
 * busy. Opens no socket and starts no timer; but the stores of sessions are asked.
 */
export class DryRun implements ConnectionHome<ClientConnection> {
  readonly plane: DataPlane;
  readonly stopping = false;
  readonly name = '';
  readonly side: ClientSide;
  /** Set aside for the request; `begun` once it would be sent to an upstream. */
  readonly exchange: DryExchange;
  /** Why Limpet itself refuses, or null. */
  fault: Fault | null = null;
  /** The route, where one was found. */
  plan: RoutePlan | null = null;
  /** Who lost the user that was moved: an upstream's name, '' for one that left, or null for nobody. */
  movedFrom: string | null = null;
  readonly #random = new WatchedRandom();
  readonly #socket = new DrySocket();
  readonly #redirectPort: number | null;
  readonly #desk: AdmissionDesk;

  /** `listener`: that the request comes through. `sessions`: those of the config. `signing`: what their tokens are signed with. `house`: a copy of what the running proxy knows; null: nothing. */
  constructor(
    config: Config,
    listener: ListenerConfig,
    sessions: readonly OpenSession[],
    signing: SigningState | null,
    house: LiveHouse | null,
  ) {
    this.plane = new DataPlane({
      config: withSecrets(config),
      generation: 1,
      worker: 0,
      workers: house?.table.workers ?? 1,
      table: house === null ? tableOf(config) : new UpstreamTable(house.table),
      ...(house === null ? {} : { rows: house.rows, revocations: house.revocations }),
      learned: house?.learned ?? learnedOf(config),
      lists: house?.lists ?? listsOf(config),
      clock: systemClock,
      random: this.#random,
      book: new MetricBook(
        { buffer: new SharedArrayBuffer(DEFAULT_CELLS * 8), capacity: DEFAULT_CELLS, edition: 0 },
        () => {},
      ),
      accessLog: null,
      reports: {
        failure: () => {},
        success: () => {},
        suspect: () => {},
        vouched: () => {},
        moved: (_pool, from) => {
          this.movedFrom = from;
        },
      },
      sessions,
      signing,
      onBug: (_session, error) => {
        throw error;
      },
      connectionsMax: 1,
      refusingMax: 1,
      direct: false,
    });
    this.side = new ClientSide(PEER, doorOf(listener), this.plane.generation.trustedProxies);
    this.#redirectPort = listener.redirectPort;
    this.exchange = new DryExchange(this.plane);
    this.#desk = new AdmissionDesk(this.plane, {
      answeredHere: (_connection, plan, _status, fault) => {
        this.plan = plan;
        this.fault = fault;
      },
    });
  }

  get idleMs(): number {
    return this.plane.idleMs;
  }

  /** The request's head as it was parsed. Good after `read`. */
  get head(): RequestHead {
    return this.plane.requestHead;
  }

  /** What Limpet itself answers; empty where an upstream would be asked. */
  get answer(): string {
    return this.#socket.written;
  }

  /** Lets a client connection read `request`, once. */
  read(request: Uint8Array): void {
    const connection = new ClientConnection(this, this.#socket);
    connection.onBytes(request, 0, request.length);
    if (this.exchange.begun) this.plan = this.exchange.plan;
    // What the parser refuses reaches no desk.
    else this.fault ??= this.head.fault;
  }

  /** Runs `decide`, and says whether chance had a part in what it returned. */
  withoutChance<T>(decide: () => T): { readonly result: T; readonly certain: boolean } {
    this.#random.asked = false;
    const result = decide();
    return { result, certain: !this.#random.asked };
  }

  sideOf(): ClientSide {
    return this.side;
  }

  takeExchange(): Exchange {
    return this.exchange;
  }

  giveExchange(): void {}

  admit(connection: ClientConnection): Admission {
    if (this.#redirectPort !== null) return this.#desk.toHttps(connection, this.#redirectPort);
    return this.#desk.admit(this, connection);
  }

  gone(): void {}
}

/** A client without a certificate. */
function doorOf({ bind, tls }: ListenerConfig): ClientDoor {
  const port = bind.kind === 'tcp' ? bind.port : 0;
  if (tls === null) return plainDoor(port);
  const certificate = tls.clientAuth === 'none' ? '' : certificateLines(null);
  return { port, secure: true, agreed: null, certificate, answerLines: hstsLine(tls.hsts) };
}

/** The files of addresses as they are at this moment. */
function listsOf({ access, routes }: Config): FileLists {
  return readLists(filesOf([access, ...routes.map((route) => route.access)]));
}

/** Every upstream as the config wants it, and up. */
function tableOf(config: Config): UpstreamTable {
  const table = new UpstreamTable(UpstreamTable.allocate(rowsOf(config), 1));
  for (const { slot, upstream } of assignSlots(config)) {
    table.wanted[slot] = WANTED[upstream.wanted];
    table.observed[slot] = OBSERVED.up;
    table.weight[slot] = upstream.weight * 256;
  }
  table.bumpEpoch();
  return table;
}

function learnedOf(config: Config): Map<string, LearnedMemory> {
  const learned = new Map<string, LearnedMemory>();
  for (const pool of config.pools) {
    const memory = LearnedTable.allocateFor(pool.affinity, LEARNED_ENTRIES);
    if (memory !== null) learned.set(pool.name, memory);
  }
  return learned;
}

/** A running proxy makes the secrets that a config has not; no cookie that is asked about here can be signed with these. */
function withSecrets(config: Config): Config {
  return {
    ...config,
    pools: config.pools.map((pool) => {
      const cookie = pool.affinity?.cookie;
      if (pool.affinity === null || cookie == null || cookie.secrets.length > 0) return pool;
      const secrets = [randomBytes(32).toString('base64url')];
      return { ...pool, affinity: { ...pool.affinity, cookie: { ...cookie, secrets } } };
    }),
  };
}
