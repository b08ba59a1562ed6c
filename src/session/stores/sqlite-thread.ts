// The thread on which SQLite reads: it answers each question in turn, and opens the file when it is first asked.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { STORED_BYTES_MAX, type StoredCell } from '../store.ts';

export interface SqliteStart {
  readonly path: string;
  /** How long a lock of a writer is waited for. */
  readonly busyMs: number;
}

export interface SqliteQuestion {
  /** One parameter, the key. */
  readonly sql: string;
  readonly key: string;
}

/** `cells` in the order of the columns; null: no row. */
export interface SqliteAnswer {
  readonly cells: readonly StoredCell[] | null;
  readonly fault: 'down' | 'malformed' | null;
  readonly why: string;
}

const start = workerData as SqliteStart; // what sqlite.ts starts it with
const statements = new Map<string, StatementSync>();
/** Shapes come from the config; more of them than this is a mistake of ours. */
const STATEMENTS_MAX = 64;
let database: DatabaseSync | null = null;

parentPort!.on('message', (question: SqliteQuestion) => {
  parentPort!.postMessage(answer(question));
});

function answer({ sql, key }: SqliteQuestion): SqliteAnswer {
  try {
    const statement = prepared(sql);
    const row = statement.get(key) as readonly unknown[] | undefined; // as `setReturnArrays` asks
    return row === undefined ? { cells: null, fault: null, why: '' } : cellsOf(statement, row);
  } catch (error) {
    // The file may have been replaced: it is opened anew with the next question.
    statements.clear();
    database?.close();
    database = null;
    const code: unknown = (error as { readonly errcode?: unknown }).errcode;
    return { cells: null, fault: 'down', why: typeof code === 'number' ? `error ${code}` : 'an error' };
  }
}

function prepared(sql: string): StatementSync {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  database ??= new DatabaseSync(start.path, { readOnly: true, timeout: start.busyMs });
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  if (statements.size >= STATEMENTS_MAX) statements.clear();
  statements.set(sql, statement);
  return statement;
}

function cellsOf(statement: StatementSync, row: readonly unknown[]): SqliteAnswer {
  const types = statement.columns().map(({ type }) => type ?? '');
  let bytes = 0;
  const cells = row.map((value, i) => {
    const cell = cellOf(value, types[i]!);
    if (typeof cell === 'string' || cell instanceof Uint8Array) bytes += cell.length;
    return cell;
  });
  if (bytes > STORED_BYTES_MAX)
    return { cells: null, fault: 'malformed', why: 'a row is longer than the bound' };
  return { cells, fault: null, why: '' };
}

/** SQLite has no times: a text in a column that is declared as one is a time, of UTC as Django, Rails and SQLite itself write it. */
function cellOf(value: unknown, type: string): StoredCell {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value === 'number' || value instanceof Uint8Array) return value;
  if (typeof value !== 'string') return null;
  if (!/date|time/i.test(type) || !/^\d{4}-\d\d-\d\d([ T]|$)/.test(value)) return value;
  const zoned = /Z$|[+-]\d\d:?\d\d$/.test(value.slice(10));
  const ms = Date.parse(zoned || value.length === 10 ? value : `${value.replace(' ', 'T')}Z`);
  return Number.isNaN(ms) ? value : ms / 1000;
}
