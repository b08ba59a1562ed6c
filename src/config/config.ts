// The config after loading: every default filled in, every unit turned to a number. What the rest of the house reads.
import type { AffinityOptions } from '../affinity/options.ts';
import type { BalanceOptions } from '../balance/options.ts';
import type { ListenerTlsOptions } from '../certificates/options.ts';
import type { HealthOptions } from '../health/options.ts';
import type { AccessOptions, RateLimitOptions } from '../limit/options.ts';
import type { AccessLogOptions } from '../observe/access-options.ts';
import type { TracingOptions } from '../observe/tracing-options.ts';
import type { ContinuityOptions, PoolOptions, RetryOptions } from '../pool/options.ts';
import type { SessionOptions } from '../session/options.ts';
import type { SigningOptions } from '../session/phantom/token-options.ts';
import type { RevocationOptions } from '../session/revocation/options.ts';
import type { StoreTls } from '../session/stores/driver.ts';
import type { ProxyProtocol } from '../wire/proxy-header.ts';

/** Times in milliseconds; 0 means off where the contract allows off. */
export interface TimeoutOptions {
  readonly connectMs: number;
  readonly headMs: number;
  readonly bodyIdleMs: number;
  readonly responseMs: number;
  readonly idleMs: number;
  readonly streamMs: number;
  readonly tunnelMs: number;
  /** How long a tunnel may last at all; 0: no bound. */
  readonly tunnelTotalMs: number;
  readonly totalMs: number;
  readonly expectMs: number;
}

/** Sizes in bytes; Infinity means unlimited where the contract allows it. */
export interface LimitOptions {
  readonly requestLineBytes: number;
  readonly headBytes: number;
  readonly fields: number;
  readonly bodyBytes: number;
  /** Bytes a second that a request body must keep up over 10 s. */
  readonly minRateBytes: number;
  /** Bytes a second that a client must take of its answer, once some wait for it; 0: no bound. */
  readonly minReadRateBytes: number;
  /** Chunks of a request body beyond one for each 16 bytes; Infinity: no bound. */
  readonly tinyChunks: number;
  readonly responseHeadBytes: number;
  readonly bufferBytes: number;
  /** Client connections a process holds; 0: from the descriptor limit. */
  readonly connections: number;
  /** Of one client address at a time, all workers together; 0: no bound. */
  readonly connectionsPerAddress: number;
  /** Requests that a client connection serves; 0: no bound. */
  readonly requestsPerConnection: number;
  /** Bits of an IPv6 address that tell clients apart. */
  readonly ipv6Prefix: number;
  /** Clients whose use of rate limits is remembered. */
  readonly rateLimitKeys: number;
}

/** A Redis on which rate limits are shared with other processes. */
export interface SharedLimitsConfig {
  /** With credentials. Never printed. */
  readonly url: string;
  readonly tls: StoreTls | null;
  /** What its keys begin with. */
  readonly prefix: string;
  /** How long a request waits for its answer, ms. */
  readonly deadlineMs: number;
}

/** The switches of the HTTP rules. */
export interface HttpSwitches {
  /** Our name in `Via`, or null for none (H5). */
  readonly via: string | null;
  readonly strictTarget: boolean;
  readonly dropUnderscores: boolean;
  readonly abortOnClose: boolean;
  /** Also write `Forwarded` (RFC 7239). */
  readonly forwarded: boolean;
  /** Pass `Proxy-Authorization` and `Proxy-Authenticate` on (H3). */
  readonly proxyAuth: boolean;
}

export type Bind =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface ListenerConfig {
  readonly name: string;
  readonly bind: Bind;
  /** Each connection begins with a PROXY header, from a trusted proxy. */
  readonly proxyProtocol: boolean;
  /** Null: plain HTTP. */
  readonly tls: ListenerTlsOptions | null;
  /** The port by HTTPS that every request is sent to; null: none is. */
  readonly redirectPort: number | null;
}

export interface FieldEdits {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

export type RouteAction =
  | { readonly kind: 'pool'; readonly pool: string }
  | { readonly kind: 'redirect'; readonly to: string; readonly status: number }
  /** The public keys of tokens. */
  | { readonly kind: 'jwks' }
  | {
      readonly kind: 'respond';
      readonly status: number;
      readonly body: string;
      readonly headers: readonly (readonly [string, string])[];
    };

/** A route's pools are one route each in the list, one behind the other, and alike but for what a pool brings. */
export interface SplitSide {
  /** Of the sides that belong together. */
  readonly group: number;
  /** The one by which requests are found. */
  readonly first: boolean;
  /** Whole number ≥ 0. */
  readonly weight: number;
}

/** What pages of other origins may do. */
export interface CorsOptions {
  /** `https://a.example`, with one `*` for names or a port, or `*` alone. */
  readonly origins: readonly string[];
  readonly credentials: boolean;
  /** Upper-case; null: whatever is asked for. */
  readonly methods: readonly string[] | null;
  /** Fields that requests may carry; null: whatever is asked for. */
  readonly headers: readonly string[] | null;
  readonly exposeHeaders: readonly string[];
  /** How long a browser may remember a preflight; 0: not said. */
  readonly maxAgeS: number;
}

export interface RouteConfig {
  /** Stable name for logs and metrics: `host/path`. */
  readonly name: string;
  /** Lower-case host, `*.example.com`, or null for any. */
  readonly host: string | null;
  readonly path: string;
  /** True for `= /path`: that path alone. */
  readonly exact: boolean;
  /** Upper-case methods, or null for all. */
  readonly methods: readonly string[] | null;
  readonly action: RouteAction;
  /** Its share, where several routes of the list are the sides of one, shared out by weight; null: it is a route by itself. */
  readonly split: SplitSide | null;
  readonly requestFields: FieldEdits;
  readonly responseFields: FieldEdits;
  readonly rewrite: {
    readonly stripPrefix: string | null;
    readonly addPrefix: string | null;
    readonly path: string | null;
  };
  /** Names of the session blocks that check it, of which any will do; empty: none. */
  readonly sessions: readonly string[];
  /** Null: preflights are the upstream's to answer. */
  readonly cors: CorsOptions | null;
  /** False: this route neither reads nor sets affinity. */
  readonly affinity: boolean;
  /** All of them must let a request in; empty: none. */
  readonly rateLimits: readonly RateLimitOptions[];
  /** Who may ask; null: everybody. */
  readonly access: AccessOptions | null;
  readonly timeouts: TimeoutOptions;
  readonly limits: LimitOptions;
  readonly retries: RetryOptions;
  readonly http: HttpSwitches;
}

/** The routes as they were written: of those that pools share, the first side stands for all. */
export function writtenRoutes({ routes }: Pick<Config, 'routes'>): RouteConfig[] {
  return routes.filter(({ split }) => split === null || split.first);
}

export interface UpstreamConfig {
  /** Identity: what affinity signs, metrics label and the API names. Unique in its pool. */
  readonly name: string;
  /** As written, for people. */
  readonly url: string;
  readonly scheme: 'http' | 'https';
  /** Host and port to dial (a name is resolved again every `resolve`), or null for a unix socket. */
  readonly host: string | null;
  readonly port: number;
  readonly socketPath: string | null;
  readonly weight: number;
  /** Most requests at once over all workers; 0: no bound. */
  readonly maxConnections: number;
  readonly backup: boolean;
  readonly wanted: 'ready' | 'drain' | 'maintenance';
  readonly tls: UpstreamTlsConfig | null;
  /** Version of the PROXY header that each connection to it begins with; null: none does. */
  readonly proxyProtocol: ProxyProtocol | null;
}

export interface UpstreamTlsConfig {
  readonly verify: boolean;
  /** Server name for SNI and verification; null: the upstream's own host. */
  readonly serverName: string | null;
  /** PEM texts, already read. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface PoolConfig extends PoolOptions {
  readonly name: string;
  readonly upstreams: readonly UpstreamConfig[];
  readonly balance: BalanceOptions;
  readonly affinity: AffinityOptions | null;
  /** Which sessions are watched for being lost; null: none. */
  readonly continuity: ContinuityOptions | null;
  readonly health: HealthOptions;
  readonly timeouts: TimeoutOptions;
  readonly retries: RetryOptions;
  /** Field `Host` sent upstream: the client's, the upstream's own authority, or this. */
  readonly host: 'keep' | 'upstream' | { readonly value: string };
  /** Page while every upstream of the pool is in maintenance; null: the ordinary 503. */
  readonly maintenance: ErrorPage | null;
}

/** An own error page, already read and laid out. */
export interface ErrorPage {
  readonly contentType: string;
  readonly body: string;
}

export interface AdminToken {
  readonly name: string;
  readonly token: string;
  readonly access: 'read' | 'full';
}

/** PEM texts. */
export interface AdminTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of which clients must show a certificate; null: they are not asked for one. */
  readonly ca: string | null;
}

export interface AdminConfig {
  readonly bind: Bind;
  readonly tokens: readonly AdminToken[];
  /** Second listener with only /livez, /readyz and /metrics. */
  readonly probes: Bind | null;
  /** How long after his last request a user counts as one of his upstream, ms. */
  readonly userWindowMs: number;
  /** Null: plain HTTP. */
  readonly tls: AdminTls | null;
}

export interface LogConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** What requests are told by; null: they are not. */
  readonly access: AccessLogOptions | null;
  readonly format: 'json' | 'pretty' | 'auto';
  /** Where lines go; null: stdout. */
  readonly file: string | null;
}

export interface Config {
  /** File it came from, for messages. */
  readonly file: string;
  readonly listeners: readonly ListenerConfig[];
  /** Number of workers, or null for one per core. */
  readonly workers: number | null;
  /** Reload when the file changes. */
  readonly watch: boolean;
  /** CIDR blocks or addresses, as written and already checked. */
  readonly trustedProxies: readonly string[];
  readonly routes: readonly RouteConfig[];
  readonly pools: readonly PoolConfig[];
  readonly sessions: readonly SessionOptions[];
  /** Where it is kept what was revoked; null: no session is checked. */
  readonly revocation: RevocationOptions | null;
  /** What signs the tokens of sessions; null: no session has any. */
  readonly signing: SigningOptions | null;
  readonly limits: LimitOptions;
  /** Who may connect at all; null: everybody. */
  readonly access: AccessOptions | null;
  /** Where rate limits are shared, by `RateLimitOptions.shared`. */
  readonly sharedLimits: readonly SharedLimitsConfig[];
  /** Timeouts of the client side before a route is known (head, idle). */
  readonly timeouts: TimeoutOptions;
  readonly http: HttpSwitches;
  /** By status (`503`) or class (`5xx`). */
  readonly errors: Readonly<Record<string, ErrorPage>>;
  readonly admin: AdminConfig | null;
  readonly log: LogConfig;
  /** Null: nothing is traced. */
  readonly tracing: TracingOptions | null;
  readonly shutdown: { readonly delayMs: number; readonly deadlineMs: number };
}
