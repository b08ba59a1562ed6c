// Turns timeouts, retries, limits and switches as read into options, where what is left out is inherited.
import type { Static } from 'typebox';
import type { RetryOptions } from '../pool/options.ts';
import type { HttpSwitches, LimitOptions, TimeoutOptions } from './config.ts';
import { type Draft, whole } from './draft.ts';
import type { ReadConfig, ReadRoute } from './schema/root.ts';
import { type retries as retriesSchema, timeouts as timeoutsSchema } from './schema/timing.ts';

type ReadTimeouts = Static<typeof timeoutsSchema>;
type ReadRetries = Exclude<Static<typeof retriesSchema>, false>;

/** Some or all keys of a block, as written. */
type Some<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Timeouts as written over those that are inherited. */
export function overTimeouts(base: TimeoutOptions, read: Some<ReadTimeouts>): TimeoutOptions {
  return {
    connectMs: read.connect ?? base.connectMs,
    headMs: read.head ?? base.headMs,
    bodyIdleMs: read.bodyIdle ?? base.bodyIdleMs,
    responseMs: read.response ?? base.responseMs,
    idleMs: read.idle ?? base.idleMs,
    streamMs: read.stream ?? base.streamMs,
    tunnelMs: read.tunnel ?? base.tunnelMs,
    tunnelTotalMs: read.tunnelTotal ?? base.tunnelTotalMs,
    totalMs: read.total ?? base.totalMs,
    expectMs: read.expect ?? base.expectMs,
  };
}

/** Timeouts as written over their defaults. */
export function resolveTimeouts(draft: Draft, read: Some<ReadTimeouts>): TimeoutOptions {
  const d = draft.reader.defaults(timeoutsSchema);
  const defaults: TimeoutOptions = {
    connectMs: d.connect,
    headMs: d.head,
    bodyIdleMs: d.bodyIdle,
    responseMs: d.response,
    idleMs: d.idle,
    streamMs: d.stream,
    tunnelMs: d.tunnel,
    tunnelTotalMs: d.tunnelTotal,
    totalMs: d.total,
    expectMs: d.expect,
  };
  return overTimeouts(defaults, read);
}

export const NO_RETRIES: RetryOptions = { attempts: 0, budget: 0, statuses: [], bodyBufferBytes: 0 };

/** Retries as written over those that are inherited. */
export function overRetries(base: RetryOptions, read: Some<ReadRetries> | false | undefined): RetryOptions {
  if (read === undefined) return base;
  if (read === false) return NO_RETRIES;
  return {
    attempts: read.attempts ?? base.attempts,
    budget: read.budget ?? base.budget,
    statuses: read.statuses === undefined ? base.statuses : whole(read.statuses),
    bodyBufferBytes: read.bodyBuffer ?? base.bodyBufferBytes,
  };
}

/** A pool's retries, which have their defaults in. */
export function resolveRetries(read: ReadRetries | false): RetryOptions {
  return overRetries(NO_RETRIES, read);
}

/** The limits at the top, which have their defaults in. */
export function resolveLimits(read: ReadConfig['limits']): LimitOptions {
  return {
    requestLineBytes: read.requestLine,
    headBytes: read.head,
    fields: read.fields,
    bodyBytes: read.body,
    minRateBytes: read.minRate,
    minReadRateBytes: read.minReadRate,
    tinyChunks: read.tinyChunks === 0 ? Number.POSITIVE_INFINITY : read.tinyChunks,
    responseHeadBytes: read.responseHead,
    bufferBytes: read.buffer,
    connections: read.connections,
    connectionsPerAddress: read.connectionsPerAddress,
    requestsPerConnection: read.requestsPerConnection,
    ipv6Prefix: read.ipv6Prefix,
    rateLimitKeys: read.rateLimitKeys,
  };
}

/** A route's limits over those at the top. */
export function overLimits(
  base: LimitOptions,
  read: NonNullable<ReadRoute['limits']> | undefined,
): LimitOptions {
  if (read === undefined) return base;
  return {
    ...base,
    bodyBytes: read.body ?? base.bodyBytes,
    minRateBytes: read.minRate ?? base.minRateBytes,
    minReadRateBytes: read.minReadRate ?? base.minReadRateBytes,
    tinyChunks: read.tinyChunks === 0 ? Number.POSITIVE_INFINITY : (read.tinyChunks ?? base.tinyChunks),
    responseHeadBytes: read.responseHead ?? base.responseHeadBytes,
    bufferBytes: read.buffer ?? base.bufferBytes,
  };
}

/** The switches of the HTTP rules at the top, or a route's over them. */
export function overSwitches(
  base: ReadConfig,
  read: Some<Pick<ReadConfig, keyof HttpSwitches>>,
): HttpSwitches {
  const via = read.via ?? base.via;
  return {
    via: via === false ? null : via,
    strictTarget: read.strictTarget ?? base.strictTarget,
    dropUnderscores: read.dropUnderscores ?? base.dropUnderscores,
    abortOnClose: read.abortOnClose ?? base.abortOnClose,
    forwarded: read.forwarded ?? base.forwarded,
    proxyAuth: read.proxyAuth ?? base.proxyAuth,
  };
}
