// A Redis full of revocations, as Limpet itself would have written them.
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { namesOf, textOf } from '../src/session/revocation/record.ts';
import { keysOf } from '../src/session/revocation/redis-keys.ts';

/** The database that they are in. */
export const REVOCATION_DB = 1;
const BATCH = 10_000;

/** Revokes `count` sessions that nobody has; `prefix` is the default one. */
export async function loadRevocations(port: number, count: number): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1', db: REVOCATION_DB });
  const { records, ends, count: counter } = keysOf('limpet');
  const nowMs = Date.now();
  const untilS = Math.floor(nowMs / 1000) + 30 * 86_400;
  for (let at = 0; at < count; at += BATCH) {
    const hash: string[] = [];
    const set: (string | number)[] = [];
    for (let i = at; i < Math.min(count, at + BATCH); i++) {
      const digest = createHash('sha256').update(`nobody's session ${i}`).digest('latin1');
      const names = namesOf('s', [digest]);
      const text = textOf({
        ...names,
        letter: 's',
        timeMs: nowMs,
        untilS,
        atMs: nowMs,
        by: 'bench',
        user: '',
        reason: 'the bench',
      });
      hash.push(names.id, text);
      set.push(untilS, names.id);
    }
    await client
      .pipeline()
      .hset(records, ...hash)
      .zadd(ends, ...set)
      .exec();
  }
  await client.set(counter, count);
  client.disconnect();
}
