// Who may stay that has just connected: asked as soon as the client's own address is known.
import { type AddressWords, parseAddress } from '../limit/address-words.ts';
import type { ClientConnection } from './client-connection.ts';
import { PROXY_FAULT } from './faults.ts';
import type { LimitBooks } from './limit-books.ts';
import type { Generation } from './plane.ts';

/** Connections of one address beyond its bound that are told so, and closed within two seconds; more are closed unheard. */
const TOLD_MAX = 8;

/** What it is asked of. */
export interface Reception {
  readonly generation: Generation;
  readonly limits: LimitBooks;
  readonly metrics: { unread(status: number): void };
}

/** Whether anybody has to be asked: false where neither list nor bound is there. */
export function isGuarded({ access, limits }: Generation): boolean {
  return access !== null || limits.connectionsPerAddress > 0;
}

/**
 * Counts the connection by its `address`, and closes it where it may not stay: false. Called once for each connection, where the address is known:
 * as it is accepted, or behind the PROXY protocol's head. Without an address (a unix socket) it may stay.
 */
export function receive(plane: Reception, connection: ClientConnection, address: string): boolean {
  const words = parseAddress(address);
  if (words === null) return true;
  const { access, limits } = plane.generation;
  if (access !== null && !access.mayCome(words)) {
    plane.limits.shed('denied');
    connection.kill();
    return false;
  }
  const bound = limits.connectionsPerAddress;
  return bound === 0 || isWithin(plane, connection, words, bound);
}

/**
 * Whether a handshake may begin with whoever comes from `address`: who is denied, or has all the connections that he may, is closed before it and
 * counted. The connection itself is counted by `receive`.
 */
export function mayBegin(plane: Reception, address: string): boolean {
  const words = parseAddress(address);
  if (words === null) return true;
  const { access, limits } = plane.generation;
  if (access !== null && !access.mayCome(words)) {
    plane.limits.shed('denied');
    return false;
  }
  const bound = limits.connectionsPerAddress;
  if (bound === 0 || plane.limits.addresses(limits.ipv6Prefix).countOf(words) < bound) return true;
  plane.limits.shed('address');
  return false;
}

function isWithin(
  plane: Reception,
  connection: ClientConnection,
  words: AddressWords,
  bound: number,
): boolean {
  const counts = plane.limits.addresses(plane.generation.limits.ipv6Prefix);
  connection.addressRow = counts.arrive(words);
  if (counts.count <= bound) return true;
  plane.limits.shed('address');
  if (counts.count > bound + TOLD_MAX) {
    connection.kill();
    return false;
  }
  plane.metrics.unread(PROXY_FAULT.addressFull.status);
  connection.refuse(PROXY_FAULT.addressFull);
  return false;
}
