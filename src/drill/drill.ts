// A drill from its first look to its verdict: load, harm, undoing, and what came of it. Whatever ends it, what it did is undone.
import { randomBytes } from 'node:crypto';
import { AdminClient } from '../admin/client.ts';
import { DrillError } from './drill-error.ts';
import type { DrillWorld } from './drill-world.ts';
import { EventRun, messageOf } from './event-run.ts';
import { firstLook } from './first-look.ts';
import { makeHarm } from './harm.ts';
import type { Harm } from './harm-shape.ts';
import { type LedgerReader, openLedger, RequestIds } from './ledger.ts';
import { LimpetWatch } from './limpet-watch.ts';
import { HttpLine } from './line.ts';
import { OpenLoop } from './open-loop.ts';
import type { DrillPlan, Scenario } from './plan.ts';
import type { DrillResult } from './result.ts';
import { Tally } from './tally.ts';
import { type Told, User } from './user.ts';
import { judge } from './verdict.ts';

const PROGRESS_MS = 200;
/** Users that log in at a time. */
const LOGINS_AT_ONCE = 20;
const IDS_TOLD = 10;
/** Limpet's own default, where a drain or a reload needs it and nobody named another. */
const ADMIN_URL = 'http://127.0.0.1:9090';

/** Runs a scenario. Throws DrillError when something it needs is missing, or its event cannot be done; by then all is undone. */
export async function runDrill(scenario: Scenario, world: DrillWorld): Promise<DrillResult> {
  const plan = await firstLook(scenario, world.clock);
  for (const note of plan.notes) world.say(note);
  const admin = adminOf(plan, world.env);
  const harm = plan.event === null ? null : makeHarm(plan.event, { plan, admin, env: world.env });
  await harm?.check();
  if (plan.admin !== null) await admin?.upstreams();
  const ledgers = await Promise.all(plan.ledgers.map(openLedger));
  const lastChance = (): void => harm?.endNow();
  process.once('exit', lastChance);
  try {
    return await new Drill(plan, world, harm, plan.admin === null ? null : admin, ledgers).run();
  } finally {
    process.off('exit', lastChance);
  }
}

function adminOf(plan: DrillPlan, env: NodeJS.ProcessEnv): AdminClient | null {
  const needed = plan.event?.victim.by === 'upstream' || plan.event?.victim.by === 'admin';
  const url = plan.admin ?? (needed ? new URL(ADMIN_URL) : null);
  return url === null ? null : new AdminClient(url, env.LIMPET_ADMIN_TOKEN);
}

class Drill {
  readonly #plan: DrillPlan;
  readonly #world: DrillWorld;
  readonly #harm: Harm | null;
  readonly #admin: AdminClient | null;
  readonly #ledgers: readonly LedgerReader[];
  readonly #tally: Tally;
  readonly #lines: readonly HttpLine[];
  readonly #users: readonly User[];
  readonly #ids = new RequestIds(randomBytes(4).toString('hex'));
  readonly #loop: OpenLoop;
  readonly #notes: string[];
  #logins = 0;
  readonly #event: EventRun | null;

  constructor(
    plan: DrillPlan,
    world: DrillWorld,
    harm: Harm | null,
    admin: AdminClient | null,
    ledgers: readonly LedgerReader[],
  ) {
    this.#plan = plan;
    this.#world = world;
    this.#harm = harm;
    this.#admin = admin;
    this.#ledgers = ledgers;
    this.#notes = [...plan.notes];
    this.#tally = new Tally(plan);
    this.#lines = Array.from({ length: plan.users }, () => new HttpLine(plan.target));
    this.#users = this.#lines.map((line, i) => new User(`drill-${i + 1}`, plan, line, world.clock));
    this.#loop = new OpenLoop(
      plan,
      this.#users,
      world,
      (index) => this.#ids.of(index),
      (ended) => {
        if (!this.#loop.stopped) this.#tally.add(ended);
      },
    );
    const { event } = plan;
    this.#event = event && harm && new EventRun({ ...plan, event }, harm, world, this.#loop, this.#tally);
  }

  async run(): Promise<DrillResult> {
    const { stop } = this.#world;
    const giveUp = (): void => {
      this.#loop.stop();
      for (const user of this.#users) user.abort('given up when the drill was stopped');
    };
    let watch: LimpetWatch | null = null;
    stop.addEventListener('abort', giveUp);
    try {
      if (this.#plan.login !== null) await this.#logIn();
      if (!stop.aborted) {
        const load = this.#loop.run();
        if (this.#admin !== null)
          watch = new LimpetWatch(this.#admin, this.#world.timers, () => this.#loop.nowMs());
        await Promise.all([load, this.#event?.run(), this.#showProgress(load)]);
      }
    } finally {
      stop.removeEventListener('abort', giveUp);
      watch?.stop();
      for (const user of this.#users) user.close();
    }
    const failure = this.#event?.failure ?? null;
    if (failure !== null) throw failure;
    await this.#readLedgers();
    return this.#result(watch);
  }

  async #logIn(): Promise<void> {
    const { stop, say } = this.#world;
    say(`${this.#plan.users} users log in`);
    const waiting = this.#users.entries();
    const lane = async (): Promise<void> => {
      for (const [i, user] of waiting) {
        if (stop.aborted) return;
        const late = this.#world.timers.after(this.#plan.timeoutMs, () => user.abort('no answer in time'));
        const told = await new Promise<Told>((resolve) => user.logIn(`${this.#ids.of(i)}-login`, resolve));
        late.cancel();
        if (told.why !== null && !stop.aborted) {
          const detail = told.detail === '' ? '' : ` (${told.detail})`;
          throw new DrillError(`${user.name} could not log in: ${told.why}${detail}`, 'what `login` sends');
        }
        this.#logins++;
      }
    };
    await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, lane));
  }

  async #showProgress(load: Promise<void>): Promise<void> {
    let running = true;
    const show = (): void => {
      const atMs = this.#loop.nowMs();
      const phase = this.#tally.phaseAt(atMs);
      const { failed, moves } = this.#tally;
      const { durationMs } = this.#plan;
      const p99Ms = this.#tally.p99Ms(phase);
      this.#world.progress({ atMs, durationMs, phase, asked: this.#loop.asked, failed, moves, p99Ms });
      if (running) timer = this.#world.timers.after(PROGRESS_MS, show);
    };
    let timer = this.#world.timers.after(PROGRESS_MS, show);
    await load;
    running = false;
    timer.cancel();
  }

  readonly #twice = new Set<number>();
  #knowsTwice = false;

  async #readLedgers(): Promise<void> {
    for (const index of this.#tally.twice) this.#twice.add(index);
    this.#knowsTwice = this.#ledgers.length > 0 || this.#tally.saidTimes > 0 || this.#tally.writes === 0;
    const once = new Set<number>();
    const seen = (index: number): void => {
      if (once.has(index)) this.#twice.add(index);
      once.add(index);
    };
    try {
      for (const ledger of this.#ledgers) await ledger.read(this.#ids, seen);
    } catch (error) {
      this.#knowsTwice = this.#twice.size > 0;
      this.#notes.push(messageOf(error));
    }
    // An id in a ledger is the proof that ids get there at all.
    if (
      this.#ledgers.length > 0 &&
      once.size === 0 &&
      this.#tally.writes > 0 &&
      this.#tally.saidTimes === 0
    ) {
      this.#knowsTwice = false;
      this.#notes.push(`no ledger holds a write of this drill: does the app write \`Drill-Request\` down?`);
    }
  }

  /** Which instances the event harmed, and how that is known. */
  #harmed(): { readonly names: readonly string[] | null; readonly by: string } {
    const { event, harmed } = this.#plan;
    if (harmed !== null) return { names: harmed, by: 'named by `harmed`' };
    const kind = event?.kind;
    if (kind !== 'kill' && kind !== 'hang' && kind !== 'restart')
      return { names: [], by: `a ${kind} harms no instance` };
    if (this.#harm?.instance) return { names: [this.#harm.instance], by: 'named by the event' };
    const silent = this.#tally.silenced();
    if (silent?.length === 1) return { names: silent, by: 'it fell silent' };
    const why =
      silent === null
        ? 'no instance alone fell silent'
        : `several fell silent: ${silent.slice(0, 5).join(', ')}`;
    return { names: null, by: `${why}; \`harmed\` would say which it was` };
  }

  #result(watch: LimpetWatch | null): DrillResult {
    const { event, target, rate, users, durationMs, limits } = this.#plan;
    const tally = this.#tally;
    const harmed = event === null ? { names: [], by: '' } : this.#harmed();
    const instances = tally.instances();
    const again = this.#lines.reduce((sum, line) => sum + line.again, 0);
    if (again > 0)
      this.#notes.push(`${again} reads were sent again, since an idle connection was found closed`);
    const found = {
      event: this.#event && { ...this.#event.outcome(), harmed: harmed.names, harmedBy: harmed.by },
      phases: tally.phases(event !== null),
      failures: tally.failures(harmed.names),
      instances,
      moved: instances === null ? null : tally.moved(harmed.names),
      logins: this.#plan.login === null ? null : { made: this.#logins, ...tally.lost(harmed.names) },
      twice: {
        writes: tally.writes,
        count: this.#knowsTwice ? this.#twice.size : null,
        ids: [...this.#twice].slice(0, IDS_TOLD).map((index) => this.#ids.of(index)),
      },
    };
    const verdict = judge(limits, found);
    const interrupted = this.#world.stop.aborted ? String(this.#world.stop.reason) : null;
    return {
      target: target.origin,
      passed: interrupted === null && verdict.every(({ ok }) => ok),
      interrupted,
      rate,
      users,
      durationMs,
      ...found,
      limpetSaw: watch?.changes ?? null,
      stalledMs: Math.round(this.#loop.stalledMs),
      notes: this.#notes,
      verdict,
    };
  }
}
