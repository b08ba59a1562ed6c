// What stands in the Redis of revocations, and the scripts that change it: each change is one step for everybody who looks.

/** Changes that a replica may miss and still catch up with, without reading everything again. */
const CHANGES_MAX = 65_536;

/** All under one hash tag, so that a cluster has them in one place. */
export interface RevocationKeys {
  /** Hash: the text of each revocation by its id. */
  readonly records: string;
  /** Sorted set: ids by when they run out, unix s. */
  readonly ends: string;
  /** How many changes there were, ever: a replica that misses one knows it by this. */
  readonly count: string;
  /** Stream of `n`, `id`, `text` and, where it was lifted, `gone`. */
  readonly changes: string;
  /** Sorted set: logins by their time, unix ms. */
  readonly logins: string;
  /** Stream of `logins`: `KEY:TIME KEY:TIME …`. */
  readonly loginChanges: string;
}

export function keysOf(prefix: string): RevocationKeys {
  const tag = `{${prefix}}:`;
  return {
    records: `${tag}revocations`,
    ends: `${tag}revocations:ends`,
    count: `${tag}revocations:count`,
    changes: `${tag}revocations:changes`,
    logins: `${tag}logins`,
    loginChanges: `${tag}logins:changes`,
  };
}

/** Keys: records, ends, count, changes. Arguments: id, text, end, and `new` where one that is there is left alone. */
export const KEEP = `
if ARGV[4] == 'new' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local n = redis.call('INCR', KEYS[3])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ${CHANGES_MAX}, '*', 'n', n, 'id', ARGV[1], 'text', ARGV[2])
return n`;

/** Key: records. Arguments: cursor and count of HSCAN. Gives the next cursor, how many records, and id and text of each, a line each. */
export const SLICE = `
local found = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
return { found[1], #found[2] / 2, table.concat(found[2], '\\n') }`;

/** Keys: the same as for KEEP. Argument: id. Gives the text, or nothing. */
export const TAKE = `
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return false end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local n = redis.call('INCR', KEYS[3])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ${CHANGES_MAX}, '*', 'n', n, 'id', ARGV[1], 'text', text, 'gone', 1)
return text`;

/** Keys: records, ends. Argument: unix s. Drops some that have run out by then, and gives how many: every replica knows by itself. */
export const PURGE = `
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 500)
if #ids > 0 then
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('ZREM', KEYS[2], unpack(ids))
end
return #ids`;

/** Keys: logins, loginChanges. Arguments: how many are kept, for how many seconds, what the stream tells, then time and key of each. */
export const NOTE = `
for i = 4, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[1])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ${CHANGES_MAX}, '*', 'logins', ARGV[3])
return 1`;
