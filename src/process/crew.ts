// The workers: started together, listened to, and replaced when one dies.
import { Worker } from 'node:worker_threads';
import { type AddressCountMemory, AddressCounts } from '../limit/address-counts.ts';
import { makeAccessAccount } from '../observe/access-log.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import type { TakenSockets } from './inherited.ts';
import type { FromWorker, GenerationData, ListenerSockets, ToWorker, WorkerInit } from './messages.ts';

/** A worker's birth, but for what the crew fills in itself. */
export type CrewInit = Omit<WorkerInit, 'worker' | 'book' | 'accessAccount' | 'taken'>;

export interface CrewInput {
  /** The file that a worker runs. */
  readonly entry: URL;
  readonly workers: number;
  readonly shelf: MetricShelf;
  readonly table: UpstreamTable;
  /** In which workers count clients by address. */
  readonly addresses: AddressCountMemory;
  /** As it is at this moment. */
  readonly init: () => CrewInit;
  /** What each worker takes over in place of binding; left out: nothing. One that is replaced binds, since what it took over died with it. */
  readonly taken?: (worker: number) => readonly TakenSockets[];
  /** Everything a worker says but `listening`, `unbound`, `metric`, `sockets` and `drained`. */
  readonly onMessage: (worker: number, message: FromWorker, account: Int32Array<SharedArrayBuffer>) => void;
  /** A worker died, or came in another's place and could not listen, and is being replaced. */
  readonly onDeath: (worker: number, why: string) => void;
}

/** Why a listener could not be bound. */
export class BindError extends Error {
  override name = 'BindError';
  readonly listener: string;
  readonly code: string;

  constructor(listener: string, code: string, message: string) {
    super(message);
    this.listener = listener;
    this.code = code;
  }
}

interface Member {
  thread: Worker;
  readonly account: Int32Array<SharedArrayBuffer>;
  listening: boolean;
  drained: boolean;
  cut: number;
  onDrained: (() => void) | null;
  /** Asked to prepare a generation, and told what came of it. */
  onPrepared: ((why: string | null) => void) | null;
  /** Asked for its sockets. */
  onSockets: ((found: readonly ListenerSockets[]) => void) | null;
  bornMs: number;
}

/** A worker that dies sooner than this after its birth waits so long before it is replaced, so that a crash loop burns no core. */
const LEAST_LIFE_MS = 1000;

/** All workers of a process. Main thread. */
export class Crew {
  readonly #in: CrewInput;
  readonly #members: Member[] = [];
  #stopping = false;
  /** All have listened once: from now on whoever cannot is let go, and another tries. */
  #started = false;
  #opened: Promise<void> = Promise.resolve();
  /** Who waits for all to listen. */
  readonly #waiting: (() => void)[] = [];

  constructor(input: CrewInput) {
    this.#in = input;
  }

  /** Workers that listen now. */
  get listening(): number {
    return this.#members.filter((member) => member.listening).length;
  }

  /** Threads by worker number; for tests that kill one. */
  get threads(): readonly Worker[] {
    return this.#members.map((member) => member.thread);
  }

  /** Starts all; resolves when all listen, which none does before `opened` resolves. Rejects with a BindError. */
  async start(opened: Promise<void> = this.#opened): Promise<void> {
    this.#opened = opened;
    const starts = [];
    for (let worker = 0; worker < this.#in.workers; worker++)
      starts.push(this.#hire(worker, this.#in.taken?.(worker) ?? []));
    await Promise.all(starts);
    this.#started = true;
  }

  /** Tells every worker. */
  tell(message: ToWorker): void {
    for (const member of this.#members) member.thread.postMessage(message);
  }

  /** Resolves when all listen, at once or when those that died are replaced; after `mostMs` in any case, to whether they do. */
  async whole(mostMs: number): Promise<boolean> {
    if (this.listening === this.#in.workers) return true;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, mostMs);
      this.#waiting.push(() => {
        clearTimeout(late);
        resolve();
      });
    });
    return this.listening === this.#in.workers;
  }

  /** Has every worker prepare a generation; resolves, when all have answered, to why one cannot, or to null. */
  async prepare(next: GenerationData): Promise<string | null> {
    const answers = this.#members.map(
      (member) =>
        new Promise<string | null>((resolve) => {
          member.onPrepared = resolve;
          member.thread.postMessage({ say: 'prepare', next } satisfies ToWorker);
        }),
    );
    return (await Promise.all(answers)).find((why) => why !== null) ?? null;
  }

  /** The sockets that all listen on. */
  async sockets(): Promise<ListenerSockets[]> {
    const answers = this.#members.map(
      (member) =>
        new Promise<readonly ListenerSockets[]>((resolve) => {
          member.onSockets = resolve;
          member.thread.postMessage({ say: 'sockets' } satisfies ToWorker);
        }),
    );
    return (await Promise.all(answers)).flat();
  }

  /** Lets every worker finish what it has under way, `deadlineMs` at the most; resolves to how many connections were cut. `handedOver`: see ToWorker. */
  async drain(deadlineMs: number, handedOver: boolean): Promise<number> {
    this.#stopping = true;
    const waits = this.#members.map(
      (member) =>
        new Promise<void>((resolve) => {
          if (member.drained) resolve();
          else member.onDrained = resolve;
        }),
    );
    this.tell({ say: 'drain', deadlineMs, handedOver });
    await Promise.all(waits);
    return this.#members.reduce((sum, member) => sum + member.cut, 0);
  }

  /** Ends all threads at once. */
  async end(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#members.map((member) => member.thread.terminate()));
  }

  #hire(worker: number, taken: readonly TakenSockets[]): Promise<void> {
    const { entry, init, shelf } = this.#in;
    const account = makeAccessAccount();
    const data: WorkerInit = {
      ...init(),
      worker,
      book: shelf.memory(worker),
      accessAccount: account,
      taken,
    };
    const thread = new Worker(entry, { workerData: data, stdout: false, stderr: false });
    const member: Member = {
      thread,
      account,
      listening: false,
      drained: false,
      cut: 0,
      onDrained: null,
      onPrepared: null,
      onSockets: null,
      bornMs: performance.now(),
    };
    this.#members[worker] = member;
    void this.#opened.then(() => thread.postMessage({ say: 'listen' } satisfies ToWorker));
    return new Promise((resolve, reject) => {
      let why = 'it ended';
      thread.on('message', (message: FromWorker) => {
        if (message.say === 'listening') {
          member.listening = true;
          resolve();
          this.#tellWhole();
        } else if (message.say === 'unbound') {
          reject(new BindError(message.listener, message.code, message.message));
          if (!this.#started) return;
          // Alive and deaf it would count as a worker for ever.
          why = `it could not listen: listener ${message.listener}: ${message.message}`;
          // The next one tries a while later, however long this one took.
          member.bornMs = performance.now();
          void thread.terminate();
        } else if (message.say === 'metric') {
          shelf.declare(worker, message.declaration);
        } else if (message.say === 'drained') {
          member.cut = message.cut;
          this.#isDrained(member);
        } else if (message.say === 'sockets') {
          this.#hasSockets(member, message.found);
        } else if (message.say === 'prepared') {
          this.#isPrepared(member, message.why);
        } else {
          this.#in.onMessage(worker, message, account);
        }
      });
      thread.on('error', (error: Error) => {
        why = error.stack ?? error.message;
      });
      thread.on('exit', () => {
        member.listening = false;
        this.#isDrained(member);
        this.#isPrepared(member, 'a worker died meanwhile');
        this.#hasSockets(member, []);
        reject(new Error(why));
        this.#lost(worker, member, why);
      });
    });
  }

  #isPrepared(member: Member, why: string | null): void {
    member.onPrepared?.(why);
    member.onPrepared = null;
  }

  #hasSockets(member: Member, found: readonly ListenerSockets[]): void {
    member.onSockets?.(found);
    member.onSockets = null;
  }

  #tellWhole(): void {
    if (this.listening < this.#in.workers) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #isDrained(member: Member): void {
    member.drained = true;
    member.onDrained?.();
    member.onDrained = null;
  }

  /** Gives back what the dead worker held, and hires another. */
  #lost(worker: number, member: Member, why: string): void {
    if (this.#stopping || this.#members[worker] !== member) return;
    this.#in.table.releaseWorker(worker);
    AddressCounts.release(this.#in.addresses, worker);
    this.#in.shelf.retire(worker);
    this.#in.onDeath(worker, why);
    const livedMs = performance.now() - member.bornMs;
    setTimeout(
      () => {
        if (this.#stopping) return;
        // What goes wrong with the replacement is told by its own end, which comes here again.
        this.#hire(worker, []).catch(() => {});
      },
      livedMs < LEAST_LIFE_MS ? LEAST_LIFE_MS : 0,
    );
  }
}
