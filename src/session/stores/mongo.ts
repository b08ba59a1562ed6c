// Sessions in a collection of MongoDB, read by `_id`.
import type { MongoClient, MongoClientOptions } from 'mongodb';
import { type Query, STORED_BYTES_MAX, type StoredCell, type StoredValue, StoreFault } from '../store.ts';
import { atMost, codeOf, type DriverSpec, poolSize, type StoreDriver, settleMs } from './driver.ts';
import { StoreProblem } from './store-url.ts';

type Driver = { readonly MongoClient: typeof MongoClient };

/** As much of a database of the driver as is used. */
export interface MongoDatabase {
  collection(name: string): {
    findOne(
      filter: { readonly _id: string },
      options: { readonly maxTimeMS: number; readonly readPreference?: 'primary' },
    ): Promise<Readonly<Record<string, unknown>> | null>;
  };
  command(command: { readonly ping: 1 }): Promise<unknown>;
}

/** Opens a client; the first connection is tried at once. The URL is the driver's own. Throws StoreProblem. */
export async function openMongo(spec: DriverSpec, driver: Driver): Promise<StoreDriver> {
  const { url, tls, deadlineMs, concurrency, replicas } = spec;
  // The driver reads its certificates from a file; a buffer is for node:tls, which it hands its options to.
  const options: MongoClientOptions = {
    ...(tls === null
      ? {}
      : {
          tls: true,
          tlsAllowInvalidCertificates: !tls.verify,
          ...(tls.ca === null ? {} : { ca: tls.ca }),
          ...(tls.serverName === null ? {} : { servername: tls.serverName }),
        }),
    readPreference: replicas ? 'secondaryPreferred' : 'primaryPreferred',
    maxPoolSize: poolSize(concurrency),
    serverSelectionTimeoutMS: settleMs(deadlineMs),
    connectTimeoutMS: settleMs(deadlineMs),
    socketTimeoutMS: settleMs(deadlineMs),
    waitQueueTimeoutMS: settleMs(deadlineMs),
    retryReads: false,
    appName: 'limpet',
  };
  let client: MongoClient;
  try {
    client = new driver.MongoClient(url.text, options);
  } catch {
    // Its message may repeat the URL.
    throw new StoreProblem('the driver of MongoDB refuses the URL', 'mongodb://HOST:27017/DATABASE');
  }
  client.on('error', () => {});
  // Types of documents are of no interest: `_id` is text in every session collection.
  const database = client.db() as unknown as MongoDatabase;
  const store = new MongoStore(database, () => client.close(true), deadlineMs, replicas);
  await atMost(settleMs(deadlineMs), store.ping());
  return store;
}

const EMPTY = new Uint8Array(0);

export class MongoStore implements StoreDriver {
  readonly #database: MongoDatabase;
  readonly #end: () => Promise<void>;
  readonly #deadlineMs: number;
  readonly #replicas: boolean;

  constructor(database: MongoDatabase, end: () => Promise<void>, deadlineMs: number, replicas: boolean) {
    this.#database = database;
    this.#end = end;
    this.#deadlineMs = deadlineMs;
    this.#replicas = replicas;
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (query.kind !== 'document') throw new StoreFault('malformed', 'MongoDB holds documents only');
    const filter = { _id: query.key };
    const maxTimeMS = settleMs(this.#deadlineMs);
    try {
      const collection = this.#database.collection(query.collection);
      let found = await collection.findOne(filter, { maxTimeMS });
      // Because: a secondary lags behind, and who has just logged in must not be told that there is no such session.
      if (found === null && this.#replicas)
        found = await collection.findOne(filter, { maxTimeMS, readPreference: 'primary' });
      return found === null ? null : stored(found);
    } catch (error) {
      throw error instanceof StoreFault ? error : new StoreFault('down', `mongo: ${wordOf(error)}`);
    }
  }

  async ping(): Promise<void> {
    try {
      await this.#database.command({ ping: 1 });
    } catch (error) {
      throw new StoreFault('down', `mongo: ${wordOf(error)}`);
    }
  }

  async close(): Promise<void> {
    await atMost(this.#deadlineMs, this.#end());
  }
}

function stored(document: Readonly<Record<string, unknown>>): StoredValue {
  const cells = new Map<string, StoredCell>();
  let bytes = 0;
  for (const [name, value] of Object.entries(document)) {
    const cell = cellOf(value);
    if (typeof cell === 'string' || cell instanceof Uint8Array) bytes += cell.length;
    cells.set(name, cell);
  }
  if (bytes > STORED_BYTES_MAX)
    throw new StoreFault('malformed', 'mongo: a document is longer than the bound');
  return { bytes: EMPTY, cells, flags: 0, mtimeS: null, endsAtS: null };
}

/** Documents within are JSON again, in which an ObjectId is its hex text: BSON's own types know how to write themselves so. */
function cellOf(value: unknown): StoredCell {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    case 'object':
      break;
    default:
      return null;
  }
  if (value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date) return value.getTime() / 1000;
  const json: unknown = (value as { toJSON?(): unknown }).toJSON?.();
  if (typeof json === 'string') return json;
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));
}

/** The driver's errors have names of their own, and a server's error a name of its code. */
function wordOf(error: unknown): string {
  const name = (error as { readonly codeName?: unknown } | null)?.codeName;
  if (typeof name === 'string') return name;
  return error instanceof Error ? error.name : codeOf(error);
}
