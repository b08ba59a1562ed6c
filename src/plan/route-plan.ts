// A route as the data plane reads it: one frozen record, made when the config is compiled; null means off.
import { latin1Bytes } from '../base/byte-writer.ts';
import type { HttpSwitches, LimitOptions, RouteConfig, TimeoutOptions } from '../config/config.ts';
import type { StatusRange } from '../health/options.ts';
import type { RetryOptions } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import type { SessionGuard } from '../session/guard.ts';
import { CORS_FIELDS, CrossOrigin } from './cross-origin.ts';
import { compileRequestEdits, compileResponseEdits, type FieldEdits } from './field-edits.ts';
import { compileRewrite, type Rewrite } from './rewrite.ts';
import type { RouteGate } from './route-gate.ts';
import type { Routable } from './route-table.ts';
import type { Split } from './split.ts';

/** An answer that needs no upstream: a redirect or a fixed text. */
export interface FixedAnswer {
  readonly status: number;
  /** `Location` with `{path}`, `{query}`, `{host}` to fill in; null for a fixed text. */
  readonly redirectTo: string | null;
  readonly body: string;
  readonly fields: readonly (readonly [string, string])[];
}

export interface RoutePlan extends Routable {
  readonly index: number;
  readonly name: string;
  readonly pool: Pool | null;
  /** Whose side it is, where pools share the route's users by weight; null: it is a route by itself. */
  readonly split: Split<RoutePlan> | null;
  readonly fixed: FixedAnswer | null;
  /** Edits for clients that are nobody's proxy, and for trusted ones. */
  readonly requestEdits: FieldEdits;
  readonly trustedEdits: FieldEdits;
  readonly responseEdits: FieldEdits;
  readonly rewrite: Rewrite | null;
  /** Where the client's `Host` is not kept: the ready line, or null when it depends on the upstream. */
  readonly hostLine: Uint8Array | null;
  readonly hostMode: 'keep' | 'upstream' | 'value';
  /** What checks the session before a request is forwarded; null: nothing does. */
  readonly session: SessionGuard | null;
  /** What pages of other origins are told; null: nothing, the upstream does that. */
  readonly cors: CrossOrigin | null;
  /** Lists of addresses and rate limits; null: none. */
  readonly gate: RouteGate | null;
  /** Whether this route reads and sets affinity at all. */
  readonly affinity: boolean;
  readonly timeouts: TimeoutOptions;
  readonly limits: LimitOptions;
  readonly retries: RetryOptions;
  readonly http: HttpSwitches;
  /** `Via: 1.1 name CRLF` pieces: the name's bytes, or null. */
  readonly via: Uint8Array | null;
}

/** Compiles one route. `pool` is the worker's own pool of that name, or null for an answer without upstream; `jwks`: the answer with the keys of tokens. */
export function compileRoute(
  config: RouteConfig,
  index: number,
  pool: Pool | null,
  hostMode: 'keep' | 'upstream' | { readonly value: string },
  session: SessionGuard | null,
  jwks: FixedAnswer | null,
  split: Split<RoutePlan> | null,
  gate: RouteGate | null = null,
): RoutePlan {
  const keepHost = hostMode === 'keep';
  const policy = {
    proxyAuth: config.http.proxyAuth,
    dropUnderscores: config.http.dropUnderscores,
    keepHost,
    told: session === null ? [] : session.verifiers.flatMap((verifier) => verifier.passedNames),
    withholdsAuthorization: session?.withheld?.authorization ?? false,
  };
  return Object.freeze({
    index,
    name: config.name,
    host: config.host,
    path: config.path,
    exact: config.exact,
    methods: config.methods,
    methodBytes: config.methods === null ? null : config.methods.map(latin1Bytes),
    pool,
    split,
    fixed: config.action.kind === 'jwks' ? jwks : fixedAnswer(config),
    requestEdits: compileRequestEdits(config.requestFields, { ...policy, trusted: false }),
    trustedEdits: compileRequestEdits(config.requestFields, { ...policy, trusted: true }),
    responseEdits: compileResponseEdits(responseFields(config), config.http.proxyAuth),
    rewrite: compileRewrite(config.rewrite),
    hostMode: keepHost ? 'keep' : hostMode === 'upstream' ? 'upstream' : 'value',
    hostLine: typeof hostMode === 'object' ? latin1Bytes(`Host: ${hostMode.value}\r\n`) : null,
    session,
    cors: config.cors === null ? null : new CrossOrigin(config.cors),
    gate,
    affinity: config.affinity,
    timeouts: config.timeouts,
    limits: config.limits,
    retries: config.retries,
    http: config.http,
    via: config.http.via === null ? null : latin1Bytes(config.http.via),
  });
}

function responseFields({ responseFields, cors }: RouteConfig): RouteConfig['responseFields'] {
  return cors === null
    ? responseFields
    : { ...responseFields, remove: [...responseFields.remove, ...CORS_FIELDS] };
}

function fixedAnswer(config: RouteConfig): FixedAnswer | null {
  const action = config.action;
  if (action.kind === 'redirect') {
    return { status: action.status, redirectTo: action.to, body: '', fields: [] };
  }
  if (action.kind === 'respond') {
    return { status: action.status, redirectTo: null, body: action.body, fields: action.headers };
  }
  return null;
}

/** Whether `status` is in one of `ranges`. */
export function inRanges(ranges: readonly StatusRange[], status: number): boolean {
  for (let i = 0; i < ranges.length; i++) {
    const range = ranges[i]!;
    if (status >= range.from && status <= range.to) return true;
  }
  return false;
}
