// The open doors of one worker: WebSockets, event streams and long answers, closed when the session that opened them is over.
import type { Random } from '../base/random.ts';
import type { MetricBook } from '../observe/metric-book.ts';
import type { Revocations } from '../session/revocations.ts';
import { type CloseReason, type Door, type DoorDesk, OPEN } from './door.ts';

/** All doors are looked at every so many ticks (60 ms), and at the next one when something was revoked. */
const ROUND_TICKS = 3;
/** Verdicts that doors wait for at one time; further doors wait for a free place. */
const WAITING_MAX = 256;
/** Of each tick so much may go into asking and closing, ms, which is half of it: requests of others come between. */
const ASKING_MS = 10;

export interface DoorKeeperInput {
  readonly revocations: Revocations;
  readonly book: MetricBook;
  readonly random: Random;
  /** Monotonic ms. */
  readonly nowMs: () => number;
}

/** One a worker. Joining is a few stores, and done once for many requests. */
export class DoorKeeper implements DoorDesk {
  readonly #in: DoorKeeperInput;
  readonly #tunnels: number;
  readonly #answers: number;
  #first: Door | null = null;
  #sequence = 0;
  #ticks = 0;
  #waiting = 0;
  /** Some were due and had to be left. */
  #behind = false;
  #revocations: Revocations;
  /** Those that are due, of one round. */
  readonly #due: Door[] = [];

  constructor(input: DoorKeeperInput) {
    this.#in = input;
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
  tick(nowMs: number): void {
    const { sequence } = this.#revocations;
    const waits = sequence === this.#sequence && !this.#behind;
    if (++this.#ticks % ROUND_TICKS !== 0 && waits) return;
    this.#sequence = sequence;
    this.#findDue(nowMs, sequence);
    this.#lookAt(nowMs, sequence);
  }

  #findDue(nowMs: number, sequence: number): void {
    let tunnels = 0;
    let answers = 0;
    let after: Door | null = null;
    for (let door = this.#first; door !== null; door = after) {
      after = door.next;
      if (!door.isOpen) {
        this.#unlist(door);
        continue;
      }
      const open = door.openAs(nowMs);
      if (open === OPEN.shut) continue;
      if (open === OPEN.tunnel) tunnels++;
      else answers++;
      if (door.isDue(nowMs, sequence)) this.#due.push(door);
    }
    const { values } = this.#in.book;
    values[this.#tunnels] = tunnels;
    values[this.#answers] = answers;
  }

  #lookAt(nowMs: number, sequence: number): void {
    const due = this.#due;
    this.#behind = false;
    for (let i = 0; i < due.length; i++) {
      const door = due[i]!;
      if (this.#waiting >= WAITING_MAX || this.#in.nowMs() - nowMs > ASKING_MS) {
        this.#behind = true;
        break;
      }
      // What was closed before it may have taken it along.
      if (!door.isOpen || door.openAs(nowMs) === OPEN.shut) continue;
      if (door.look(nowMs, sequence)) this.#waiting++;
    }
    due.length = 0;
  }
}
