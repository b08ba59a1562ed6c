// Replicas with affinity and the users before them: real cookies and sessions, read and written by Limpet's own homing, over imagined connections.
import { hash } from 'node:crypto';
import type { LearnedMemory } from '../../src/affinity/learned.ts';
import type { AffinityOptions } from '../../src/affinity/options.ts';
import { Avoid } from '../../src/balance/balancer.ts';
import { ByteWriter, latin1Bytes } from '../../src/base/byte-writer.ts';
import { RandomBytes } from '../../src/base/random.ts';
import type { RoutePlan } from '../../src/plan/route-plan.ts';
import { TrustedProxies } from '../../src/plan/trusted-proxies.ts';
import { PoolAffinity } from '../../src/pool/pool-affinity.ts';
import { ClientSide, plainDoor } from '../../src/proxy/client-side.ts';
import { Homing } from '../../src/proxy/homing.ts';
import type { Plane } from '../../src/proxy/plane.ts';
import { type HomeKeys, homeKeys } from '../../src/session/home-keys.ts';
import type { Standing } from '../../src/session/standing.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { ResponseHead } from '../../src/wire/response-head.ts';
import { type Draws, seeded } from './draws.ts';
import { Replica } from './replica.ts';
import type { World } from './world.ts';

const BY_COOKIE: AffinityOptions = {
  kind: 'cookie',
  cookie: {
    name: 'limpet',
    secrets: ['known to all replicas'],
    maxAgeS: null,
    path: '/',
    domain: null,
    sameSite: 'lax',
    secure: 'auto',
    httpOnly: true,
    partitioned: false,
    mode: 'insert',
    of: null,
    hide: true,
  },
  learned: null,
  session: null,
  onLost: 'rebalance',
  maxOverload: 1.5,
};
/** Homes that are found by the session, and remembered in a table of the replica's. */
export const BY_SESSION: AffinityOptions = {
  kind: 'session',
  cookie: null,
  learned: null,
  session: { by: 'session', learn: true, entries: 10_000, idleMs: 3_600_000 },
  onLost: 'rebalance',
  maxOverload: 1.5,
};
const POOL = 'simulated';
const NO_PROXIES = new TrustedProxies([]);
const SIDE = new ClientSide('192.0.2.1', plainDoor(8080), NO_PROXIES);
// Because: of a route's plan homing reads nothing else.
const PLAN = { affinity: true } as RoutePlan;
const HEAD_BYTES = 8192;
const FIELDS = 16;

/** Nonces from a seed, so that a run can be repeated. */
class SeededBytes extends RandomBytes {
  readonly #random;

  constructor(seed: number, stream: number) {
    super();
    this.#random = seeded(seed, stream);
  }

  override take(n: number): number {
    for (let i = 0; i < n; i++) this.bytes[i] = this.#random.below(256);
    return 0;
  }
}

/** A user's browser: its cookie, what its session is known by, and where it was answered last. */
export interface User {
  readonly session: HomeKeys;
  /** Value of the affinity cookie; null: none yet. */
  cookie: string | null;
  /** Name of the upstream that answered last. */
  home: string | null;
  moves: number;
  needless: number;
}

/** One replica that knows a set of upstreams. Another set is another `HomedReplica`, as after a reload. */
export class HomedReplica {
  readonly names: readonly string[];
  readonly replica: Replica;
  readonly #homing: Homing;
  readonly #request = new RequestHead({
    requestLineBytes: 1024,
    headBytes: HEAD_BYTES,
    fields: FIELDS,
    strictTarget: false,
  });
  readonly #answer = new ResponseHead({ responseHeadBytes: HEAD_BYTES, fields: FIELDS });
  readonly #out = new ByteWriter();
  readonly #avoid: Avoid;

  /** `memory`: what is remembered of sessions, for homes that are found by them; workers of one replica share it. */
  constructor(
    world: World,
    seed: number,
    number: number,
    names: readonly string[],
    memory: LearnedMemory | null = null,
  ) {
    this.names = names;
    const options = memory === null ? BY_COOKIE : BY_SESSION;
    const affinity = new PoolAffinity(options, POOL, names, memory, world.wallMs());
    this.replica = new Replica({ world, seed, number, names, kind: 'least-connections', affinity });
    this.#avoid = new Avoid(names.length);
    const plane = {
      random: seeded(seed, 3000 + number),
      randomBytes: new SeededBytes(seed, 4000 + number),
      table: this.replica.table,
      generation: { trustedProxies: NO_PROXIES },
      deadlines: { nowMs: 0 },
      metrics: { homed: () => {}, moved: () => {} },
      reports: { moved: () => {} },
    };
    // Because: of a data plane homing reads nothing else, and the rest is sockets.
    this.#homing = new Homing(plane as unknown as Plane);
    const head = latin1Bytes('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    this.#answer.parse(head, 0, head.length, false);
  }

  /** Where a request of `user` would be answered, without an answer. */
  placeOf(user: User): string {
    return this.#place(user)!.name;
  }

  /** A request of `user`, answered at once; keeps the cookie that the answer sets. Returns the name of the upstream. */
  ask(user: User): string {
    const upstream = this.#place(user)!;
    const out = this.#out;
    out.reset();
    this.#homing.answerEditor(upstream, this.#answer)?.writeOwn(out, this.#answer.fields);
    const set = /Set-Cookie: limpet=([^;\r]+)/.exec(Buffer.from(out.view()).toString('latin1'));
    if (set !== null) user.cookie = set[1]!;
    this.#homing.reset();
    return upstream.name;
  }

  /** Takes nobody there, or does so from now on. */
  setMaintenance(name: string, rests: boolean): void {
    this.replica.board.setWanted(this.names.indexOf(name), rests ? 'maintenance' : 'ready');
  }

  /** Stops giving it new users, or takes it back. */
  setDrain(name: string, drains: boolean): void {
    this.replica.board.setWanted(this.names.indexOf(name), drains ? 'drain' : 'ready');
  }

  lose(name: string): void {
    this.replica.lose(this.names.indexOf(name));
  }

  regain(name: string): void {
    this.replica.regain(this.names.indexOf(name));
  }

  #place({ cookie, session }: User) {
    const field = cookie === null ? '' : `Cookie: a=b; limpet=${cookie}; c=d\r\n`;
    const bytes = latin1Bytes(`GET / HTTP/1.1\r\nHost: shop\r\n${field}\r\n`);
    this.#request.parse(bytes, 0, bytes.length);
    const { pool } = this.replica;
    pool.refresh();
    this.#homing.read(PLAN, pool, this.#request, SIDE);
    // Because: of a standing homing reads nothing else; 0 is a valid one.
    this.#homing.know({ verdict: 0, home: session } as Standing);
    return this.#homing.place(this.#avoid);
  }
}

/** `count` users, none of whom was here before; numbered from `from`, by which their sessions differ. */
export function newUsers(count: number, from = 0): User[] {
  return Array.from({ length: count }, (_, i) => ({
    session: homeKeys(hash('sha256', `session ${from + i}`, 'latin1'), null, null, 'session'),
    cookie: null,
    home: null,
    moves: 0,
    needless: 0,
  }));
}

/** Each user asks once, in an order by chance, each at a replica by chance. `alive`: upstreams that could serve. */
export function everybodyAsks(
  users: readonly User[],
  replicas: readonly HomedReplica[],
  draws: Draws,
  alive: ReadonlySet<string>,
): void {
  const order = users.map((_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = draws.random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  for (const i of order) {
    const user = users[i]!;
    const at = replicas[draws.random.below(replicas.length)]!.ask(user);
    if (user.home !== null && at !== user.home) {
      user.moves++;
      if (alive.has(user.home)) user.needless++;
    }
    user.home = at;
  }
}
