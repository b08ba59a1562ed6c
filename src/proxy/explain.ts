// Decides about one request as the running proxy would, step by step and in words; forwards nothing.
import { BALANCER_KINDS } from '../balance/kinds.ts';
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import { systemTimers } from '../base/timers.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import { isFound } from '../plan/compile.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { RouteTable } from '../plan/route-table.ts';
import type { Pool } from '../pool/pool.ts';
import type { PoolAffinity } from '../pool/pool-affinity.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { OpenSession } from '../session/open-session.ts';
import { SigningKeys, type SigningState } from '../session/phantom/signing-keys.ts';
import { REASONS, VERDICT_NAMES } from '../session/verdict.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { ResponseHead } from '../wire/response-head.ts';
import { DryRun } from './dry-run.ts';
import type { ExplainStep, Explanation, Question, StepName } from './explanation.ts';
import { PROXY_FAULT } from './faults.ts';
import { fieldChanges } from './field-changes.ts';
import { cookieHomeWords, sessionHomeWords, splitWords } from './home-words.ts';
import type { LiveHouse } from './live-house.ts';
import { HOMED_NAMES } from './plane-metrics.ts';
import { listenerFor, reasonOf, requestBytes, whyNot } from './question.ts';

/**
 * Explains `question` under `config`, for a client on this machine. `sessions`: those of the config, opened; the caller closes them.
 * `house`: a copy of what the running proxy knows, of which the caller makes no further use; null: no live health is known, and what is
 * wanted ready counts as up.
 */
export async function explain(
  config: Config,
  question: Question,
  sessions: readonly OpenSession[],
  house: LiveHouse | null = null,
): Promise<Explanation> {
  const signing = house === null ? await signingOf(config) : house.signing;
  return new Explainer(config, question, sessions, signing, house).run();
}

/** An upstream's plainest answer: with it, affinity settles where the user lives. */
const PLAIN_ANSWER = latin1Bytes('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');

class Explainer {
  readonly #config: Config;
  readonly #question: Question;
  readonly #listener: ListenerConfig;
  readonly #sessions: readonly OpenSession[];
  readonly #run: DryRun;
  /** It is known how upstreams fare and where users live. */
  readonly #isLive: boolean;
  readonly #steps: ExplainStep[] = [];
  #told: Partial<Explanation> = {};

  constructor(
    config: Config,
    question: Question,
    sessions: readonly OpenSession[],
    signing: SigningState | null,
    house: LiveHouse | null,
  ) {
    this.#config = config;
    this.#question = question;
    this.#listener = listenerFor(config, question.url);
    this.#run = new DryRun(config, this.#listener, sessions, signing, house);
    this.#isLive = house !== null;
    this.#sessions = sessions;
  }

  async run(): Promise<Explanation> {
    const run = this.#run;
    this.#say('listener', `${this.#listener.name}; every listener has the same routes`);
    run.read(requestBytes(this.#question));
    const { head, plan, fault } = run;
    const bytes = head.fields.bytes;
    if (head.fault === null) {
      const host = latin1Text(bytes, head.authorityStart, head.authorityEnd);
      const target = latin1Text(bytes, head.methodStart, head.targetEnd);
      const who = run.side.trusted ? 'which is a trusted proxy' : 'whose word on other clients is not taken';
      this.#say(
        'request',
        `${target} for ${host === '' ? 'no host' : `host ${host}`}, from ${run.side.address}, ${who}`,
      );
    }
    if (plan !== null) this.#tellRoute(plan);
    const { checked } = run.exchange;
    const passes =
      plan?.session == null || checked === null || (await this.#tellSession(plan.session, checked));
    if (!passes) this.#denied();
    else if (run.exchange.begun && plan?.pool != null) this.#forward(plan, plan.pool);
    else this.#answered(fault === null ? null : fault.code, fault?.text ?? '');
    return this.#end();
  }

  #say(step: StepName, text: string): void {
    this.#steps.push({ step, text });
  }

  #tell(part: Partial<Explanation>): void {
    this.#told = { ...this.#told, ...part };
  }

  #end(): Explanation {
    return {
      ok: false,
      status: null,
      code: null,
      listener: this.#listener.name,
      route: null,
      nextBest: null,
      session: null,
      pool: null,
      target: null,
      fields: null,
      affinity: null,
      candidates: [],
      choice: null,
      timeouts: null,
      retries: null,
      ...this.#told,
      steps: this.#steps,
    };
  }

  #tellRoute(plan: RoutePlan): void {
    const { head, plane } = this.#run;
    const others = new RouteTable(
      plane.generation.plans.filter(
        (other) => isFound(other) && (plan.split === null ? other !== plan : other.split !== plan.split),
      ),
    );
    const path = head.pathEnd > head.pathStart ? head.fields.bytes : ROOT;
    const next = others.find(
      head.fields.bytes,
      head.methodStart,
      head.methodEnd,
      head.hostStart,
      head.hostEnd,
      path,
      path === ROOT ? 0 : head.pathStart,
      path === ROOT ? 1 : head.pathEnd,
    );
    this.#say('route', `${plan.name}: ${reasonOf(plan)}`);
    this.#say('route', next === null ? 'no other route matches' : `next best: ${next.name}`);
    this.#tell({ route: plan.name, nextBest: next?.name ?? null });
  }

  /** What is checked and what came of it, without a value; true when the request passes. */
  async #tellSession(guard: SessionGuard, checked: Promise<boolean>): Promise<boolean> {
    for (const { name } of guard.verifiers) {
      const open = this.#sessions.find(({ options }) => options.name === name);
      if (open === undefined) continue;
      const { verify, require } = open.options;
      this.#say('session', `${name}: ${verify}, require: ${require}`);
      for (const step of open.format.steps) this.#say('session', `${name}: ${step}`);
    }
    const passed = await checked;
    const { standing, exempt } = this.#run.exchange.session;
    if (standing === null) {
      this.#say('session', `unknown: ${REASONS['check.none']}`);
      return passed;
    }
    const verdict = VERDICT_NAMES[standing.verdict]!;
    this.#say(
      'session',
      `${standing.verifier.name} says ${verdict}: ${REASONS[standing.reason]} (${standing.reason})`,
    );
    if (exempt && verdict !== 'valid')
      this.#say('session', 'the path needs no session, so it passes all the same');
    if (passed) {
      const token = standing.token?.line ?? NO_LINE;
      const lines = `${standing.lines}${latin1Text(token, 0, token.length)}`;
      const names = lines.split('\r\n').flatMap((line) => line.split(':')[0] || []);
      this.#say('session', `the app is told ${names.join(', ')}`);
    }
    this.#tell({ session: { name: standing.verifier.name, verdict, reason: standing.reason, passed } });
    return passed;
  }

  /** The answer to a request whose session may not pass. */
  #denied(): void {
    const { session } = this.#run.exchange;
    const [line = '', ...fields] = (this.#run.exchange.deny().split('\r\n\r\n')[0] ?? '').split('\r\n');
    const location = fields.find((field) => field.startsWith('Location: '))?.slice('Location: '.length);
    const status = Number(line.split(' ')[1] ?? 0);
    const { code, text } = session.fault;
    this.#say(
      'answer',
      location === undefined ? `${status} ${code}: ${text}` : `${status} ${code}, to ${location}`,
    );
    this.#tell({ ok: false, status, code });
  }

  /** Limpet answers by itself, and the answer is there to be read. */
  #answered(code: string | null, why: string): void {
    const [line = '', ...fields] = (this.#run.answer.split('\r\n\r\n')[0] ?? '').split('\r\n');
    const status = Number(line.split(' ')[1] ?? 0);
    const location = fields.find((field) => field.startsWith('Location: '))?.slice('Location: '.length);
    const { routes, plans } = this.#run.plane.generation;
    let text = code === null ? `${status} from Limpet itself` : `${status} ${code}: ${why}`;
    if (location !== undefined) text = `${status} to ${location}`;
    if (code === 'route.none') text += ` The routes: ${plans.map((plan) => plan.name).join('  ')}`;
    if (code === 'route.method') {
      const methods = (routes.methodMismatch ?? []).flatMap((route) => route.methods ?? []);
      text += ` It takes ${[...new Set(methods)].join(', ')}.`;
    }
    this.#say('answer', text);
    this.#tell({ ok: code === null, status, code });
  }

  #forward(plan: RoutePlan, pool: Pool): void {
    this.#tellOutgoing(plan);
    const candidates = pool.candidates.map((candidate) => candidate.name);
    const { kind } = pool.spec.balance;
    if (plan.split !== null) this.#say('pool', splitWords(plan.split, pool));
    this.#say('pool', `${pool.name}, by ${kind}: ${BALANCER_KINDS[kind].description}`);
    for (const upstream of pool.upstreams) {
      if (!candidates.includes(upstream.name)) this.#say('pool', `no candidate: ${whyNot(upstream)}`);
    }
    this.#tell({ pool: pool.name, candidates });
    this.#choose(plan, pool, candidates);
    const { attempts, budget } = plan.retries;
    this.#say(
      'limits',
      `connected within ${plan.timeouts.connectMs} ms, the answer's head within ${plan.timeouts.responseMs} ms` +
        `${plan.timeouts.totalMs > 0 ? `, all within ${plan.timeouts.totalMs} ms` : ''}; ` +
        `${attempts} more ${attempts === 1 ? 'try' : 'tries'} where that is safe, within ${Math.round(budget * 100)}% of the requests`,
    );
    this.#tell({ timeouts: plan.timeouts, retries: attempts });
  }

  /** What the upstream would see: read off the head that was laid out for it. */
  #tellOutgoing(plan: RoutePlan): void {
    const { head, exchange } = this.#run;
    const out = exchange.requestHead!;
    const sent = latin1Text(out.bytes, 0, exchange.mark.targetEnd);
    const came = latin1Text(head.fields.bytes, head.methodStart, head.targetEnd);
    const target = sent.slice(sent.indexOf(' ') + 1);
    this.#say(
      'rewrite',
      sent === came ? 'none: the target goes on as it came' : `the upstream sees ${target}`,
    );
    const fields = fieldChanges(head.fields, out, plan);
    const words = (['removed', 'replaced', 'added'] as const)
      .filter((change) => fields[change].length > 0)
      .map((change) => `${change}: ${fields[change].join(', ')}`);
    this.#say('fields', words.length === 0 ? 'all pass as they came' : words.join('; '));
    this.#tell({ target, fields });
  }

  #choose(plan: RoutePlan, pool: Pool, candidates: readonly string[]): void {
    const { exchange } = this.#run;
    const { placement, homing } = exchange;
    const { result: chosen, certain } = this.#run.withoutChance(() => {
      // Read again under watch: a hash of what the request lacks is drawn by chance.
      homing.read(plan, pool, this.#run.head, this.#run.side);
      homing.know(exchange.session.standing);
      return placement.find();
    });
    const affinity = plan.affinity ? pool.spec.affinity : null;
    if (chosen === null) {
      if (homing.lost) this.#say('affinity', 'the cookie is ours, but its upstream left or cannot serve');
      const fault = placement.full ? PROXY_FAULT.full : placement.noneFault();
      this.#say('answer', `${fault.status} ${fault.code}: ${fault.text}`);
      this.#tell({ status: fault.status, code: fault.code, affinity: homing.lost ? 'lost' : null });
      return;
    }
    const moved = homing.movedTo(chosen);
    const home = affinity === null ? null : this.#home(affinity, pool, chosen);
    let why: string | null = null;
    if (homing.bound) why = 'the user lives there';
    else if (moved) why = "chosen by the user's own number, so that all of the user's requests meet there";
    else if (candidates.length === 1) why = 'there is no other';
    else if (homing.placedByKey !== null) why = `the hash of the ${homing.placedByKey} leads there`;
    else if (pool.usesKey) why = this.#byKey(pool, certain);
    const all = candidates.join(', ');
    this.#say(
      'choice',
      why === null
        ? `any of ${all}, ${pool.usesKey ? this.#lacks(pool) : 'as their load and turn decide'}`
        : `${chosen.name}: ${why}`,
    );
    if (!this.#isLive)
      this.#say('choice', 'live health and load are not asked here: whatever is wanted ready counts as up');
    this.#tell({ ok: true, choice: why === null ? null : chosen.name, affinity: home });
  }

  /** Why a hash chose as it did; null where it would choose otherwise for another request of the same kind. */
  #byKey(pool: Pool, certain: boolean): string | null {
    const on = pool.spec.balance.hash!;
    if (!certain) return null;
    if (on.on !== 'address')
      return `the hash of its ${on.on === 'path' ? 'path' : `${on.on} ${on.name}`} leads there`;
    const { clientAddress } = this.#run.exchange.homing;
    return clientAddress === this.#run.side.address
      ? null
      : `the hash of the address ${clientAddress} leads there`;
  }

  /** Why the hash leads nowhere yet. */
  #lacks(pool: Pool): string {
    const on = pool.spec.balance.hash!;
    if (on.on === 'address') return "by the hash of the client's own address";
    return `by chance: the request has no ${on.on === 'path' ? 'path' : `${on.on} ${on.name}`} to hash`;
  }

  /** Lets affinity settle as if `chosen` had answered, and tells it. */
  #home(affinity: PoolAffinity, pool: Pool, chosen: Upstream): (typeof HOMED_NAMES)[number] {
    const run = this.#run;
    const answer = new ResponseHead({ responseHeadBytes: 1024, fields: 8 });
    answer.parse(PLAIN_ANSWER, 0, PLAIN_ANSWER.length, false);
    const sets = run.exchange.homing.answerEditor(chosen, answer) !== null;
    const result = HOMED_NAMES[run.exchange.homing.result]!;
    if (affinity.session !== null) {
      this.#say(
        'affinity',
        sessionHomeWords(affinity.session, run.exchange.homing.placedByKey, this.#isLive),
      );
      return result;
    }
    const { pools } = this.#config;
    const secrets = pools.find(({ name }) => name === pool.name)?.affinity?.cookie?.secrets ?? null;
    const home = { result, affinity, chosen, movedFrom: run.movedFrom, isLive: this.#isLive };
    const words = cookieHomeWords(home, run.head.fields, secrets?.length === 0);
    this.#say('affinity', `${words}${sets ? '; the answer sets it' : ''}`);
    return result;
  }
}

const ROOT = latin1Bytes('/');
const NO_LINE = new Uint8Array(0);

/** The keys of the config, or one that is made for this once. */
async function signingOf({ signing }: Config): Promise<SigningState | null> {
  if (signing === null) return null;
  const keys = await SigningKeys.open({
    options: signing,
    timers: systemTimers,
    onChange: () => {},
    onFailure: () => {},
  });
  keys.close();
  return keys.state;
}
