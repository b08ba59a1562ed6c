// Sessions in a table of an SQLite file: the library is synchronous, so it works on a thread of its own.
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Query, type StoredValue, StoreFault } from '../store.ts';
import { atMost, backOffMs, codeOf, type DriverSpec, faultOf, type StoreDriver, settleMs } from './driver.ts';
import { isSpelledSo } from './key-spelling.ts';
import { quotedName, quotedTable } from './sql-names.ts';
import type { SqliteAnswer, SqliteQuestion, SqliteStart } from './sqlite-thread.ts';
import { StoreProblem } from './store-url.ts';

const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-thread.ts' : './sqlite-thread.js',
  import.meta.url,
);

/** Opens the file on a thread; it need not be there yet. Throws StoreProblem where this Node has no SQLite. */
export async function openSqlite(spec: DriverSpec): Promise<StoreDriver> {
  if (spec.replicas) throw new StoreProblem('a file has no replicas', 'replicas: false');
  if (spec.tls !== null) throw new StoreProblem('a file is not reached by TLS', 'leave `tls` out');
  if (!(await hasSqlite())) {
    throw new StoreProblem(
      `this Node (${process.version}) has no SQLite that will do`,
      'Node 24 or later, which has it built in',
    );
  }
  const store = new SqliteStore(resolve(spec.folder, spec.url.path), spec);
  await atMost(settleMs(spec.deadlineMs), store.ping());
  return store;
}

/** Node 22 has it behind a flag at first, then without all that is needed here. */
async function hasSqlite(): Promise<boolean> {
  try {
    const { StatementSync } = await import('node:sqlite');
    return 'columns' in StatementSync.prototype && 'setReturnArrays' in StatementSync.prototype;
  } catch {
    return false;
  }
}

interface Waiting {
  readonly atMs: number;
  readonly resolve: (answer: SqliteAnswer) => void;
  readonly reject: (fault: StoreFault) => void;
}

const EMPTY = new Uint8Array(0);

class SqliteStore implements StoreDriver {
  readonly #start: SqliteStart;
  readonly #spec: DriverSpec;
  readonly #settleMs: number;
  #thread: Worker | null = null;
  #closed = false;
  #tries = 0;
  /** Questions in the order in which the thread answers them. */
  #waiting: Waiting[] = [];
  #watch: NodeJS.Timeout | null = null;
  /** After a thread that died: no other before this, ms of the clock. */
  #notBeforeMs = 0;

  constructor(path: string, spec: DriverSpec) {
    this.#spec = spec;
    this.#settleMs = settleMs(spec.deadlineMs);
    this.#start = { path, busyMs: spec.deadlineMs };
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (query.kind !== 'row') throw new StoreFault('malformed', 'SQLite holds rows only');
    const columns = query.columns.map((column) => quotedName(column, '"')).join(', ');
    const keyColumn = quotedName(query.keyColumn, '"');
    const sql = `SELECT ${columns}, ${keyColumn} FROM ${quotedTable(query.table, '"')} WHERE ${keyColumn} = ? LIMIT 1`;
    const answer = await this.#ask({ sql, key: query.key });
    if (answer.fault !== null) throw new StoreFault(answer.fault, `sqlite: ${answer.why}`);
    if (answer.cells === null || !isSpelledSo(answer.cells[query.columns.length] ?? null, query.key))
      return null;
    const cells = new Map(query.columns.map((column, i) => [column, answer.cells?.[i] ?? null] as const));
    return { bytes: EMPTY, cells, flags: 0, mtimeS: null, endsAtS: null };
  }

  async ping(): Promise<void> {
    const answer = await this.#ask({ sql: 'SELECT count(*) FROM sqlite_schema WHERE name = ?', key: '' });
    if (answer.fault !== null) throw new StoreFault('down', `sqlite: ${answer.why}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    this.#lost('the store was closed');
    await thread?.terminate();
  }

  async #ask(question: SqliteQuestion): Promise<SqliteAnswer> {
    const nowMs = this.#spec.clock.nowMs();
    if (this.#closed || nowMs < this.#notBeforeMs)
      throw new StoreFault('down', 'sqlite: the thread is not there');
    this.#thread ??= this.#open();
    this.#thread.postMessage(question);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ atMs: nowMs, resolve, reject });
      if (this.#waiting.length === 1) this.#watchFirst();
    });
  }

  #open(): Worker {
    const thread = new Worker(THREAD, { workerData: this.#start });
    // It does not keep the process alive; a question in flight has a timer that does.
    thread.unref();
    thread.on('message', (answer: SqliteAnswer) => {
      if (this.#thread !== thread) return;
      if (answer.fault === null) this.#tries = 0;
      this.#waiting.shift()?.resolve(answer);
      this.#watchFirst();
    });
    thread.on('error', (error) => {
      if (this.#thread === thread) this.#lost(faultOf(error, codeOf(error)).message);
    });
    thread.on('exit', () => {
      if (this.#thread === thread) this.#lost('the thread ended');
    });
    return thread;
  }

  #watchFirst(): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
    const first = this.#waiting[0];
    if (first === undefined) return;
    const ms = first.atMs + this.#settleMs - this.#spec.clock.nowMs();
    // A file on a disk that hangs: the thread is given up, another one tries later.
    this.#watch = setTimeout(() => this.#lost('the file does not answer'), Math.max(1, ms));
  }

  #lost(why: string): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
    const thread = this.#thread;
    this.#thread = null;
    this.#notBeforeMs = this.#spec.clock.nowMs() + backOffMs(++this.#tries, this.#spec.random);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.reject(new StoreFault('down', `sqlite: ${why}`));
    thread?.terminate().catch(() => {});
  }
}
