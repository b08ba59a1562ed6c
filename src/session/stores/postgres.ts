// Sessions in a table of PostgreSQL: one prepared statement for each shape of question, on connections that can only read.
import { Socket } from 'node:net';
import type { Client, CustomTypesConfig, Pool, PoolClient, PoolConfig, QueryArrayResult } from 'pg';
import {
  type Query,
  STORED_BYTES_MAX,
  type StoredCell,
  type StoredValue,
  StoreFault,
  type StoreListener,
} from '../store.ts';
import {
  atMost,
  codeOf,
  type DriverSpec,
  poolSize,
  type StoreDriver,
  settleMs,
  tlsOptions,
} from './driver.ts';
import { isSpelledSo } from './key-spelling.ts';
import { channelOf, PostgresWatch } from './postgres-watch.ts';
import { quotedName, quotedTable } from './sql-names.ts';
import { StoreProblem } from './store-url.ts';

type Driver = { readonly default: { readonly Pool: typeof Pool; readonly Client: typeof Client } };
type Row = Extract<Query, { readonly kind: 'row' }>;

/** Opens a pool; the first connection is tried at once. Throws StoreProblem. */
export async function openPostgres(spec: DriverSpec, driver: Driver): Promise<StoreDriver> {
  if (spec.replicas)
    throw new StoreProblem('replicas of PostgreSQL are not found by themselves', 'the URL of one replica');
  const timezone = spec.url.parameters.get('timezone');
  if (timezone !== undefined && !/^[A-Za-z0-9_+/-]{1,64}$/.test(timezone))
    throw new StoreProblem('that timezone is none', 'timezone=UTC, timezone=Europe/Vienna');
  const notify = spec.url.parameters.get('notify');
  const channel = notify === undefined ? null : channelOf(notify);
  const store = new PostgresStore(driver.default, spec, timezone ?? null, channel);
  await atMost(settleMs(spec.deadlineMs), store.ping());
  return store;
}

function poolConfig(spec: DriverSpec): PoolConfig {
  const { url, tls, deadlineMs, concurrency } = spec;
  const socket = url.parameters.get('host');
  const [host] = url.hosts;
  const database = url.path.slice(1);
  return {
    host: socket ?? host?.host ?? '/var/run/postgresql',
    port: host?.port ?? 5432,
    ...(url.username === null ? {} : { user: url.username }),
    ...(url.password === null ? {} : { password: url.password }),
    ...(database === '' ? {} : { database }),
    // pg passes on the host as the name to be recognised by, unless there is another.
    ssl: tls === null ? false : tlsOptions(tls, host?.host ?? ''),
    max: poolSize(concurrency),
    connectionTimeoutMillis: settleMs(deadlineMs),
    query_timeout: settleMs(deadlineMs),
    idleTimeoutMillis: 60_000,
    allowExitOnIdle: true,
    keepAlive: true,
    application_name: 'limpet',
  };
}

/** A shape of question: its SQL, and what of each column the cell is made of. */
interface Statement {
  readonly name: string;
  readonly text: string;
}

const EMPTY = new Uint8Array(0);
/** Sends a notification if each of these tables has a trigger that is on. */
const BEAT = `SELECT pg_notify($1, '') WHERE NOT EXISTS (
  SELECT FROM unnest($2::text[]) AS name WHERE NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = to_regclass(name) AND NOT tgisinternal AND tgenabled IN ('O', 'A')))`;
/** OIDs of src/include/catalog/pg_type.dat. */
const DATE = 1082;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;

class PostgresStore implements StoreDriver {
  readonly #pool: Pool;
  readonly #setup: string;
  readonly #deadlineMs: number;
  /** By shape; the shapes come from the config, so they are few. */
  readonly #statements = new Map<string, Promise<Statement>>();
  /** Quoted; those of the shapes. */
  readonly #tables = new Set<string>();
  readonly #watches: PostgresWatch[] = [];
  /** Only where the URL names the channel of a trigger: without one PostgreSQL tells nothing, and nobody would notice. */
  readonly watch?: (listener: StoreListener) => void;

  constructor(driver: Driver['default'], spec: DriverSpec, timezone: string | null, channel: string | null) {
    const config = poolConfig(spec);
    const pool = new driver.Pool(config);
    this.#pool = pool;
    if (channel !== null) {
      const tools = {
        channel,
        random: spec.random,
        // A server that hangs would hold the process back at its end.
        client: () =>
          new driver.Client({
            ...config,
            application_name: 'limpet-push',
            stream: () => new Socket().unref(),
          }),
        beat: (on: string) => this.#beat(on),
        wordOf,
      };
      this.watch = (listener) => {
        this.#watches.push(new PostgresWatch(tools, listener));
      };
    }
    this.#deadlineMs = spec.deadlineMs;
    this.#setup = [
      'SET default_transaction_read_only = on',
      `SET statement_timeout = ${Math.ceil(settleMs(spec.deadlineMs) / 2)}`,
      ...(timezone === null ? [] : [`SET TimeZone = '${timezone}'`]),
    ].join('; ');
    // A connection that breaks while nobody uses it; the pool has dropped it.
    pool.on('error', () => {});
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (query.kind !== 'row') throw new StoreFault('malformed', 'PostgreSQL holds rows only');
    // No text of PostgreSQL has a NUL, and it would take the question for broken.
    if (query.key.includes('\0')) return null;
    return this.#with(async (client) => {
      const statement = await this.#statement(query, client);
      try {
        const { rows, fields, command } = await client.query<unknown[]>({
          ...statement,
          values: [query.key],
          rowMode: 'array',
          types: AS_TEXT,
        });
        // A server that only says that it is done has not looked.
        if (command !== 'SELECT' || fields.length !== query.columns.length + 1)
          throw new StoreFault('down', 'postgres: an answer to another question');
        const row = rows[0];
        return row === undefined || !isAsked(query, row, fields) ? null : stored(query.columns, row, fields);
      } catch (error) {
        const code = codeOf(error);
        // invalid_text_representation: a key that the column's type, such as uuid, cannot hold.
        if (code === '22P02') return null;
        this.#statements.delete(shapeOf(query));
        throw error;
      }
    });
  }

  async ping(): Promise<void> {
    await this.#with((client) => client.query('SELECT 1'));
  }

  /** Nothing is written: a notification is none, and is let pass where a transaction may only read. */
  async #beat(channel: string): Promise<boolean> {
    const { rowCount } = await this.#with((client) => client.query(BEAT, [channel, [...this.#tables]]));
    return rowCount === 1;
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    await atMost(this.#deadlineMs, this.#pool.end());
  }

  /** A connection that failed, or was too slow to answer, is not used again: an old answer may still come on it. */
  async #with<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    let client: PoolClient | null = null;
    const ignore = (): void => {};
    try {
      client = await this.#pool.connect();
      client.on('error', ignore);
      if (!this.#prepared.has(client)) {
        await client.query(this.#setup);
        this.#prepared.add(client);
      }
      const result = await use(client);
      client.off('error', ignore);
      client.release();
      return result;
    } catch (error) {
      client?.release(true);
      throw error instanceof StoreFault ? error : new StoreFault('down', `postgres: ${wordOf(error)}`);
    }
  }

  readonly #prepared = new WeakSet<PoolClient>();

  #statement(query: Row, client: PoolClient): Promise<Statement> {
    const shape = shapeOf(query);
    const known = this.#statements.get(shape);
    if (known !== undefined) return known;
    this.#tables.add(quotedTable(query.table, '"'));
    const name = `limpet_${this.#count++}`;
    const made = makeStatement(query, client, name);
    this.#statements.set(shape, made);
    made.catch(() => this.#statements.delete(shape));
    return made;
  }

  #count = 0;
}

function shapeOf(query: Row): string {
  return [query.table, query.keyColumn, ...query.columns].join('\0');
}

/**
 * Asks for the types of the columns, so that times are told as seconds by the server: a timestamp without zone is one of the
 * connection's TimeZone, which is the same as the app's unless the app or the URL says otherwise.
 */
async function makeStatement(query: Row, client: PoolClient, name: string): Promise<Statement> {
  const columns = query.columns.map((column) => quotedName(column, '"'));
  const from = `FROM ${quotedTable(query.table, '"')}`;
  const { fields } = await client.query(`SELECT ${columns.join(', ')} ${from} LIMIT 0`);
  const cells = columns.map((column, i) => {
    const type = fields[i]?.dataTypeID;
    const isTime = type === TIMESTAMP || type === TIMESTAMPTZ || type === DATE;
    return isTime ? `extract(epoch from ${column}::timestamptz)::float8` : column;
  });
  const key = quotedName(query.keyColumn, '"');
  const text = `SELECT ${cells.join(', ')}, ${key} ${from} WHERE ${key} = $1 LIMIT 1`;
  return { name, text };
}

/** pg's own parsers make dates and objects of what is kept as text here. */
const AS_TEXT: CustomTypesConfig = {
  getTypeParser: () => (text: string | Buffer) => text,
} as CustomTypesConfig; // Because: its type has an overload for each known OID, and all of them are answered alike.

function stored(
  columns: readonly string[],
  row: readonly unknown[],
  fields: QueryArrayResult['fields'],
): StoredValue {
  const cells = new Map<string, StoredCell>();
  let bytes = 0;
  columns.forEach((column, i) => {
    const text = row[i];
    const cell = typeof text === 'string' ? cellOf(text, fields[i]!.dataTypeID) : null;
    if (typeof cell === 'string' || cell instanceof Uint8Array) bytes += cell.length;
    cells.set(column, cell);
  });
  if (bytes > STORED_BYTES_MAX) throw new StoreFault('malformed', 'postgres: a row is longer than the bound');
  return { bytes: EMPTY, cells, flags: 0, mtimeS: null, endsAtS: null };
}

/** The row's key stands behind its columns. */
function isAsked(
  { columns, key }: Row,
  row: readonly unknown[],
  fields: QueryArrayResult['fields'],
): boolean {
  const found = row[columns.length];
  return (
    typeof found === 'string' && isSpelledSo(cellOf(found, fields[columns.length]?.dataTypeID ?? 0), key)
  );
}

function cellOf(text: string, type: number): StoredCell {
  switch (type) {
    case 16: // bool
      return text === 't';
    case 20: // int8
    case 21: // int2
    case 23: // int4
      return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
    case 700: // float4
    case 701: // float8
    case 1700: // numeric
      return Number(text);
    case 17: // bytea, as bytea_output = hex has it
      return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text, 'latin1');
    default:
      return text;
  }
}

/** What operators meet most, by SQLSTATE (PostgreSQL's appendix A); its texts repeat names and values. */
function wordOf(error: unknown): string {
  const code = codeOf(error);
  const known: Readonly<Record<string, string>> = {
    '28P01': 'wrong password',
    '28000': 'this user may not connect',
    '3D000': 'no such database',
    '42P01': 'no such table',
    '42703': 'no such column',
    '42501': 'no permission to read',
    '57014': 'the statement took too long',
    '57P01': 'the server is going down',
    '57P03': 'the server is starting',
  };
  return Object.hasOwn(known, code) ? `${known[code]} (${code})` : code;
}
