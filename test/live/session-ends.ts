// The end of one session brought about in the store that keeps it, as its time would: the session is the one whose id is in the cookie.
import { createConnection } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import type { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { until } from '../kit/named-app.ts';

export type EndsSession = (cookie: string) => Promise<void>;

/** Keys are `PREFIX:ID` or ids, or `prefix` and an id. Redis drops them when their time is over; waits until it has. */
export function endInRedis(client: Redis, prefix: string | null = null): EndsSession {
  const idOf = (key: string): string => key.slice(prefix?.length ?? key.lastIndexOf(':') + 1);
  const keysOf = async (cookie: string): Promise<string[]> =>
    (await client.keys(`${prefix ?? ''}*`)).filter((key) => cookie.includes(idOf(key)));
  return async (cookie) => {
    const keys = await keysOf(cookie);
    if (keys.length === 0) throw new Error('Redis has no such session');
    for (const key of keys) await client.pexpire(key, 1);
    await until('the session ends', async () => (await keysOf(cookie)).length === 0);
  };
}

/** The table of connect-pg-simple. */
export function endInPostgres(url: string): EndsSession {
  return async (cookie) => {
    const client = new pg.Client(url);
    await client.connect();
    const text = "UPDATE session SET expire = now() - interval '1 hour' WHERE position(sid in $1) > 0";
    const { rowCount } = await client.query(text, [cookie]);
    await client.end();
    hasEnded(rowCount);
  };
}

/** Django's table. */
export function endInMariadb(url: string): EndsSession {
  return async (cookie) => {
    const client = await mysql.createConnection(url);
    const sql = "UPDATE django_session SET expire_date = '2020-01-01' WHERE LOCATE(session_key, ?) > 0";
    const [{ affectedRows }] = await client.execute<mysql.ResultSetHeader>(sql, [cookie]);
    await client.end();
    hasEnded(affectedRows);
  };
}

/** Django's table. */
export function endInSqlite(file: string): EndsSession {
  return async (cookie) => {
    const database = new DatabaseSync(file, { timeout: 5000 });
    const sql = "UPDATE django_session SET expire_date = '2020-01-01' WHERE instr(?, session_key) > 0";
    const { changes } = database.prepare(sql).run(cookie);
    database.close();
    hasEnded(Number(changes));
  };
}

/** A key is the prefix and the whole value of the cookie. Memcached drops it at once when its time is set to the past. */
export function endInMemcached(port: number, prefix: string): EndsSession {
  return async (cookie) => {
    const key = prefix + cookie.slice(cookie.indexOf('=') + 1);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = createConnection(port, '127.0.0.1', () => socket.write(`touch ${key} -1\r\n`));
      socket.on('error', reject);
      socket.once('data', (bytes) => {
        socket.destroy();
        resolve(String(bytes));
      });
    });
    hasEnded(answer === 'TOUCHED\r\n' ? 1 : 0);
  };
}

function hasEnded(sessions: number | null): void {
  if (sessions !== 1) throw new Error(`${sessions} sessions ended instead of one`);
}
