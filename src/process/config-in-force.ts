// The config in force, as the main thread goes by it, and the steps by which a reload puts another in its place.
import { isDeepStrictEqual } from 'node:util';
import type { ReloadResult } from '../admin/reload-result.ts';
import { LearnedTable } from '../affinity/learned.ts';
import { forgetUsers } from '../affinity/users.ts';
import type { Config } from '../config/config.ts';
import type { LoadResult } from '../config/load.ts';
import type { EventHub } from '../observe/event-hub.ts';
import type { Logger } from '../observe/logger.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';
import type { FreedRows } from '../plan/slot-book.ts';
import type { SigningKeys } from '../session/phantom/signing-keys.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import { type AddressFiles, listFilesOf } from './address-files.ts';
import type { AdminSide } from './admin-side.ts';
import type { Certificates } from './certificates.ts';
import type { ConfigWatch } from './config-watch.ts';
import type { Crew } from './crew.ts';
import type { LogDesk } from './log-desk.ts';
import type { MainGeneration } from './main-generation.ts';
import type { GenerationData } from './messages.ts';
import { tellReload } from './reload-news.ts';
import type { Attachments, Reloadable, ReloadCause } from './reloader.ts';
import { makeSwitch, type RevocationSwitch } from './revocation-switch.ts';
import { openTokenKeys } from './token-keys.ts';
import type { Tracing } from './tracing.ts';
import type { UpstreamWatch } from './upstream-watch.ts';

/** The parts of the main thread that follow the config. */
export interface ConfigFollowers {
  readonly workers: number;
  readonly stopping: boolean;
  readonly log: Logger;
  readonly events: EventHub;
  readonly shelf: MetricShelf;
  readonly table: UpstreamTable;
  readonly crew: Crew;
  readonly logs: LogDesk;
  readonly tracing: Tracing;
  /** Files of addresses. */
  readonly lists: AddressFiles;
  readonly certificates: Certificates;
  readonly upstreams: UpstreamWatch;
  readonly admin: AdminSide;
  readonly watch: ConfigWatch;
}

/** What is in force to begin with. */
export interface FirstInForce {
  readonly generation: MainGeneration;
  readonly signing: SigningKeys | null;
  readonly switch: RevocationSwitch | null;
}

/** When and why there is a reload is the reloader's; this is what it does to the main thread. */
export class ConfigInForce implements Reloadable {
  readonly #of: ConfigFollowers;
  #generation: MainGeneration;
  #signing: SigningKeys | null;
  #switch: RevocationSwitch | null;

  /** `of`: looked at from the first call on, and not before. */
  constructor(of: ConfigFollowers, first: FirstInForce) {
    this.#of = of;
    this.#generation = first.generation;
    this.#signing = first.signing;
    this.#switch = first.switch;
  }

  get current(): MainGeneration {
    return this.#generation;
  }

  /** Keys that the tokens of sessions are signed with; null: no session has any. */
  get signing(): SigningKeys | null {
    return this.#signing;
  }

  /** Null: no session is checked. */
  get switch(): RevocationSwitch | null {
    return this.#switch;
  }

  get workers(): number {
    return this.#of.workers;
  }

  get stopping(): boolean {
    return this.#of.stopping;
  }

  load(): LoadResult {
    return this.#of.watch.load();
  }

  async attach(config: Config): Promise<Attachments> {
    const { logs, tracing, log, shelf, crew } = this.#of;
    // As far as it has come: what is in force counts as nothing of ours.
    const open = { signing: this.#signing, switch: this.#switch, traceLine: tracing.line };
    try {
      logs.prepare(config.log);
      open.traceLine = await tracing.open(config.tracing);
      const same = isDeepStrictEqual(config.signing, this.#generation.config.signing);
      const keeper = () => ({ signing: this.#signing, crew, log });
      if (!same) open.signing = await openTokenKeys(config.signing, keeper);
      open.switch ??= makeSwitch(config, log, shelf);
      if (this.#switch === null) await open.switch?.registry.start();
    } catch (error) {
      await this.detach(open);
      throw error;
    }
    return open;
  }

  async detach({ signing, switch: revocations, traceLine }: Attachments): Promise<void> {
    const { logs, tracing } = this.#of;
    logs.abandon();
    tracing.letGo(traceLine);
    if (signing !== this.#signing) signing?.close();
    if (revocations !== this.#switch) await revocations?.registry.close();
  }

  introduce(next: MainGeneration, mostMs: number): Promise<void> {
    const { lists, upstreams } = this.#of;
    lists.use(listFilesOf(this.#generation.config, next.config));
    return upstreams.introduce(next, mostMs);
  }

  forget(): void {
    const { lists, upstreams } = this.#of;
    lists.use(listFilesOf(this.#generation.config));
    upstreams.forget();
  }

  dataOf(
    next: MainGeneration,
    { signing, switch: revocations }: Omit<Attachments, 'traceLine'>,
  ): GenerationData {
    const { certificates, lists, upstreams } = this.#of;
    return {
      config: next.config,
      generation: next.number,
      rows: next.rows,
      learned: [...next.learned],
      trails: [...next.trails],
      addresses: next.slots.map(({ slot }) => [slot, upstreams.address(slot)] as const),
      revocations: revocations?.memory ?? null,
      signing: signing?.state ?? null,
      certificates: next === this.#generation ? certificates.book.states : certificates.prepare(next.config),
      lists: lists.lists,
    };
  }

  async prepare(data: GenerationData, wholeMs: number): Promise<string | null> {
    const { crew } = this.#of;
    if (await crew.whole(wholeMs)) return crew.prepare(data);
    return 'a worker has died and is not replaced yet';
  }

  abandon(generation: number): void {
    this.#of.crew.tell({ say: 'abandon', generation });
  }

  commit(next: MainGeneration, attachments: Attachments): void {
    const { lists, tracing, upstreams, crew, certificates, logs, admin, watch } = this.#of;
    const before = this.#signing;
    const { config } = next;
    this.#generation = next;
    lists.use(listFilesOf(config));
    this.#signing = attachments.signing;
    this.#switch = attachments.switch;
    tracing.use(attachments.traceLine);
    upstreams.use(next);
    crew.tell({ say: 'commit', generation: next.number, deadlineMs: config.shutdown.deadlineMs });
    // What changed between its preparing and this, the workers have been told of as of any change: but not of keys.
    if (this.#signing !== null) crew.tell({ say: 'signing', state: this.#signing.state });
    if (before !== this.#signing) before?.close();
    certificates.use(config);
    this.#switch?.reader.use(config.sessions);
    logs.commit();
    admin.use(config.admin);
    watch.on = config.watch;
  }

  freed({ upstreams, pools }: FreedRows): void {
    const { table } = this.#of;
    for (const slot of upstreams) {
      table.clearUpstream(slot);
      forgetUsers(table.userRegisters, slot);
      // Nobody may take who lives there next for whoever lived there before.
      for (const memory of this.#generation.learned.values()) LearnedTable.forget(memory, slot + 1);
    }
    for (const pool of pools) table.clearPool(pool);
  }

  told(cause: ReloadCause, result: ReloadResult): void {
    // Other certificates in the same files are no change of the config.
    if (result.result === 'unchanged') this.#of.certificates.use(this.#generation.config);
    tellReload(this.#of, cause, result);
  }
}
