// The switch of one replica, without its workers.
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { systemTimers } from '../../../src/base/timers.ts';
import { digestOf } from '../../../src/session/revocation/digest-words.ts';
import { type Order, OrderReader } from '../../../src/session/revocation/order.ts';
import { RedisKeeper } from '../../../src/session/revocation/redis-keeper.ts';
import { RevocationRegistry } from '../../../src/session/revocation/registry.ts';
import { SharedRevocations } from '../../../src/session/revocation/shared-revocations.ts';
import { parseStoreUrl } from '../../../src/session/stores/store-url.ts';
import type { Owner } from '../../kit/child.ts';

const ENTRIES = 1000;

/** What the main thread opens it from. */
export const specOf = (url: string) => ({
  url: parseStoreUrl(url),
  tls: null,
  replicas: false,
  deadlineMs: 750,
  concurrency: 1,
  folder: '',
  clock: systemClock,
  random: systemRandom(),
});

/** Starts one; closed with `owner`. */
export async function startReplica(url: string, prefix: string, owner: Owner) {
  const memory = RevocationRegistry.allocate(ENTRIES);
  const dropped: string[] = [];
  let lost = 0;
  const registry: RevocationRegistry = new RevocationRegistry({
    memory,
    ttlMs: 600_000,
    keeper: new RedisKeeper({ prefix, entries: ENTRIES, spec: specOf(url) }),
    reader: new OrderReader([]),
    clock: systemClock,
    timers: systemTimers,
    onDropped: (why) => dropped.push(why),
    onLost: () => lost++,
  });
  owner.teardown(() => registry.close());
  await registry.start();
  const seen = new SharedRevocations(memory, systemClock.wallMs, (key, timeMs) =>
    registry.shareLogin(key, timeMs),
  );
  return {
    registry,
    seen,
    dropped,
    lost: () => lost,
    revoke: (order: Order) => registry.revoke({ order, ttlMs: null, reason: 'why not', by: 'test' }),
    /** Whether the session of this id is ended. */
    ends: (session: string): boolean => seen.revokesCredential(digestOf(session), null),
  };
}

export const session = (name: string): Order => ({ kind: 'session', session: name });
