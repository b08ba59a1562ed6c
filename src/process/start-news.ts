// What a start tells: the line that says that Limpet is ready, and warnings of what is other than one may think.
import { type Bind, type Config, writtenRoutes } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import type { SlottedUpstream } from '../plan/slots.ts';
import { urlOf } from './binding.ts';
import { connectionBound } from './connection-bound.ts';
import type { Inheritance } from './inherited.ts';

/** Workers that a start comes to. */
export interface CrewSize {
  /** By the config, or one a core. */
  readonly asked: number;
  /** Such as find a socket to accept from. */
  readonly wanted: number;
  /** Such as this Node and system can run beside each other. */
  readonly workers: number;
}

export function tellCrewSize(log: Logger, { asked, wanted, workers }: CrewSize): void {
  if (workers < wanted)
    log.warn({ wanted }, 'this Node or system cannot share ports between workers: running with one');
  if (wanted < asked)
    log.warn(
      { wanted: asked, workers: wanted },
      'no more workers than sockets were handed down can accept: with more of them, or after a restart of its own, there are more',
    );
}

/** `kid`: of the key that was made. */
export function tellMadeKey(log: Logger, kid: string | undefined): void {
  log.warn(
    { kid },
    'the key of tokens was made at start: apps must read the key set again after a restart, and each replica has its own; see signing.keys',
  );
}

/** Tells of the sockets that were handed down and are for none of `binds`; they are closed by whoever calls this. */
export function tellUnusedSockets(log: Logger, inheritance: Inheritance, binds: readonly Bind[]): void {
  for (const { bind } of inheritance.unused(binds))
    log.warn({ bind: urlOf(bind) }, 'a socket was handed down that no listener is for: it is closed');
}

/** A process that listens. */
export interface Started {
  readonly log: Logger;
  readonly config: Config;
  readonly workers: number;
  readonly slots: readonly SlottedUpstream[];
  /** Clients that all workers together hold at most. */
  readonly connectionsMax: number;
}

export function tellStarted(started: Started): void {
  const { log, config, workers, slots, connectionsMax } = started;
  log.info(
    {
      listeners: urlsOf(config),
      workers,
      upstreams: slots.length,
      pools: config.pools.length,
      routes: writtenRoutes(config).length,
      connectionsMax,
    },
    'listening',
  );
  // A bound that the system's own comes before protects nothing: clients would be let in and then find no way on.
  const reach = connectionBound(0, workers).connections * workers;
  if (connectionsMax > reach)
    log.warn(
      { connectionsMax, reach },
      'limits.connections is more than the limit of open files reaches for: raise that one (ulimit -n)',
    );
}

/** `limpet: listening on …`, the line that says that it is ready. */
export function readyLine({ config, workers, slots }: Omit<Started, 'log' | 'connectionsMax'>): string {
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
  const where = urlsOf(config).join(', ');
  return `limpet: listening on ${where} (${count(workers, 'worker')}, ${count(slots.length, 'upstream')})`;
}

function urlsOf({ listeners }: Config): string[] {
  return listeners.map(({ bind, tls }) => urlOf(bind, tls !== null));
}
