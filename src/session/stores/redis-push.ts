// The two ways in which a Redis server tells of changes on a second connection, and what each needs.
import type { Redis } from 'ioredis';
import { StoreFault, type StoreListener } from '../store.ts';
import { replyWord } from './redis-client.ts';

/** Who is told of changes. */
export type ChangeListener = Pick<StoreListener, 'changed' | 'allChanged' | 'garbled'>;

/** Changes are told from now on. */
export interface PushSource {
  /** Rejects unless both connections answer and the server still tells. */
  prove(): Promise<void>;
}

/** Where a server that speaks the second version of its protocol puts what it noted for another connection. */
const INVALIDATIONS = '__redis__:invalidate';
/** Classes of events that a session's life consists of: of any key, strings, hashes, expired, evicted. */
const CLASSES = ['g', '$', 'h', 'x', 'e'];
/** What empties a database without an event for each key. */
const EMPTYING = /^cmdstat_(flushall|flushdb|swapdb):calls=(\d+)/gm;
/** Replies that pass by themselves: the server starts, is taken out of use, or the other connection went a moment ago. */
const PASSING =
  /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|UNBLOCKED)|redirect to does not exist/;

/** The server tells of changes in neither way. */
class NoPush extends StoreFault {
  constructor(refused: string, why: string) {
    super('down', `it refuses CLIENT TRACKING (${refused}), and ${why}`);
  }
}

/** The server does not have it, or does not let us. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof NoPush) return true;
  return error instanceof Error && error.name === 'ReplyError' && !PASSING.test(error.message);
}

/** What tells one server from another, anew with each start. */
export async function runIdOf(client: Redis): Promise<string> {
  const id = /^run_id:(\w+)/m.exec(await client.info('server'))?.[1];
  if (id === undefined) throw new StoreFault('down', 'its INFO names no run_id');
  return id;
}

/**
 * The server notes each key that is read on `reader` and tells once when it changes, expires or is dropped (CLIENT TRACKING, Redis 6).
 * Because: it could also broadcast whatever changes under a prefix, which needs no notes but tells every worker of every replica of each
 * touch of each session. Noted keys cost the server memory, within its `tracking-table-max-keys`; those that it drops for want of
 * room it tells as changed, so that nothing is missed.
 */
export async function pushedInvalidations(
  reader: Redis,
  push: Redis,
  listener: ChangeListener,
): Promise<PushSource> {
  const id = await push.call('CLIENT', 'ID');
  // The payload is a list of keys, which nobody can publish, and null when all are gone; ioredis types what is published.
  push.on('messageBuffer', (_channel: Buffer, payload: unknown) => {
    if (payload === null) listener.allChanged();
    else if (Array.isArray(payload)) for (const key of payload) tellKey(key, listener);
    else listener.garbled();
  });
  await push.subscribe(INVALIDATIONS);
  await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id));
  return {
    async prove() {
      await Promise.all([push.ping(), reader.ping()]);
    },
  };
}

function tellKey(key: unknown, listener: ChangeListener): void {
  if (Buffer.isBuffer(key)) listener.changed(key.toString());
  else listener.garbled();
}

/**
 * The events of all keys of the database, where the server is configured to tell them. It does not tell of a database that is emptied,
 * which its counts of commands show a beat later. `refused`: why it is not asked for better.
 */
export async function pushedEvents(
  reader: Redis,
  push: Redis,
  listener: ChangeListener,
  refused: string,
): Promise<PushSource> {
  const prefix = `__keyspace@${reader.options.db ?? 0}__:`;
  push.on('pmessageBuffer', (_pattern: unknown, channel: Buffer) =>
    listener.changed(channel.subarray(prefix.length).toString()),
  );
  let emptied = '';
  const look = async (): Promise<string> => {
    const [flags, stats] = await Promise.all([flagsOf(reader, refused), reader.info('commandstats')]);
    if (!tellsEnough(flags)) throw new NoPush(refused, 'its keyspace events are off');
    return Array.from(stats.matchAll(EMPTYING), ([, name, calls]) => `${name} ${calls}`).join();
  };
  await push.psubscribe(`${prefix}*`);
  emptied = await look();
  return {
    async prove() {
      const [now] = await Promise.all([look(), push.ping()]);
      if (now === emptied) return;
      emptied = now;
      listener.allChanged();
    },
  };
}

async function flagsOf(reader: Redis, refused: string): Promise<string> {
  try {
    const reply = await reader.config('GET', 'notify-keyspace-events');
    return Array.isArray(reply) ? String(reply[1] ?? '') : '';
  } catch (error) {
    throw isRefusal(error) ? new NoPush(refused, `CONFIG GET (${replyWord(error)})`) : error;
  }
}

function tellsEnough(flags: string): boolean {
  return flags.includes('K') && (flags.includes('A') || CLASSES.every((each) => flags.includes(each)));
}
