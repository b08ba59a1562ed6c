// The open doors of one worker: WebSockets, event streams and long answers, closed when the session that opened them is over.
import { LaterWork } from '../base/later-work.ts';
import type { Random } from '../base/random.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { Revocations } from '../session/revocations.ts';
import { type CloseReason, type Door, type DoorDesk, LOOK, OPEN } from './door.ts';

/** All doors are looked at every so many ticks (60 ms), and at the next one when something was revoked. */
const ROUND_TICKS = 3;
/** Verdicts that doors wait for at one time; further doors wait for a free place. */
const WAITING_MAX = 256;
/** So long doors are looked at and closed in one go, ms; then whatever else has come is served, and the round goes on. */
const STRETCH_MS = 5;
/** Time is asked for at each door that had something to do, and once for so many that had not. */
const GLANCES = 256;

export interface DoorKeeperInput {
  readonly revocations: Revocations;
  readonly book: MetricBook;
  readonly random: Random;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  /** Calls `run` once, behind what has come for the worker meanwhile. Never before it has returned. */
  readonly soon: (run: () => void) => void;
}

/** One a worker. Joining is a few stores, and done once for many requests. */
export class DoorKeeper implements DoorDesk {
  readonly later: LaterWork;
  readonly #in: DoorKeeperInput;
  readonly #tunnels: number;
  readonly #answers: number;
  readonly #goOn = (): void => this.#stretch();
  #first: Door | null = null;
  /** `Revocations.sequence` when the last round began. */
  #sequence = 0;
  #ticks = 0;
  #waiting = 0;
  #revocations: Revocations;
  // The round that is under way, or was last.
  #underWay = false;
  /** The door that is next. Only a round takes doors out of the list, so that it is still there when the round goes on. */
  #next: Door | null = null;
  /** Some are due, and found no place to wait for their verdicts. */
  #left = false;
  #tunnelsSeen = 0;
  #answersSeen = 0;

  constructor(input: DoorKeeperInput) {
    this.#in = input;
    this.later = new LaterWork(input.nowMs, input.soon);
    this.#revocations = input.revocations;
    this.#tunnels = input.book.gauge('limpet_doors_open', { kind: 'tunnel' });
    this.#answers = input.book.gauge('limpet_doors_open', { kind: 'answer' });
  }

  /** From now on this says what is revoked. */
  use(revocations: Revocations): void {
    this.#revocations = revocations;
  }

  /** Hot. */
  join(door: Door): void {
    door.listed = true;
    door.next = this.#first;
    if (this.#first !== null) this.#first.previous = door;
    this.#first = door;
  }

  #unlist(door: Door): void {
    door.listed = false;
    if (door.previous !== null) door.previous.next = door.next;
    else this.#first = door.next;
    if (door.next !== null) door.next.previous = door.previous;
    door.previous = null;
    door.next = null;
  }

  answered(): void {
    this.#waiting--;
  }

  closed(session: string, reason: CloseReason): void {
    const { book } = this.#in;
    book.values[book.counter('limpet_doors_closed_total', { session, reason })]!++;
  }

  nowMs(): number {
    return this.#in.nowMs();
  }

  chance(bound: number): number {
    return this.#in.random.below(bound);
  }

  /** Every tick of the plane. */
  tick(): void {
    if (this.#underWay) return;
    const { sequence } = this.#revocations;
    const nothingNew = sequence === this.#sequence && !this.#left;
    if (++this.#ticks % ROUND_TICKS !== 0 && nothingNew) return;
    this.#sequence = sequence;
    this.#next = this.#first;
    this.#left = false;
    this.#tunnelsSeen = 0;
    this.#answersSeen = 0;
    // First all clients are told.
    this.later.hold();
    this.#stretch();
  }

  /** Goes on with the round, for a while. */
  #stretch(): void {
    const beganMs = this.#in.nowMs();
    // What is revoked while a round is under way ends those that it still comes to, and the others in the next.
    const { sequence } = this.#revocations;
    let glances = 0;
    let nowMs = beganMs;
    while (this.#next !== null) {
      const door = this.#next;
      this.#next = door.next;
      if (!this.#visit(door, nowMs, sequence) && ++glances % GLANCES !== 0) continue;
      nowMs = this.#in.nowMs();
      if (nowMs - beganMs < STRETCH_MS) continue;
      this.#underWay = true;
      this.#in.soon(this.#goOn);
      return;
    }
    this.#underWay = false;
    this.later.release();
    const { values } = this.#in.book;
    values[this.#tunnels] = this.#tunnelsSeen;
    values[this.#answers] = this.#answersSeen;
  }

  /** True: there was something to do. */
  #visit(door: Door, nowMs: number, sequence: number): boolean {
    if (!door.isOpen) {
      this.#unlist(door);
      return false;
    }
    const open = door.openAs(nowMs);
    if (open === OPEN.shut) return false;
    if (open === OPEN.tunnel) this.#tunnelsSeen++;
    else this.#answersSeen++;
    if (!door.isDue(nowMs, sequence)) return false;
    const came = door.look(nowMs, sequence, this.#waiting < WAITING_MAX);
    if (came === LOOK.waits) this.#waiting++;
    else if (came === LOOK.left) this.#left = true;
    return true;
  }
}
