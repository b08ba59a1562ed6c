// A reload from its cause to its end: loads and checks the file, has every worker prepare it, and puts it in force everywhere or nowhere.
import { isDeepStrictEqual } from 'node:util';
import type { ReloadResult } from '../admin/reload-result.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import { type ConfigChange, diffConfigs } from '../config/diff.ts';
import type { LoadResult } from '../config/load.ts';
import type { ConfigProblem } from '../config/problem.ts';
import type { FreedRows, SlotBook } from '../plan/slot-book.ts';
import type { SigningKeys } from '../session/phantom/signing-keys.ts';
import { tryBind } from './binding.ts';
import { GenerationEnds } from './generation-ends.ts';
import { type MainGeneration, makeGeneration } from './main-generation.ts';
import type { GenerationData } from './messages.ts';
import { nextConfig } from './next-config.ts';
import type { RevocationSwitch } from './revocation-switch.ts';
import { SplitOrders, type Weights } from './split-orders.ts';
import { bindSentence, withPorts } from './starting.ts';
import type { TraceLine } from './tracing.ts';

/** For how long the names of new upstreams are waited for, ms: who is not known by then is down until he is. */
const RESOLVE_MS = 3000;
/** For how long a worker that is being replaced is waited for, ms. */
const WHOLE_MS = 15_000;

/** Why a reload was asked for. `by`: name of the admin token, or null. */
export interface ReloadCause {
  /** `order`: not the file is read, but what was ordered since is laid over what it said. */
  readonly how: 'signal' | 'watch' | 'api' | 'order';
  readonly by: string | null;
}

/** What a generation needs of the main thread beside itself; opened before it is in force, closed if it never is. */
export interface Attachments {
  readonly signing: SigningKeys | null;
  readonly switch: RevocationSwitch | null;
  /** Where spans go; null: nowhere. */
  readonly traceLine: TraceLine | null;
}

/** The process, as a reload sees it. */
export interface Reloadable {
  readonly current: MainGeneration;
  readonly signing: SigningKeys | null;
  readonly switch: RevocationSwitch | null;
  readonly workers: number;
  readonly stopping: boolean;
  /** Reads the file anew. */
  load(): LoadResult;
  /** Opens what `config` needs and nothing has yet. */
  attach(config: Config): Promise<Attachments>;
  /** Closes those of `attachments` that are not in use. */
  detach(attachments: Attachments): Promise<void>;
  /** The names of `next` are looked up beside those in force. */
  introduce(next: MainGeneration, mostMs: number): Promise<void>;
  /** They are not wanted. */
  forget(): void;
  /** What workers are told of `next`. */
  dataOf(next: MainGeneration, attachments: Attachments): GenerationData;
  prepare(data: GenerationData, wholeMs: number): Promise<string | null>;
  abandon(generation: number): void;
  /** Everything on the main thread goes by `next` from here on, and the workers are told so. */
  commit(next: MainGeneration, attachments: Attachments): void;
  /** Nobody uses these rows any more. */
  freed(rows: FreedRows): void;
  /** A reload came to this; for log, metric and events. */
  told(cause: ReloadCause, result: ReloadResult): void;
}

/** While it lasts reloads wait. */
export interface ReloadHold {
  /** Whether one was asked for since. */
  readonly asked: boolean;
  /** `why`: what those who wait are told; null: they are carried out. */
  end(why: string | null): void;
}

/** One reload at a time; those that are asked for meanwhile are one more. */
export class Reloader {
  readonly #of: Reloadable;
  readonly #book: SlotBook;
  readonly #ends = new GenerationEnds();
  #number: number;
  #running: Promise<ReloadResult> | null = null;
  #queued: Promise<ReloadResult> | null = null;
  /** What the one that is queued is for. */
  #queuedCause: ReloadCause | null = null;
  readonly #orders = new SplitOrders();
  #askedInHold = false;
  /** While reloads wait: resolves to what they are told, or null when they may go on. */
  #held: Promise<string | null> | null = null;

  /** `book`: holds the rows of the generation in force. */
  constructor(of: Reloadable, book: SlotBook) {
    this.#of = of;
    this.#book = book;
    this.#number = of.current.number;
  }

  /** Older generations that have something under way. */
  get older(): number {
    return this.#ends.open;
  }

  /** Never rejects for what a file, a worker or the system does. */
  reload(cause: ReloadCause): Promise<ReloadResult> {
    if (this.#held !== null) {
      this.#askedInHold = true;
      return this.#held.then((why) => (why === null ? this.reload(cause) : this.#refused(why)));
    }
    if (this.#running === null) return this.#begin(cause);
    // The one that is queued reads the file when its turn comes, so it is this one's too. Orders are laid over it in any case.
    if (this.#queuedCause === null || this.#queuedCause.how === 'order') this.#queuedCause = cause;
    this.#queued ??= this.#running.then(() => {
      const own = this.#queuedCause ?? cause;
      this.#queued = null;
      this.#queuedCause = null;
      return this.#begin(own);
    });
    return this.#queued;
  }

  /** Resolves when no reload is under way, and none will be until the end of what is returned. One at a time. */
  async hold(): Promise<ReloadHold> {
    let go = (_why: string | null): void => {};
    this.#held = new Promise((settle) => {
      go = settle;
    });
    this.#askedInHold = false;
    while (this.#running !== null) await (this.#queued ?? this.#running);
    const asked = (): boolean => this.#askedInHold;
    return {
      get asked() {
        return asked();
      },
      end: (why) => {
        this.#held = null;
        go(why);
      },
    };
  }

  /** Gives the sides of a split other weights; `weights`: of each of its pools. As `reload`. */
  async split(route: string, weights: Weights, by: string): Promise<ReloadResult> {
    const undo = this.#orders.order(route, weights, this.#of.current.given);
    const result = await this.reload({ how: 'order', by });
    if (result.result === 'refused') undo();
    return result;
  }

  /** A worker says that a generation is over there. */
  over(worker: number, generation: number): void {
    if (this.#ends.over(worker, generation)) this.#release(generation);
  }

  died(worker: number): void {
    for (const generation of this.#ends.died(worker)) this.#release(generation);
  }

  #release(generation: number): void {
    this.#of.freed(this.#book.release(generation));
  }

  async #begin(cause: ReloadCause): Promise<ReloadResult> {
    const running = this.#run(cause).then((result) => {
      this.#running = null;
      this.#of.told(cause, result);
      return result;
    });
    this.#running = running;
    return running;
  }

  async #run(cause: ReloadCause): Promise<ReloadResult> {
    const { current } = this.#of;
    if (this.#of.stopping) return this.#refused('Limpet is stopping');
    const { config: given, problems } =
      cause.how === 'order' ? { config: current.given, problems: [] } : this.#of.load();
    if (given === null) return this.#refused(wrongSentence(problems), problems);
    const { config: followed, needsRestart } = nextConfig(this.#orders.apply(given), current);
    const ports = await openPorts(followed, current.config);
    if (typeof ports === 'string') return this.#refused(ports);
    const config = ports;
    const changes = diffConfigs(current.config, config);
    if (changes.length === 0) {
      this.#orders.settle(given);
      return this.#applied('unchanged', [], needsRestart, problems);
    }
    const number = this.#number + 1;
    const rows = this.#book.take(number, config);
    if (typeof rows === 'string') return this.#refused(rows);
    // Given to this one, whatever comes of it: workers tell generations apart by it.
    this.#number = number;
    const next = makeGeneration({
      number,
      given,
      config,
      rows,
      before: current,
      sinceMs: systemClock.wallMs(),
    });
    const why = await this.#apply(next);
    if (why === null) {
      this.#orders.settle(given);
      return this.#applied('applied', changes, needsRestart, problems);
    }
    this.#release(number);
    return this.#refused(why);
  }

  /** Null, or why it is not in force; then nothing has changed. */
  async #apply(next: MainGeneration): Promise<string | null> {
    const of = this.#of;
    let attachments: Attachments | null = null;
    try {
      attachments = await of.attach(next.config);
      await of.introduce(next, RESOLVE_MS);
      const why = await of.prepare(of.dataOf(next, attachments), WHOLE_MS);
      if (why === null && !of.stopping) {
        const before = of.current.number;
        this.#ends.begin(before, of.workers);
        of.commit(next, attachments);
        return null;
      }
      of.abandon(next.number);
      of.forget();
      await of.detach(attachments);
      return why ?? 'Limpet is stopping';
    } catch (error) {
      of.abandon(next.number);
      of.forget();
      if (attachments !== null) await of.detach(attachments);
      return error instanceof Error ? error.message : String(error);
    }
  }

  #applied(
    result: 'applied' | 'unchanged',
    changes: readonly ConfigChange[],
    needsRestart: readonly string[],
    warnings: readonly ConfigProblem[],
  ): ReloadResult {
    return { result, generation: this.#of.current.number, changes, needsRestart, warnings };
  }

  #refused(error: string, problems: readonly ConfigProblem[] = []): ReloadResult {
    return { result: 'refused', generation: this.#of.current.number, error, problems };
  }
}

/** The first of a file's errors, and how many there are. */
export function wrongSentence(problems: readonly ConfigProblem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return 'the config cannot be read';
  const more = errors.length === 1 ? '' : `; and ${errors.length - 1} more`;
  return `${placeOf(first)}: ${first.message}${more}`;
}

function placeOf({ file, line, column }: ConfigProblem): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}

/** The config after every address that is new in it was found free, with real ports in place of 0; or why one is not. */
async function openPorts(config: Config, current: Config): Promise<Config | string> {
  const known = ({ bind }: Config['listeners'][0]): boolean =>
    current.listeners.some((old) => isDeepStrictEqual(old.bind, bind));
  for (const listener of config.listeners) {
    const { bind } = listener;
    if (known(listener) || (bind.kind === 'tcp' && bind.port === 0)) continue;
    // On a port of our own, only for another address of this machine, nobody else can be told from us: whoever binds it finds out.
    const ours = current.listeners.some(
      (old) => old.bind.kind === 'tcp' && bind.kind === 'tcp' && old.bind.port === bind.port,
    );
    if (ours) continue;
    const trial = await tryBind(bind);
    if (!trial.ok)
      return `listener ${listener.name}: ${bindSentence(bind, trial.code, trial.holder, listener.tls !== null)}`;
  }
  const fresh = config.listeners.filter(({ bind }) => bind.kind === 'tcp' && bind.port === 0);
  if (fresh.length === 0) return config;
  const found = await withPorts({ ...config, listeners: fresh });
  return {
    ...config,
    listeners: config.listeners.map((listener) => {
      const at = fresh.indexOf(listener);
      return at < 0 ? listener : found.listeners[at]!;
    }),
  };
}
