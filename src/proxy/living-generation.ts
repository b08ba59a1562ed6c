// One generation of the config at work in one worker: what was compiled of it, and all that is made once from its keys.
import type { Config, HttpSwitches, LimitOptions, TimeoutOptions } from '../config/config.ts';
import type { SuspicionOptions } from '../health/options.ts';
import type { AccessList } from '../limit/access-list.ts';
import type { Compiled } from '../plan/compile.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { RouteTable } from '../plan/route-table.ts';
import type { TrustedProxies } from '../plan/trusted-proxies.ts';
import type { Pool } from '../pool/pool.ts';
import { READ_BYTES } from '../socket/handle-socket.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { DateField } from '../wire/local-reply.ts';
import { RequestHead } from '../wire/request-head.ts';
import { ResponseHead } from '../wire/response-head.ts';
import type { Generation } from './plane.ts';
import { Replies } from './replies.ts';
import type { SessionRows } from './session-desk.ts';

/** Fields of an answer; requests have their own limit in the config. */
const RESPONSE_FIELDS_MAX = 256;
/** What a writer of requests may grow to at least, bytes. */
const WRITER_BYTES_MIN = 1 << 20;

/** A pool, and when its upstreams are suspected; null: never. */
export interface TickedPool {
  readonly pool: Pool;
  readonly suspicion: SuspicionOptions | null;
}

/** Made when a config is compiled; in force from its commit until the next one's; over when nothing of it is under way any more. */
export class LivingGeneration implements Generation {
  readonly number: number;
  readonly config: Config;
  readonly compiled: Compiled;
  readonly sessions: SessionRows;
  readonly routes: RouteTable<RoutePlan>;
  readonly plans: readonly RoutePlan[];
  readonly pools: readonly Pool[];
  readonly upstreams: readonly Upstream[];
  readonly trustedProxies: TrustedProxies;
  readonly access: AccessList | null;
  readonly limits: LimitOptions;
  readonly timeouts: TimeoutOptions;
  readonly http: HttpSwitches;
  readonly requestHead: RequestHead;
  readonly responseHead: ResponseHead;
  readonly replies: Replies;
  readonly ticked: readonly TickedPool[];
  underWay = 0;

  constructor(number: number, compiled: Compiled, sessions: SessionRows, date: DateField) {
    const { config } = compiled;
    const { limits } = config;
    this.number = number;
    this.config = config;
    this.compiled = compiled;
    this.sessions = sessions;
    this.routes = compiled.routes;
    this.plans = compiled.plans;
    this.pools = compiled.pools;
    this.upstreams = compiled.upstreams;
    this.trustedProxies = compiled.trustedProxies;
    this.access = compiled.access;
    this.limits = limits;
    this.timeouts = config.timeouts;
    this.http = config.http;
    this.requestHead = new RequestHead({ ...limits, strictTarget: false });
    const responseHeadBytes = Math.max(
      limits.responseHeadBytes,
      ...compiled.plans.map((plan) => plan.limits.responseHeadBytes),
    );
    this.responseHead = new ResponseHead({ responseHeadBytes, fields: RESPONSE_FIELDS_MAX });
    this.replies = new Replies(date, config.errors, maintenancePages(config));
    this.ticked = config.pools.map(({ health }, at) => ({
      pool: compiled.pools[at]!,
      suspicion: health.suspicion,
    }));
  }

  /** Upstreams of its largest pool. */
  get largestPool(): number {
    return Math.max(1, ...this.pools.map((pool) => pool.upstreams.length));
  }

  /**
   * What a writer of requests may grow to: what is held for a retry, or waits for an upstream, with one read on top and its framing. A body
   * that is held in chunks of one byte takes six times its bytes.
   */
  get writerBytesMax(): number {
    let most = this.limits.headBytes;
    for (const { limits, retries } of this.config.routes) {
      most = Math.max(most, limits.bufferBytes, limits.responseHeadBytes, retries.bodyBufferBytes * 6);
    }
    return Math.max(WRITER_BYTES_MIN, most + 2 * READ_BYTES);
  }
}

function maintenancePages({
  pools,
}: Config): ReadonlyMap<string, NonNullable<Config['pools'][0]['maintenance']>> {
  return new Map(
    pools.flatMap(({ name, maintenance }) => (maintenance === null ? [] : [[name, maintenance] as const])),
  );
}
