// What a request passes before an instance is asked: the check of its session, limits that wait for it, and its place in the pool.

import { performance } from 'node:perf_hooks';
import type { Fault } from '../base/fault.ts';
import { STAGE } from '../observe/stages.ts';
import type { Waiter, WaitingLine } from '../pool/waiting-line.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { ExchangeRecord } from './exchange-record.ts';
import { PROXY_FAULT } from './faults.ts';
import type { PlaceSeeker } from './pool-keeper.ts';
import { CHECK } from './session-check.ts';

/** `checking`: the session. `gathering`: a body, for an upstream of HTTP/1.0. `answered`: only the body's rest still comes. */
export const STATE = {
  idle: 0,
  waiting: 1,
  gathering: 2,
  attempting: 3,
  relaying: 4,
  answered: 5,
  checking: 6,
} as const;

/** The way of one exchange to its place; Exchange goes on from there. */
export abstract class ExchangeEntry extends ExchangeRecord implements PlaceSeeker {
  line: WaitingLine | null = null;
  ahead: Waiter | null = null;
  behind: Waiter | null = null;
  waitUntilMs = 0;

  protected state: number = STATE.idle;
  /** When the waiting in line ends at the latest, ms; −1 while it has not waited. */
  protected patientUntilMs = -1;

  /** It has its place, and its instance is asked. */
  protected abstract ask(): void;
  /** Answers with the fault's status, or cuts the client off where an answer has begun. */
  abstract fail(fault: Fault): void;

  /** Checks the session before anything is asked of an upstream. */
  protected check(guard: SessionGuard, head: RequestHead): void {
    this.traced?.checking();
    const { clientAddress } = this.homing;
    const cookies = this.homing.unmarked(head.fields);
    this.stage = STAGE.session;
    const checked = this.session.begin(guard, head, this.client!, clientAddress, cookies);
    this.watched.read(this.pool!, head.fields, this.session.memo);
    this.watched.judged(this.session.standing);
    if (checked === CHECK.waits) this.awaitVerdict();
    else this.onChecked(checked === CHECK.passed);
  }

  /** The session's verdict is waited for, or its token. */
  protected awaitVerdict(): void {
    this.state = STATE.checking;
    this.enter(STAGE.session);
    this.traced?.checking();
  }

  onChecked(passed: boolean): void {
    if (passed && this.state === STATE.checking) this.enter(STAGE.connect);
    this.traced?.checked(this.session.standing);
    this.state = STATE.attempting;
    this.request.token = this.session.token;
    if (passed && this.placement.upstream !== null) {
      // It has its place: only a token was waited for.
      this.ask();
      return;
    }
    this.request.tellSession(this.session);
    this.homing.know(this.session.standing);
    if (!passed) {
      this.fail(this.session.fault);
      return;
    }
    this.askLimits();
  }

  /** Asks the limits that waited for the session, and those that others share. */
  protected askLimits(): void {
    const { gate } = this.plan!;
    if (gate === null || gate.late.length === 0) {
      this.onLimited(true);
      return;
    }
    const limited = this.limits!.ask(this.session.standing, performance.now());
    if (limited === CHECK.waits) {
      this.state = STATE.checking;
      this.stage = STAGE.session;
    } else {
      this.onLimited(limited === CHECK.passed);
    }
  }

  onLimited(passed: boolean): void {
    this.state = STATE.attempting;
    if (!passed) {
      this.retryAfterS = this.limits!.retryAfterS;
      this.fail(PROXY_FAULT.rateLimited);
      return;
    }
    if (this.session.standing !== null) this.door.open();
    this.place();
  }

  /** Finds an upstream and asks it, or waits in line, or gives up. */
  protected place(): void {
    const { placement } = this;
    this.stage = STAGE.connect;
    this.traced?.placing();
    const upstream = placement.find();
    if (upstream !== null) {
      placement.settle(upstream);
      this.ask();
    } else if (placement.full) {
      this.#wait();
    } else {
      this.fail(placement.noneFault());
    }
  }

  #wait(): void {
    this.enter(STAGE.queue);
    if (!this.pool!.line.enter(this, this.plane.deadlines.nowMs)) {
      this.fail(this.placement.fullFault(PROXY_FAULT.full));
      return;
    }
    this.state = STATE.waiting;
    this.traced?.queued();
    // Back in line after a place that was not his, he has no more patience than before.
    if (this.patientUntilMs < 0) this.patientUntilMs = this.waitUntilMs;
    else this.waitUntilMs = this.patientUntilMs;
  }

  /** A place became free: taken out of the line by the pool's keeper. */
  resumeFromLine(): void {
    this.state = STATE.attempting;
    if (this.plane.deadlines.nowMs >= this.patientUntilMs) {
      this.expireInLine();
      return;
    }
    this.enter(STAGE.connect);
    this.place();
  }

  /** The time in line is up. */
  expireInLine(): void {
    this.fail(this.placement.fullFault(PROXY_FAULT.waitTimeout));
  }
}
