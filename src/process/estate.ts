// What a process leaves to the one that takes its place: its listening sockets, and the secrets that were made at its start.
import { isDeepStrictEqual } from 'node:util';
import type { Bind } from '../config/config.ts';
import { type FoundPort, foundPorts } from './any-port.ts';
import type { Inheritance, InheritedSockets } from './inherited.ts';
import type { ListenerSockets } from './messages.ts';
import { type GivenAndRunning, madeSecrets } from './starting.ts';

/** What the old process leaves, beside the descriptors themselves. */
export interface Estate {
  readonly sockets: readonly InheritedSockets[];
  /** Secrets of affinity cookies by pool, so that those who were made at its start go on. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Ports of listeners that took any. */
  readonly ports: readonly FoundPort[];
}

/** What an estate is put together from. */
export interface EstateSource {
  readonly crew: { sockets(): Promise<ListenerSockets[]> };
  readonly admin: { sockets(): readonly ListenerSockets[] };
  readonly inheritance: Inheritance;
  /** Workers bind the same ports together. */
  readonly shared: boolean;
  readonly current: GivenAndRunning;
}

/** Rejects with a sentence where descriptors cannot be told. */
export async function estateOf(source: EstateSource): Promise<Estate> {
  const { inheritance, shared } = source;
  const found = [...(await source.crew.sockets()), ...source.admin.sockets()];
  const { listeners } = source.current.config;
  const isListener = (at: Bind): boolean => listeners.some(({ bind }) => isDeepStrictEqual(bind, at));
  const isManaged = (at: Bind): boolean => inheritance.find(at)?.managed ?? false;
  return {
    sockets: gather(found, (bind) => shared && isListener(bind) && !isManaged(bind), isManaged),
    secrets: madeSecrets(source.current),
    ports: foundPorts(source.current.given, source.current.config),
  };
}

/** Puts descriptors of several workers at one address together. Throws where one of them cannot be told. */
export function gather(
  found: readonly ListenerSockets[],
  extendsAt: (bind: Bind) => boolean,
  managedAt: (bind: Bind) => boolean,
): InheritedSockets[] {
  const places = new Map<string, { readonly bind: Bind; readonly fds: number[] }>();
  for (const { bind, fds } of found) {
    if (fds.some((fd) => fd < 0)) throw new Error('this Node does not tell the descriptors of its sockets');
    const key = JSON.stringify(bind);
    const place = places.get(key) ?? { bind, fds: [] };
    place.fds.push(...fds);
    places.set(key, place);
  }
  return [...places.values()].map(({ bind, fds }) => ({
    bind,
    fds,
    extends: extendsAt(bind),
    managed: managedAt(bind),
  }));
}
