// A worker's part of a reload: makes the next generation ready beside the one in force, then puts it in force or lets it go again.
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { LearnedMemory } from '../affinity/learned.ts';
import type { Bind, Config, ListenerConfig, SharedLimitsConfig } from '../config/config.ts';
import type { AccessLog } from '../observe/access-log.ts';
import { homesWanted } from '../plan/session-homes.ts';
import type { DataPlane } from '../proxy/data-plane.ts';
import { Listener } from '../proxy/listener.ts';
import type { LivingGeneration } from '../proxy/living-generation.ts';
import { type OpenSession, openSession, type SessionListener } from '../session/open-session.ts';
import type { Revocations } from '../session/revocations.ts';
import type { TakenSockets } from './inherited.ts';
import type { LimitLinks } from './limit-links.ts';
import type { FromWorker, GenerationData } from './messages.ts';
import { bindSentence } from './starting.ts';

/** Connections that the kernel keeps for us while we are busy; it cuts this to its own limit. */
const BACKLOG = 4096;

export interface WorkerGenerationsInput {
  readonly plane: DataPlane;
  readonly worker: number;
  /** Workers bind the same ports together. */
  readonly shared: boolean;
  readonly taken: readonly TakenSockets[];
  readonly first: GenerationData;
  readonly sessions: readonly OpenSession[];
  readonly sessionListener: SessionListener;
  readonly links: LimitLinks;
  readonly say: (message: FromWorker) => void;
  /** What is revoked, where the config it is read from is the first that has any session. */
  readonly revocationsOf: (data: GenerationData) => Revocations | undefined;
  readonly accessLogOf: (config: Config) => AccessLog | null;
}

interface BindFailure {
  readonly code: string;
  readonly message: string;
}

const TAKEN: BindFailure = { code: 'TAKEN', message: '' };

/** What was made for a generation that is not in force yet. */
interface Prepared {
  readonly data: GenerationData;
  readonly sessions: readonly OpenSession[];
  /** Those that were opened for it. */
  readonly opened: OpenSession[];
  readonly listeners: Listener[];
  /** Those that were bound for it. */
  readonly bound: Listener[];
}

/** One a worker. Messages come one at a time, and a second `prepare` only after the first was ended. */
export class WorkerGenerations {
  readonly #in: WorkerGenerationsInput;
  #data: GenerationData;
  /** Those of the config in force. */
  #sessions: readonly OpenSession[];
  /** Those that are open: an older generation may still go by them. */
  readonly #living = new Set<OpenSession>();
  #memories: { learned: ReadonlyMap<string, LearnedMemory>; trails: ReadonlyMap<string, LearnedMemory> };
  #prepared: Prepared | null = null;
  /** A generation that was abandoned before it was ready. */
  #dropped = 0;

  constructor(input: WorkerGenerationsInput) {
    this.#in = input;
    this.#data = input.first;
    this.#sessions = input.sessions;
    for (const session of input.sessions) this.#living.add(session);
    this.#memories = { learned: new Map(input.first.learned), trails: new Map(input.first.trails) };
  }

  /** Binds the listeners of the first generation, or takes their sockets over, one after the other. Resolves to null, or to what could not be bound. */
  async listen(): Promise<{
    readonly listener: string;
    readonly code: string;
    readonly message: string;
  } | null> {
    for (const listener of this.#in.plane.listeners.all) {
      const failed = (await this.#takeOver(listener)) ?? (await this.#bind(listener));
      if (failed !== null && failed !== TAKEN) return { listener: listener.name, ...failed };
    }
    return null;
  }

  /** Says `prepared` when it is done, with or without success. */
  async prepare(data: GenerationData): Promise<void> {
    const { generation } = data;
    const prepared: Prepared = { data, sessions: [], opened: [], listeners: [], bound: [] };
    let why: string | null = null;
    try {
      why = await this.#make(prepared);
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    if (this.#dropped === generation) why ??= 'it was abandoned';
    if (why !== null) this.#undo(prepared);
    this.#in.say({ say: 'prepared', generation, why });
  }

  commit(generation: number, deadlineMs: number): void {
    const prepared = this.#prepared;
    if (prepared === null || prepared.data.generation !== generation) return;
    this.#prepared = null;
    this.#data = prepared.data;
    this.#sessions = prepared.sessions;
    for (const session of prepared.sessions) this.#living.add(session);
    this.#in.plane.commit(prepared.listeners, deadlineMs);
    prepared.listeners.forEach((listener, at) => {
      listener.use(prepared.data.config.listeners[at]!);
    });
  }

  abandon(generation: number): void {
    if (this.#prepared?.data.generation === generation) this.#undo(this.#prepared);
    else this.#dropped = generation;
  }

  /** Nothing of `over` is under way any more. */
  isOver(over: LivingGeneration): void {
    this.#closeSessions();
    this.#closeLinks();
    this.#in.say({ say: 'over', generation: over.number });
  }

  #closeLinks(): void {
    const configs: SharedLimitsConfig[] = [];
    this.#in.plane.generations.each(({ config }) => configs.push(...config.sharedLimits));
    this.#in.links.keep(configs);
  }

  #closeSessions(): void {
    const { generations } = this.#in.plane;
    for (const session of this.#living) {
      if (this.#sessions.includes(session) || generations.some(({ sessions }) => sessions.has(session)))
        continue;
      this.#living.delete(session);
      session.close().catch(() => {});
    }
  }

  /** Null, or why it cannot be. */
  async #make(prepared: Prepared): Promise<string | null> {
    const { data, opened } = prepared;
    const { plane } = this.#in;
    const sessions: OpenSession[] = [];
    for (const options of data.config.sessions) {
      const known = this.#sameSession(data.config, options.name);
      if (known === null) {
        const session = await openSession(options, dirname(data.config.file), this.#in.sessionListener);
        opened.push(session);
        sessions.push(session);
      } else sessions.push(known);
    }
    plane.listeners.learnCertificates(data.certificates);
    for (const config of data.config.listeners) {
      const known = plane.listeners.all.find(({ bind }) => isDeepStrictEqual(bind, config.bind));
      if (known !== undefined) {
        prepared.listeners.push(known);
        continue;
      }
      const why = await this.#bindNew(prepared, config);
      if (why !== null) return why;
    }
    if (this.#dropped === data.generation) return 'it was abandoned';
    const learned = keptMemories(this.#memories.learned, data.learned);
    const trails = keptMemories(this.#memories.trails, data.trails);
    const revocations = this.#in.revocationsOf(data);
    plane.prepare({
      config: data.config,
      generation: data.generation,
      rows: data.rows,
      learned,
      trails,
      sessions,
      signing: data.signing,
      accessLog: this.#in.accessLogOf(data.config),
      lists: data.lists,
      shared: this.#in.links.open(data.config.sharedLimits),
      ...(revocations === undefined ? {} : { revocations }),
    });
    for (const [slot, address] of data.addresses) plane.introduce(slot, address);
    this.#memories = { learned, trails };
    this.#prepared = { ...prepared, sessions };
    return null;
  }

  async #bindNew(prepared: Prepared, config: ListenerConfig): Promise<string | null> {
    const listener = new Listener(this.#in.plane, config);
    const failed = await this.#bind(listener);
    if (failed !== null)
      return `listener ${config.name}: ${bindSentence(config.bind, failed.code, null, config.tls !== null)}`;
    prepared.listeners.push(listener);
    prepared.bound.push(listener);
    return null;
  }

  /** TAKEN: it listens on what was taken over, or another worker does; null: it is to be bound; else the system's error. */
  async #takeOver(listener: Listener): Promise<BindFailure | null> {
    const taken = this.#in.taken.find(({ bind }) => isDeepStrictEqual(bind, listener.bind));
    if (taken === undefined) return null;
    try {
      for (const fd of taken.fds) await listener.adopt(fd, BACKLOG, taken.managed);
    } catch (error) {
      return failureOf(error);
    }
    return taken.fds.length > 0 || !taken.extends ? TAKEN : null;
  }

  /** Null, or the system's error. */
  async #bind(listener: Listener): Promise<BindFailure | null> {
    const { worker, shared } = this.#in;
    // A unix socket can't be bound twice: the first worker has it alone.
    if (isUnix(listener.bind) && worker !== 0) return null;
    try {
      await listener.listen(shared, BACKLOG);
      return null;
    } catch (error) {
      return failureOf(error);
    }
  }

  #undo({ data, opened, bound }: Prepared): void {
    if (this.#prepared?.data.generation === data.generation) {
      this.#prepared = null;
      this.#in.plane.abandon();
      this.#closeLinks();
    }
    for (const listener of bound) {
      listener.drain(0);
      listener.kill();
    }
    for (const session of opened) session.close().catch(() => {});
  }

  /** The session block of this name that is open, if the new config says the same of it and asks the same of it. */
  #sameSession(config: Config, name: string): OpenSession | null {
    const { config: now } = this.#data;
    const known = this.#sessions.find(({ options }) => options.name === name);
    const options = config.sessions.find((session) => session.name === name);
    const same =
      known !== undefined &&
      isDeepStrictEqual(known.options, options) &&
      dirname(now.file) === dirname(config.file) &&
      homesWanted(now).get(name) === homesWanted(config).get(name);
    return same ? known : null;
  }
}

function failureOf(error: unknown): BindFailure {
  const { code = 'ERROR', message } = error as NodeJS.ErrnoException; // net gives nothing else
  return { code, message };
}

function isUnix(bind: Bind): boolean {
  return bind.kind === 'unix';
}

/** Memories come anew with each message, as other objects over the same memory: those that are known stay the objects that they are. */
function keptMemories(
  known: ReadonlyMap<string, LearnedMemory>,
  told: GenerationData['learned'],
): Map<string, LearnedMemory> {
  return new Map(
    told.map(([pool, memory]) => {
      const old = known.get(pool);
      // The key is drawn with the memory.
      const same = old !== undefined && isDeepStrictEqual(old.key, memory.key);
      return [pool, same ? old : memory];
    }),
  );
}
