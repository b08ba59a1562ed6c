// A soak: cycles of calm and of troubled traffic with harm to the apps, each followed by a rest in which all must be as it was.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, SeededRandom } from '../../src/base/random.ts';
import type { Owner } from '../kit/child.ts';
import { Books, disagreements, type ProxyBooks, sumsThatFail } from './books.ts';
import { HARMS } from './harms.ts';
import { leaksBetween, mib, type Rest, RestReader } from './rest.ts';
import { Stage, WORKERS } from './stage.ts';
import { CALM_VISITS, type Visit, type Visitor } from './traffic.ts';
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

export interface SoakOptions {
  /** At least so long, ms; always at least one cycle beyond the warm ones. */
  readonly forMs: number;
  readonly seed: number;
  /** Modules of this folder that every thread of Limpet loads. */
  readonly preloads?: readonly string[];
  /** Told after each cycle. */
  readonly tell?: (line: string) => void;
  readonly calmMs?: number;
  readonly troubledMs?: number;
}

export interface SoakResult {
  /** Why it failed: leaks, sums, what clients saw. Empty: it did not. */
  readonly faults: readonly string[];
  readonly cycles: number;
  readonly tookMs: number;
  readonly harms: Readonly<Record<string, number>>;
  readonly load: Books;
  readonly proxy: ProxyBooks;
  /** At the end of the warm cycles, and at the end. */
  readonly begin: Rest;
  readonly end: Rest;
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
  readonly #load = new Books();
  readonly #faults: string[] = [];
  readonly #harms: Record<string, number> = {};
  readonly #reader: RestReader;
  #rests = 0;

  constructor(stage: Stage, options: SoakOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#reader = new RestReader(stage.limpet.pid, stage.gaugeFile, WORKERS + 1);
  }

  async whole(): Promise<SoakResult> {
    const startedMs = performance.now();
    const zero = await this.#stage.books();
    let begin: Rest | null = null;
    let end: Rest | null = null;
    let cycles = 0;
    while (performance.now() - startedMs < this.#options.forMs || cycles <= WARM_CYCLES) {
      await this.#cycle();
      cycles++;
      end = await this.#rest(begin);
      if (cycles === WARM_CYCLES) begin = end;
      this.#tell(cycles, end);
    }
    const proxy = await this.#stage.books();
    this.#faults.push(...disagreements(this.#load, zero, proxy), ...this.#load.wrongs);
    // There are more cycles than warm ones, so that both are there.
    this.#faults.push(...leaksBetween(begin!, end!));
    return {
      faults: this.#faults,
      cycles,
      tookMs: performance.now() - startedMs,
      harms: this.#harms,
      load: this.#load,
      proxy,
      begin: begin!,
      end: end!,
    };
  }

  async #cycle(): Promise<void> {
    await this.#calm();
    const troubledMs = this.#options.troubledMs ?? TROUBLED_MS;
    const untilMs = performance.now() + troubledMs;
    const visits = [...CALM_VISITS, ...TROUBLED_VISITS];
    await Promise.all([this.#traffic(visits, this.#load, untilMs), this.#harmUntil(untilMs)]);
    await this.#settled();
  }

  /** Without harm and without clients that leave, the two books are equal to the last request. */
  async #calm(): Promise<void> {
    const before = await this.#stage.books();
    const load = new Books();
    await this.#traffic(CALM_VISITS, load, performance.now() + (this.#options.calmMs ?? CALM_MS));
    await this.#settled();
    const faults = disagreements(load, before, await this.#stage.books());
    this.#faults.push(...faults.map((fault) => `in calm traffic: ${fault}`));
    this.#load.add(load);
  }

  async #traffic(visits: readonly Visit[], books: Books, untilMs: number): Promise<void> {
    const { limpet, credentials } = this.#stage;
    const strand = async (): Promise<void> => {
      const visitor: Visitor = { port: limpet.port, random: this.#random, books, credentials };
      while (performance.now() < untilMs) {
        await visits[this.#random.below(visits.length)]!(visitor);
        await sleep(this.#random.below(10));
      }
    };
    await Promise.all(Array.from({ length: STRANDS }, strand));
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
      if (books.upstreamsDown > 0) wanting.push(`${books.upstreamsDown} upstreams are down`);
      if (wanting.length === 0) return;
      if (performance.now() > endMs) {
        // Whatever follows would be measured from a state that is none.
        const all = [...this.#faults, ...this.#load.wrongs, ...wanting];
        throw new Error(`not at rest after ${REST_MS / 1000} s:\n${all.join('\n')}`);
      }
      await sleep(100);
    }
  }

  /** `before`: what is to be held again; null: not known yet. */
  async #rest(before: Rest | null): Promise<Rest> {
    this.#rests++;
    const rest = await this.#reader.read(before);
    const sums = sumsThatFail(await this.#stage.books());
    this.#faults.push(...sums.map((fault) => `after cycle ${this.#rests}: ${fault}`));
    return rest;
  }

  #tell(cycle: number, rest: Rest): void {
    const heaps = rest.threads.map(({ heap }) => mib(heap)).join(', ');
    const { socket = 0, ...others } = rest.descriptors;
    const rests = Object.values(others).reduce((sum, count) => sum + count, 0);
    this.#options.tell?.(
      `cycle ${cycle}: ${this.#load.answers} answers, ${this.#load.broken} broken; resident ${mib(rest.resident)}, heaps ${heaps}, ` +
        `${socket} sockets and ${rests} other descriptors, ${this.#faults.length} faults`,
    );
  }
}
