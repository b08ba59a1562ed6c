// Listening sockets that this process did not bind: left by the one that it replaces, or handed down by systemd. Shared out among the workers.
import { closeSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Bind } from '../config/config.ts';

/** The sockets of one address. */
export interface InheritedSockets {
  readonly bind: Bind;
  readonly fds: readonly number[];
  /** More sockets may be bound beside them (`reusePort`). */
  readonly extends: boolean;
  /** Systemd's: the file of a unix socket is its to remove, and what is closed here nobody here can bind again. */
  readonly managed: boolean;
}

/** What a worker takes over in place of binding. */
export interface TakenSockets {
  readonly bind: Bind;
  readonly fds: readonly number[];
  /** This worker may bind a socket of its own where it takes over none. */
  readonly extends: boolean;
  readonly managed: boolean;
}

/** All of them. */
export class Inheritance {
  readonly #sockets: readonly InheritedSockets[];

  constructor(sockets: readonly InheritedSockets[]) {
    this.#sockets = sockets;
  }

  /** Those for `bind`, or null. */
  find(bind: Bind): InheritedSockets | null {
    return this.#sockets.find((sockets) => isSamePlace(sockets.bind, bind)) ?? null;
  }

  /**
   * What worker number `worker` of `workers` takes over for the addresses `binds`: every socket is one worker's, since a connection stands in the
   * queue of one socket, and one that nobody accepts from would keep its clients waiting.
   */
  shareOf(worker: number, workers: number, binds: readonly Bind[]): TakenSockets[] {
    return binds.flatMap((bind) => {
      const found = this.find(bind);
      if (found === null) return [];
      const fds = found.fds.filter((_, at) => at % workers === worker);
      return [{ bind, fds, extends: found.extends && bind.kind === 'tcp', managed: found.managed }];
    });
  }

  /** Workers that find a socket to accept from at one of `binds` at least: all that are wanted, unless every address has only what was handed down. */
  workersFor(binds: readonly Bind[], wanted: number): number {
    let most = 1;
    for (const bind of binds) {
      const found = this.find(bind);
      // Of a unix socket of our own one worker accepts in any case.
      const free = found === null || found.extends || (bind.kind === 'unix' && !found.managed);
      most = Math.max(most, free ? wanted : found.fds.length);
    }
    return Math.min(wanted, most);
  }

  /** Sockets for which `binds` has no place. */
  unused(binds: readonly Bind[]): InheritedSockets[] {
    return this.#sockets.filter((sockets) => !binds.some((bind) => isSamePlace(sockets.bind, bind)));
  }

  /** Closes what nobody here accepts from: a connection to it would wait for ever. */
  closeUnused(binds: readonly Bind[]): void {
    for (const { fds } of this.unused(binds)) for (const fd of fds) closeSync(fd);
  }
}

export const NO_INHERITANCE = new Inheritance([]);

/** The same address; every interface is every interface, be it said in IPv4 or IPv6. */
function isSamePlace(a: Bind, b: Bind): boolean {
  if (a.kind === 'unix' || b.kind === 'unix') return isDeepStrictEqual(a, b);
  return a.port === b.port && (a.host.toLowerCase() === b.host.toLowerCase() || (isAny(a) && isAny(b)));
}

function isAny(bind: Bind): boolean {
  return bind.kind === 'tcp' && (bind.host === '0.0.0.0' || bind.host === '::');
}
