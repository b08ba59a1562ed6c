// Buckets that several processes count in together: what is asked of them, and what of them is known without asking.

/** What others have let the client do, too. */
export interface SharedAnswer {
  /** How long until the request would be let in; 0: it was, and was counted. */
  readonly waitMs: number;
  /** By question: how far ahead of its time the client's next request would be. */
  readonly debtMs: readonly number[];
  /** By question: whether this one was one too many. */
  readonly over: readonly boolean[];
}

/** Who waits for an answer. To give the waiting up, it sets `waitsFor` to null. */
export interface SharedWaiter {
  /** What will answer; null: nothing does. */
  waitsFor: object | null;
  /** Null: nobody answered, and what is counted here stands. */
  onShared(answer: SharedAnswer | null): void;
}

/** One limit of one client, as it is asked for. */
export interface SharedQuestion {
  /** Stands for limit and client in all processes. */
  readonly key: string;
  readonly intervalUs: number;
  readonly toleranceUs: number;
  /** It never refuses. */
  readonly dryRun: boolean;
}

/** A Redis, as the data plane sees it. */
export interface SharedBuckets {
  readonly deadlineMs: number;
  /** Asks for all of `questions` at once: either each lets the request in and counts it, or none does. False: it cannot be asked now. */
  ask(questions: readonly SharedQuestion[], waiter: SharedWaiter): boolean;
  /** The waiter's time was up. */
  late(): void;
  close(): void;
}

/**
 * The generic cell rate algorithm over several keys. KEYS: one a limit; ARGV: interval, tolerance (µs) and 1 for a dry run, of each. Time is the
 * server's, so that clocks need not agree. Answers how long to wait, then of each key its debt (µs) and 1 where this request was one too many.
 * What a dry run finds too many is not counted and refuses nothing. Needs Redis 5 or later, which replicates what a script does, not the script.
 */
export const TAKE_SCRIPT = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local wait = 0
local ahead = {}
for i, key in ipairs(KEYS) do
  ahead[i] = math.max(0, tonumber(redis.call('GET', key) or now) - now)
  local over = ahead[i] - tonumber(ARGV[3 * i - 1])
  if over > 0 and ARGV[3 * i] == '0' then wait = math.max(wait, math.ceil(over)) end
end
local answer = { wait }
for i, key in ipairs(KEYS) do
  local over = ahead[i] > tonumber(ARGV[3 * i - 1])
  if wait == 0 and not over then
    ahead[i] = ahead[i] + ARGV[3 * i - 2]
    redis.call('SET', key, string.format('%.0f', now + ahead[i]), 'PX', string.format('%.0f', math.ceil(ahead[i] / 1000) + 1000))
  end
  answer[2 * i] = math.floor(ahead[i])
  answer[2 * i + 1] = over and 1 or 0
end
return answer
`;

/** Reads the script's answer to `count` questions; null where it is none. */
export function readAnswer(reply: unknown, count: number): SharedAnswer | null {
  if (!Array.isArray(reply) || reply.length !== 1 + 2 * count) return null;
  if (!reply.every((value) => typeof value === 'number')) return null;
  const numbers: readonly number[] = reply;
  return {
    waitMs: numbers[0]! / 1000,
    debtMs: Array.from({ length: count }, (_, i) => numbers[1 + 2 * i]! / 1000),
    over: Array.from({ length: count }, (_, i) => numbers[2 + 2 * i] === 1),
  };
}
