// What every test of a store needs: a store opened from its URL, faults named, and waiting for a state instead of sleeping.
import { createServer, type Socket } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { systemTimers } from '../../src/base/timers.ts';
import { type Query, StoreFault, type StoreReader } from '../../src/session/store.ts';
import type { StoreGate } from '../../src/session/stores/gate.ts';
import { openStore, STORE_DEFAULTS, type StoreOptions } from '../../src/session/stores/open-store.ts';
import type { Owner } from './child.ts';
import { freePort } from './ports.ts';

export const TOOLS = { clock: systemClock, timers: systemTimers, random: new SeededRandom(1) };

export async function openTestStore(
  owner: Owner,
  url: string,
  options: Partial<StoreOptions> = {},
): Promise<StoreGate> {
  const store = await openStore({ ...STORE_DEFAULTS, folder: '/', url, ...options }, TOOLS);
  owner.teardown(() => store.close());
  return store;
}

export const value = (key: string): Query => ({ kind: 'value', key });

/** The kind of fault that a look-up comes to, or what came instead; with `why` the text too. */
export async function faultKind(store: StoreReader, query: Query): Promise<string> {
  try {
    return (await store.get(query)) === null ? 'none' : 'found';
  } catch (error) {
    return error instanceof StoreFault ? error.kind : `no fault: ${error}`;
  }
}

export async function faultText(store: StoreReader, query: Query): Promise<string> {
  try {
    return (await store.get(query)) === null ? 'none' : 'found';
  } catch (error) {
    return error instanceof StoreFault ? error.message : `no fault: ${error}`;
  }
}

/** Asks until `done` says so. */
export async function until(done: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`not so within ${ms} ms: ${done}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A server that does to every connection what `serve` says. */
export async function tcpServer(owner: Owner, serve: (socket: Socket) => void): Promise<number> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  owner.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return port;
}

/** A server that answers whatever comes with `bytes`. */
export function garbageServer(owner: Owner, bytes: Uint8Array | string): Promise<number> {
  return tcpServer(owner, (socket) => {
    socket.on('data', () => socket.write(bytes));
  });
}
