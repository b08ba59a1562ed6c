// The load: every request has its time, whatever became of those before it, so that a proxy that stalls is charged for all it held up.
import type { Clock } from '../base/clock.ts';
import { type Random, SeededRandom } from '../base/random.ts';
import type { Timer, Timers } from '../base/timers.ts';
import type { DrillPlan } from './plan.ts';
import type { RequestText } from './request-text.ts';
import type { Told, User } from './user.ts';

/** A request that ended. Times are ms since the load began. */
export interface Ended extends Told {
  /** Its number. */
  readonly index: number;
  /** Number of its user. */
  readonly user: number;
  readonly request: RequestText;
  /** When it should have been sent: latency counts from here. */
  readonly dueMs: number;
  /** When it was; null where it never could be. */
  readonly sentMs: number | null;
  readonly endedMs: number;
}

/** What the load looks like. */
export type LoadPlan = Pick<DrillPlan, 'rate' | 'durationMs' | 'timeoutMs' | 'requests' | 'writeShare'>;

const TICK_MS = 1;
const SWEEP_MS = 20;
const SHARE_STEPS = 1_000_000;

const NOTHING_TOLD = { detail: '', lostLogin: false, instance: null, loginHome: null, handled: null };

/** What a user does. */
interface Seat {
  readonly user: User;
  readonly number: number;
  /** What waits for it to be free, in the order in which it was due. */
  readonly waiting: Due[];
  /** When the request under way was sent; null while there is none. */
  sentMs: number | null;
}

interface Due {
  readonly index: number;
  readonly dueMs: number;
  readonly request: RequestText;
}

/**
 * Request number i is due at i / rate and belongs to user i mod users. A user has one request under way; what is due meanwhile waits
 * for at most the timeout, and then fails as not sent: so at most `users` are in flight and rate x timeout wait.
 */
export class OpenLoop {
  readonly #plan: LoadPlan;
  readonly #seats: readonly Seat[];
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #idOf: (index: number) => string;
  readonly #ended: (ended: Ended) => void;
  readonly #random: Random = new SeededRandom(20_261);
  readonly #reads: readonly RequestText[];
  readonly #writes: readonly RequestText[];
  #startMs = 0;
  #asked = 0;
  #open = 0;
  #sweptMs = 0;
  #tickedMs = 0;
  #timer: Timer | null = null;
  #finished: (() => void) | null = null;
  /** True once it was ended early: what ends from then on was given up by the drill, and says nothing of the proxy. */
  stopped = false;
  /** The longest time that the load itself stood still, in ms: latencies up to it say nothing of the proxy. */
  stalledMs = 0;

  /** `ended` is called once for every request that was due. */
  constructor(
    plan: LoadPlan,
    users: readonly User[],
    world: { readonly clock: Clock; readonly timers: Timers },
    idOf: (index: number) => string,
    ended: (ended: Ended) => void,
  ) {
    this.#plan = plan;
    this.#seats = users.map((user, number) => ({ user, number, waiting: [], sentMs: null }));
    this.#clock = world.clock;
    this.#timers = world.timers;
    this.#idOf = idOf;
    this.#ended = ended;
    this.#reads = plan.requests.filter(({ safe }) => safe);
    this.#writes = plan.requests.filter(({ safe }) => !safe);
  }

  /** Ms since the load began. */
  nowMs(): number {
    return this.#clock.nowMs() - this.#startMs;
  }

  /** How many requests were due so far. */
  get asked(): number {
    return this.#asked;
  }

  /** Sends until the duration is over; resolves when every request has ended, which takes at most two timeouts more. */
  run(): Promise<void> {
    this.#startMs = this.#clock.nowMs();
    return new Promise((resolve) => {
      this.#finished = resolve;
      this.#tick();
    });
  }

  /** Ends it now: nothing more is due, and what is under way fails as given up. */
  stop(): void {
    if (this.#finished === null) return;
    this.stopped = true;
    this.#timer?.cancel();
    for (const seat of this.#seats) {
      for (const due of seat.waiting.splice(0))
        this.#notSent(seat, due, 'given up when the drill was stopped');
      seat.user.abort('given up when the drill was stopped');
    }
    this.#finish();
  }

  #finish(): void {
    const finished = this.#finished;
    this.#finished = null;
    this.#timer?.cancel();
    finished?.();
  }

  #tick(): void {
    const nowMs = this.nowMs();
    this.stalledMs = Math.max(this.stalledMs, nowMs - this.#tickedMs - TICK_MS);
    this.#tickedMs = nowMs;
    const { rate, durationMs } = this.#plan;
    const total = Math.floor((durationMs * rate) / 1000);
    while (this.#asked < total && (this.#asked * 1000) / rate <= nowMs) this.#beDue(this.#asked++);
    if (nowMs - this.#sweptMs >= SWEEP_MS) this.#sweep(nowMs);
    if (this.#asked === total && this.#open === 0) this.#finish();
    else if (this.#finished !== null) this.#timer = this.#timers.after(TICK_MS, () => this.#tick());
  }

  #beDue(index: number): void {
    const seat = this.#seats[index % this.#seats.length]!;
    const due = { index, dueMs: (index * 1000) / this.#plan.rate, request: this.#choose() };
    this.#open++;
    if (seat.sentMs === null && seat.waiting.length === 0) this.#send(seat, due);
    else seat.waiting.push(due);
  }

  /** By chance from a fixed seed: a pattern could give all writes to the same users. */
  #choose(): RequestText {
    const isWrite = this.#random.below(SHARE_STEPS) < this.#plan.writeShare * SHARE_STEPS;
    const among =
      this.#reads.length === 0 || (isWrite && this.#writes.length > 0) ? this.#writes : this.#reads;
    return among[this.#random.below(among.length)]!;
  }

  #send(seat: Seat, due: Due): void {
    const sentMs = this.nowMs();
    seat.sentMs = sentMs;
    seat.user.ask(due.request, this.#idOf(due.index), (told) => {
      seat.sentMs = null;
      this.#end({ ...told, ...due, user: seat.number, sentMs, endedMs: this.nowMs() });
      this.#next(seat);
    });
  }

  #next(seat: Seat): void {
    const nowMs = this.nowMs();
    for (;;) {
      const due = seat.waiting.shift();
      if (due === undefined) return;
      if (nowMs - due.dueMs < this.#plan.timeoutMs) {
        this.#send(seat, due);
        return;
      }
      this.#notSent(seat, due);
    }
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    const { timeoutMs } = this.#plan;
    for (const seat of this.#seats) {
      while (seat.waiting.length > 0 && nowMs - seat.waiting[0]!.dueMs >= timeoutMs) {
        this.#notSent(seat, seat.waiting.shift()!);
      }
      if (seat.sentMs !== null && nowMs - seat.sentMs >= timeoutMs) seat.user.abort('no answer in time');
    }
  }

  #notSent(seat: Seat, due: Due, why = 'not sent in time, since the one before it had no answer'): void {
    const told = { ...NOTHING_TOLD, why, home: seat.user.home };
    this.#end({ ...told, ...due, user: seat.number, sentMs: null, endedMs: this.nowMs() });
  }

  #end(ended: Ended): void {
    this.#open--;
    this.#ended(ended);
  }
}
