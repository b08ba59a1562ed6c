// Sessions in a table of MySQL or MariaDB: one prepared statement for each shape of question, on connections that can only read.
import { connect } from 'node:net';
import type { createPool, FieldPacket, Pool, PoolConnection, PoolOptions } from 'mysql2';
import { type Query, STORED_BYTES_MAX, type StoredCell, type StoredValue, StoreFault } from '../store.ts';
import {
  atMost,
  codeOf,
  type DriverSpec,
  poolSize,
  type StoreDriver,
  type StoreTls,
  settleMs,
  tlsOptions,
} from './driver.ts';
import { isSpelledSo } from './key-spelling.ts';
import { quotedName, quotedTable } from './sql-names.ts';
import { type StoreHost, StoreProblem } from './store-url.ts';

type Driver = { readonly default: { readonly createPool: typeof createPool } };

/** Opens a pool; the first connection is tried at once. Throws StoreProblem. */
export async function openMysql(spec: DriverSpec, driver: Driver): Promise<StoreDriver> {
  if (spec.replicas)
    throw new StoreProblem('replicas of MySQL are not found by themselves', 'the URL of one replica');
  const store = new MysqlStore(driver.default.createPool(poolConfig(spec)), spec);
  await atMost(settleMs(spec.deadlineMs), store.ping());
  return store;
}

function poolConfig(spec: DriverSpec): PoolOptions {
  const { url, tls, deadlineMs, concurrency } = spec;
  const [host] = url.hosts;
  const socketPath = url.parameters.get('socket');
  const database = url.path.slice(1);
  return {
    ...(socketPath === undefined
      ? { host: host?.host ?? '127.0.0.1', port: host?.port ?? 3306 }
      : { socketPath }),
    ...(url.username === null ? {} : { user: url.username }),
    ...(url.password === null ? {} : { password: url.password }),
    ...(database === '' ? {} : { database }),
    ...(tls === null ? {} : tlsConfig(tls, host ?? { host: '', port: 0 })),
    connectionLimit: poolSize(concurrency),
    // The gate's line is the line.
    waitForConnections: true,
    queueLimit: 0,
    connectTimeout: settleMs(deadlineMs),
    enableKeepAlive: true,
    idleTimeout: 60_000,
    // Times come as text, and are made seconds here: the session's zone is UTC.
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: false,
    jsonStrings: true,
    rowsAsArray: true,
    maxPreparedStatements: 64,
  };
}

/**
 * mysql2 takes the host that it connects to for the name in the certificate, and no address at all: so it is told the name as its
 * host, and given a socket that leads to the real one.
 */
function tlsConfig(tls: StoreTls, { host, port }: StoreHost): PoolOptions {
  const name = tls.serverName ?? host;
  const { ca, rejectUnauthorized } = tlsOptions(tls, '');
  return {
    host: name,
    ssl: { verifyIdentity: tls.verify, rejectUnauthorized, ...(ca === undefined ? {} : { ca }) },
    // Because: of a socket within TLS, Node takes `_host` for the name; without it an address is compared with `localhost` and refused.
    stream: () => Object.assign(connect({ host, port, noDelay: true }), { _host: name }),
  };
}

const EMPTY = new Uint8Array(0);
/** Types of the protocol (enum_field_types): TIMESTAMP, DATE, DATETIME and their second versions. */
const TIMES: readonly number[] = [7, 10, 12, 17, 18];
const DECIMALS: readonly number[] = [0, 246];

class MysqlStore implements StoreDriver {
  readonly #pool: Pool;
  readonly #settleMs: number;
  readonly #prepared = new WeakSet<object>();
  readonly #connections = new Set<PoolConnection>();

  constructor(pool: Pool, spec: DriverSpec) {
    this.#pool = pool;
    this.#settleMs = settleMs(spec.deadlineMs);
    // mysql2's type leaves it out; a connection that breaks while nobody uses it tells the pool.
    pool.on('connection', (connection) => {
      this.#connections.add(connection);
      connection.on('error', () => {});
      connection.on('end', () => this.#connections.delete(connection));
    });
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (query.kind !== 'row') throw new StoreFault('malformed', 'MySQL holds rows only');
    const columns = query.columns.map((column) => quotedName(column, '`')).join(', ');
    const keyColumn = quotedName(query.keyColumn, '`');
    const sql = `SELECT ${columns}, ${keyColumn} FROM ${quotedTable(query.table, '`')} WHERE ${keyColumn} = ? LIMIT 1`;
    return this.#with(async (connection) => {
      const { rows, fields } = await this.#execute(connection, sql, [query.key]);
      const row = rows[0];
      if (row === undefined || !isSpelledSo(cellAt(row, fields, query.columns.length), query.key))
        return null;
      return stored(query.columns, row, fields);
    });
  }

  async ping(): Promise<void> {
    await this.#with((connection) => this.#execute(connection, 'SELECT 1', []));
  }

  async close(): Promise<void> {
    this.#pool.end(() => {});
    // A server that hangs never says goodbye.
    for (const connection of this.#connections) connection.destroy();
  }

  /** A connection that failed, or was too slow to answer, is not used again: an old answer may still come on it. */
  async #with<T>(use: (connection: PoolConnection) => Promise<T>): Promise<T> {
    let connection: PoolConnection | null = null;
    try {
      connection = await this.#connection();
      await this.#prepare(connection);
      const result = await use(connection);
      connection.release();
      return result;
    } catch (error) {
      connection?.destroy();
      throw error instanceof StoreFault ? error : new StoreFault('down', `mysql: ${codeOf(error)}`);
    }
  }

  #connection(): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      let late = false;
      const timeout = setTimeout(() => {
        late = true;
        reject(new StoreFault('down', 'mysql: no connection in time'));
      }, this.#settleMs);
      this.#pool.getConnection((error, connection) => {
        clearTimeout(timeout);
        if (late) connection?.release();
        else if (error) reject(error);
        else resolve(connection);
      });
    });
  }

  async #prepare(connection: PoolConnection): Promise<void> {
    // The pool wraps a connection anew each time; the thread's number is the connection's own.
    const key: object = (connection as { readonly connection?: object }).connection ?? connection;
    if (this.#prepared.has(key)) return;
    await this.#query(connection, "SET SESSION time_zone = '+00:00'");
    await this.#query(connection, 'SET SESSION TRANSACTION READ ONLY');
    const ms = Math.ceil(this.#settleMs / 2);
    try {
      await this.#query(connection, `SET SESSION max_statement_time = ${ms / 1000}`);
    } catch (error) {
      // MariaDB's is unknown to MySQL, which counts in milliseconds under another name.
      if (codeOf(error) !== 'ER_UNKNOWN_SYSTEM_VARIABLE') throw error;
      await this.#query(connection, `SET SESSION max_execution_time = ${ms}`);
    }
    this.#prepared.add(key);
  }

  #query(connection: PoolConnection, sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      connection.query({ sql, timeout: this.#settleMs }, (error) => (error ? reject(error) : resolve()));
    });
  }

  #execute(
    connection: PoolConnection,
    sql: string,
    values: string[],
  ): Promise<{ readonly rows: readonly (readonly unknown[])[]; readonly fields: readonly FieldPacket[] }> {
    return new Promise((resolve, reject) => {
      connection.execute({ sql, values, timeout: this.#settleMs }, (error, rows, fields) => {
        if (error) reject(error);
        // A SELECT with `rowsAsArray` gives a list of lists, which the type of `execute` cannot know.
        else resolve({ rows: rows as unknown as readonly (readonly unknown[])[], fields });
      });
    });
  }
}

function stored(
  columns: readonly string[],
  row: readonly unknown[],
  fields: readonly FieldPacket[],
): StoredValue {
  const cells = new Map<string, StoredCell>();
  let bytes = 0;
  columns.forEach((column, i) => {
    const cell = cellAt(row, fields, i);
    if (typeof cell === 'string' || cell instanceof Uint8Array) bytes += cell.length;
    cells.set(column, cell);
  });
  if (bytes > STORED_BYTES_MAX) throw new StoreFault('malformed', 'mysql: a row is longer than the bound');
  return { bytes: EMPTY, cells, flags: 0, mtimeS: null, endsAtS: null };
}

function cellAt(row: readonly unknown[], fields: readonly FieldPacket[], i: number): StoredCell {
  return cellOf(row[i], fields[i]?.columnType ?? fields[i]?.type ?? 0);
}

function cellOf(value: unknown, type: number): StoredCell {
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array) return value;
  if (typeof value !== 'string') return null;
  if (TIMES.includes(type)) {
    const ms = Date.parse(`${value.length === 10 ? `${value} 00:00:00` : value}Z`.replace(' ', 'T'));
    return Number.isNaN(ms) ? null : ms / 1000;
  }
  // BIGINT beyond a double, and decimals, come as text.
  if (type === 8 && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  return DECIMALS.includes(type) ? Number(value) : value;
}
