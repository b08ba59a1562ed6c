// A soak: cycles of calm and of troubled traffic with harm to the apps, each followed by a rest in which all must be as it was.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, SeededRandom } from '../../src/base/random.ts';
import type { Owner } from '../kit/child.ts';
import { Books, disagreements, type ProxyBooks, sumsThatFail } from './books.ts';
import type { Door } from './door.ts';
import { HARMS } from './harms.ts';
import { leaksBetween, mib, type Rest, RestReader } from './rest.ts';
import { ROUNDS } from './soak-config.ts';
import { Stage, WORKERS } from './stage.ts';
import { BRIEF_VISITS, CALM_VISITS, type Visit, type Visitor } from './traffic.ts';
import { TROUBLED_VISITS } from './trouble.ts';

/** Visits under way at once. */
const STRANDS = 16;
/** How long the two kinds of traffic of a cycle last, ms. */
const CALM_MS = 3000;
const TROUBLED_MS = 9000;
/** A Limpet that is not at rest by then never will be: several times its longest timeout. */
const REST_MS = 60_000;
/** The first cycles fill pools, compile code and open what stays open; from the one after them on, all must stay as it is. */
const WARM_CYCLES = 2;

/** The life of one process: it is judged by itself, since its successor counts anew. */
const ERA_MS = 10 * 60_000;
/** How long the traffic goes on before and after a successor takes over, ms. */
const AROUND_REPLACE_MS = 1000;
/** Half of what a Limpet that drains waits for the last request of an idle connection, ms. */
const STILL_MS = 250;

export interface SoakOptions {
  /** At least so long, ms; always at least one cycle beyond the warm ones. */
  readonly forMs: number;
  readonly seed: number;
  /** Each process is replaced by a successor under traffic at its end; default: yes. */
  readonly replace?: boolean;
  /** Modules of this folder that every thread of Limpet loads. */
  readonly preloads?: readonly string[];
  /** Told after each cycle. */
  readonly tell?: (line: string) => void;
  readonly calmMs?: number;
  readonly troubledMs?: number;
  /** How often a process that seems to leak is looked at in a rest, before it is believed; default: as RestReader has it. */
  readonly looksMax?: number;
}

/** What came of one process. */
export interface Era {
  readonly cycles: number;
  readonly load: Books;
  readonly proxy: ProxyBooks;
  /** At the end of the warm cycles, and at the end. */
  readonly begin: Rest;
  readonly end: Rest;
}

export interface SoakResult {
  /** Why it failed: leaks, sums, what clients saw. Empty: it did not. */
  readonly faults: readonly string[];
  readonly tookMs: number;
  readonly harms: Readonly<Record<string, number>>;
  readonly reloads: number;
  /** Answers that came whole while processes were replaced. */
  readonly answersMeanwhile: number;
  readonly eras: readonly Era[];
}

/** Runs one. Rejects when it cannot go on, such as from a Limpet that never comes to rest; the error says all that was found so far. */
export async function soak(owner: Owner, options: SoakOptions): Promise<SoakResult> {
  const run = new SoakRun(await Stage.open(owner, options.preloads), options);
  return run.whole();
}

class SoakRun {
  readonly #stage: Stage;
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #faults: string[] = [];
  readonly #harms: Record<string, number> = {};
  /** Of the process that serves. */
  #load = new Books();
  #lastReader: RestReader | null = null;
  #reloads = 0;
  #round = 0;
  #rests = 0;
  #answersMeanwhile = 0;

  constructor(stage: Stage, options: SoakOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  async whole(): Promise<SoakResult> {
    const startedMs = performance.now();
    const { forMs, replace = true } = this.#options;
    const count = Math.max(1, Math.round(forMs / ERA_MS));
    const eras: Era[] = [];
    while (eras.length < count) {
      eras.push(await this.#era(startedMs + (forMs * (eras.length + 1)) / count));
      if (replace) await this.#replace();
    }
    return {
      faults: this.#faults,
      tookMs: performance.now() - startedMs,
      harms: this.#harms,
      reloads: this.#reloads,
      answersMeanwhile: this.#answersMeanwhile,
      eras,
    };
  }

  /** Cycles of the process that serves, until `untilMs` and for one more than the warm ones at least. */
  async #era(untilMs: number): Promise<Era> {
    this.#load = new Books();
    const zero = await this.#stage.books();
    let begin: Rest | null = null;
    let end: Rest | null = null;
    let cycles = 0;
    while (performance.now() < untilMs || cycles <= WARM_CYCLES) {
      await this.#cycle();
      cycles++;
      end = await this.#rest(begin);
      if (cycles === WARM_CYCLES) begin = end;
      this.#tell(end);
    }
    const load = this.#load;
    const proxy = await this.#stage.books();
    this.#blame(...disagreements(load, zero, proxy), ...load.wrongs);
    // There are more cycles than warm ones, so that both are there.
    this.#blame(...leaksBetween(begin!, end!));
    return { cycles, load, proxy, begin: begin!, end: end! };
  }

  /** A successor takes over, and nobody who is soon done notices. */
  async #replace(): Promise<void> {
    const load = new Books();
    let over = false;
    let tickedMs = performance.now();
    let stalledMs = 0;
    const ticker = setInterval(() => {
      const nowMs = performance.now();
      stalledMs = Math.max(stalledMs, nowMs - tickedMs);
      tickedMs = nowMs;
    }, 5);
    const traffic = this.#traffic(BRIEF_VISITS, this.#stage.doors, load, () => over);
    try {
      await sleep(AROUND_REPLACE_MS);
      await this.#stage.replace();
      await sleep(AROUND_REPLACE_MS);
    } finally {
      over = true;
      await traffic;
      clearInterval(ticker);
    }
    await this.#settled();
    this.#answersMeanwhile += load.answers;
    const { broken, unsent, whole, wrongs } = load;
    // Whoever keeps a connection and is silent for longer than that may lose it (RFC 9112, 9.3.1), and a machine that stands still is silent.
    if (broken > 0 && stalledMs < STILL_MS) this.#blame(`a successor cost ${broken} requests`);
    if (unsent > 0) this.#blame(`a successor cost ${unsent} connections`);
    for (const [status, count] of whole)
      if (status >= 500) this.#blame(`a successor cost ${count} answers ${status}`);
    this.#blame(...wrongs);
  }

  async #cycle(): Promise<void> {
    await this.#calm();
    const untilMs = performance.now() + (this.#options.troubledMs ?? TROUBLED_MS);
    const over = (): boolean => performance.now() > untilMs;
    const visits = [...CALM_VISITS, ...TROUBLED_VISITS];
    const doors = [...this.#stage.doors, ...this.#stage.doors, this.#stage.extraDoor];
    await Promise.all([
      this.#traffic(visits, doors, this.#load, over),
      this.#harmUntil(untilMs),
      this.#reloadUntil(untilMs),
    ]);
    await this.#settled();
  }

  /** Without harm and without clients that leave, the two books are equal to the last request, whatever the config does. */
  async #calm(): Promise<void> {
    const before = await this.#stage.books();
    const load = new Books();
    const untilMs = performance.now() + (this.#options.calmMs ?? CALM_MS);
    const over = (): boolean => performance.now() > untilMs;
    await Promise.all([
      this.#traffic(CALM_VISITS, this.#stage.doors, load, over),
      this.#reloadUntil(untilMs),
    ]);
    await this.#settled();
    const faults = disagreements(load, before, await this.#stage.books());
    this.#blame(...faults.map((fault) => `in calm traffic: ${fault}`));
    this.#load.add(load);
  }

  async #traffic(
    visits: readonly Visit[],
    doors: readonly Door[],
    books: Books,
    over: () => boolean,
  ): Promise<void> {
    const { credentials } = this.#stage;
    const random = this.#random;
    const strand = async (): Promise<void> => {
      while (!over()) {
        const visitor: Visitor = { door: doors[random.below(doors.length)]!, random, books, credentials };
        await visits[random.below(visits.length)]!(visitor);
        await sleep(random.below(10));
      }
    };
    await Promise.all(Array.from({ length: STRANDS }, strand));
  }

  /** Reloads with a real change each, and ends with the config that was first. */
  async #reloadUntil(untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      await sleep(100 + this.#random.below(900));
      // Another than the one in force.
      await this.#reload((this.#round + 1 + this.#random.below(ROUNDS - 1)) % ROUNDS);
    }
    if (this.#round !== 0) await this.#reload(0);
  }

  async #reload(round: number): Promise<void> {
    this.#reloads++;
    this.#round = round;
    await this.#stage.reload(round);
  }

  async #harmUntil(untilMs: number): Promise<void> {
    const names = Object.keys(HARMS);
    while (performance.now() < untilMs) {
      await sleep(this.#random.below(400));
      const name = names[this.#random.below(names.length)]!;
      this.#harms[name] = (this.#harms[name] ?? 0) + 1;
      const victim = this.#stage.apps[this.#random.below(this.#stage.apps.length)]!;
      await HARMS[name]!({ stage: this.#stage, victim, random: this.#random, wait: sleep });
    }
  }

  /** Waits until nothing is under way any more and everybody is back. */
  async #settled(): Promise<void> {
    const endMs = performance.now() + REST_MS;
    // The text of /metrics may be a second old: one that tells of rest must be younger than the last request.
    await sleep(1100);
    for (;;) {
      const books = await this.#stage.books();
      const wanting = sumsThatFail(books);
      if (books.storesUp !== WORKERS) wanting.push(`the store is up for ${books.storesUp} workers`);
      const older = await this.#stage.olderConfigs();
      if (older > 0) wanting.push(`${older} configs live that are no longer in force`);
      if (books.upstreamsDown > 0) wanting.push(`${books.upstreamsDown} upstreams are down`);
      if (wanting.length === 0) return;
      if (performance.now() > endMs) {
        // Whatever follows would be measured from a state that is none.
        const all = [...this.#faults, ...this.#load.wrongs, ...wanting, ...(await this.#witnesses())];
        throw new Error(`not at rest after ${REST_MS / 1000} s:\n${all.join('\n')}`);
      }
      await sleep(100);
    }
  }

  /** What tells why it does not come to rest. */
  async #witnesses(): Promise<string[]> {
    const gauges = /^limpet_(?:connections|upstream_inflight|pool_waiting)\b.* [^0].*$/;
    const counted = (await this.#stage.metrics()).split('\n').filter((line) => gauges.test(line));
    return [...counted, ...(await this.#reader().tellHeld())];
  }

  /** Looks at the process that serves. */
  #reader(): RestReader {
    const { pid, gaugeFile } = this.#stage.serving;
    if (this.#lastReader?.pid !== pid)
      this.#lastReader = new RestReader(pid, gaugeFile, WORKERS + 1, this.#options.looksMax);
    return this.#lastReader;
  }

  /** `before`: what is to be held again; null: not known yet. */
  async #rest(before: Rest | null): Promise<Rest> {
    this.#rests++;
    const rest = await this.#reader().read(before);
    const sums = sumsThatFail(await this.#stage.books());
    this.#blame(...sums.map((fault) => `after cycle ${this.#rests}: ${fault}`));
    return rest;
  }

  /** Takes faults down, and tells of them at once: a long run may never come to its end. */
  #blame(...faults: readonly string[]): void {
    this.#faults.push(...faults);
    for (const fault of faults) this.#options.tell?.(`fault: ${fault}`);
  }

  #tell(rest: Rest): void {
    const heaps = rest.threads.map(({ heap }) => mib(heap)).join(', ');
    const { socket = 0, ...others } = rest.descriptors;
    const rests = Object.values(others).reduce((sum, count) => sum + count, 0);
    this.#options.tell?.(
      `cycle ${this.#rests}, ${this.#reloads} reloads: ${this.#load.answers} answers, ${this.#load.broken} broken; resident ${mib(rest.resident)}, heaps ${heaps}, ` +
        `${socket} sockets and ${rests} other descriptors, ${this.#faults.length} faults`,
    );
  }
}
