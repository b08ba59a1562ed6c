// One coarse tick serves every timeout: a wheel of intrusive lists, so that arming a deadline is a store and no timer object is made.

/** Something with one deadline. The fields belong to the wheel; embed them, don't touch them. */
export interface Timed {
  /** When to call `onDeadline`, ms of the wheel's clock; Infinity: not armed. */
  deadlineMs: number;
  wheelSlot: number;
  wheelPrev: Timed | null;
  wheelNext: Timed | null;
  onDeadline(nowMs: number): void;
}

/** Slots x tick = horizon; a deadline beyond it is parked in the farthest slot and looked at again there. */
const SLOTS = 1024;

/** `wheelSlot` of an entry that is in no list. Entries start with it. */
export const LOOSE = -1;
/** `wheelSlot` of an entry in the list that `tick` is walking. */
const WALKED = -2;

/**
 * A lazy timing wheel (Varghese & Lauck, "Hashed and hierarchical timing wheels", 1987). Moving a deadline later costs one store:
 * the entry stays where it is and is moved on when its old slot comes by. Deadlines fire up to one tick late, never early.
 */
export class Deadlines {
  readonly tickMs: number;
  /** Time of the last tick. Coarse time for whoever needs no better: up to `tickMs` behind, more when the loop is busy. */
  nowMs: number;
  readonly #slots: (Timed | null)[] = new Array<Timed | null>(SLOTS).fill(null);
  #ticks: number;

  constructor(nowMs: number, tickMs = 20) {
    this.tickMs = tickMs;
    this.nowMs = nowMs;
    this.#ticks = Math.floor(nowMs / tickMs);
  }

  /** Sets or moves the deadline of `t` to `atMs`. */
  arm(t: Timed, atMs: number): void {
    t.deadlineMs = atMs;
    // Under way in `tick`, which reads the new deadline when it comes to this entry.
    if (t.wheelSlot === WALKED) return;
    if (t.wheelSlot >= 0) {
      // Where the entry stands now comes by at or before the new time: it is moved on then.
      const parkedTicks = this.#ticksUntil(t.wheelSlot);
      if ((this.#ticks + parkedTicks) * this.tickMs <= atMs) return;
      this.#unlink(t);
    }
    this.#link(t, atMs);
  }

  /** Takes the deadline away. The entry itself leaves the wheel when its slot comes by. */
  disarm(t: Timed): void {
    t.deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Takes `t` out at once, for an object that goes away. */
  drop(t: Timed): void {
    t.deadlineMs = Number.POSITIVE_INFINITY;
    if (t.wheelSlot !== LOOSE) this.#unlink(t);
  }

  /** Calls every deadline that has come. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const target = Math.floor(nowMs / this.tickMs);
    // After a long stall one whole turn reaches every slot; more turns would find nothing new.
    if (target - this.#ticks > SLOTS) this.#ticks = target - SLOTS;
    while (this.#ticks < target) {
      this.#ticks++;
      const slot = this.#ticks & (SLOTS - 1);
      let t: Timed | null = this.#slots[slot] ?? null;
      this.#slots[slot] = null;
      // Detached as a list of its own, so that entries armed meanwhile are not met twice.
      for (let e: Timed | null = t; e !== null; e = e.wheelNext) e.wheelSlot = WALKED;
      while (t !== null) {
        const next: Timed | null = t.wheelNext;
        if (next !== null) next.wheelPrev = null;
        t.wheelNext = null;
        t.wheelPrev = null;
        t.wheelSlot = LOOSE;
        if (t.deadlineMs <= nowMs) {
          t.deadlineMs = Number.POSITIVE_INFINITY;
          this.#pending = next;
          t.onDeadline(nowMs);
          t = this.#pending;
        } else {
          if (t.deadlineMs !== Number.POSITIVE_INFINITY) this.#link(t, t.deadlineMs);
          t = next;
        }
      }
    }
  }

  /** Head of the list that `tick` is walking: an `onDeadline` may drop its neighbours. */
  #pending: Timed | null = null;

  #ticksUntil(slot: number): number {
    return slot < 0 ? 0 : ((slot - this.#ticks - 1) & (SLOTS - 1)) + 1;
  }

  #link(t: Timed, atMs: number): void {
    let ticks = Math.ceil(atMs / this.tickMs) - this.#ticks;
    if (ticks < 1) ticks = 1;
    if (ticks > SLOTS - 1) ticks = SLOTS - 1;
    const slot = (this.#ticks + ticks) & (SLOTS - 1);
    const head = this.#slots[slot] ?? null;
    t.wheelSlot = slot;
    t.wheelPrev = null;
    t.wheelNext = head;
    if (head !== null) head.wheelPrev = t;
    this.#slots[slot] = t;
  }

  #unlink(t: Timed): void {
    if (t.wheelPrev !== null) t.wheelPrev.wheelNext = t.wheelNext;
    else if (t.wheelSlot >= 0 && this.#slots[t.wheelSlot] === t) this.#slots[t.wheelSlot] = t.wheelNext;
    if (t.wheelNext !== null) t.wheelNext.wheelPrev = t.wheelPrev;
    if (this.#pending === t) this.#pending = t.wheelNext;
    t.wheelPrev = null;
    t.wheelNext = null;
    t.wheelSlot = LOOSE;
  }
}
