// Decides about one request as the running proxy would, step by step and in words; forwards nothing.

import { AFFINITY } from '../affinity/home-tokens.ts';
import { BALANCER_KINDS } from '../balance/kinds.ts';
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import { HandClock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import { SeededRandom } from '../base/random.ts';
import type { Config } from '../config/config.ts';
import type { Pool } from '../pool/pool.ts';
import type { PoolAffinity } from '../pool/pool-affinity.ts';
import { UpstreamTable, WANTED } from '../upstream/upstream-table.ts';
import { CookieCursor } from '../wire/cookies.ts';
import { FIELD } from '../wire/fields.ts';
import { PARSE } from '../wire/head-fields.ts';
import { REQUEST_REFUSAL } from '../wire/refusals.ts';
import { RequestHead } from '../wire/request-head.ts';
import { readAsApp } from '../wire/target.ts';
import { type Compiled, compile } from './compile.ts';
import type { RoutePlan } from './route-plan.ts';
import { assignSlots, rowsOf } from './slots.ts';

/** One step of the decision. */
export interface ExplainStep {
  readonly step: 'request' | 'route' | 'rewrite' | 'affinity' | 'pool' | 'choice' | 'answer' | 'limits';
  readonly text: string;
}

/** What would become of a request. */
export interface Explanation {
  readonly ok: boolean;
  /** Status that Limpet itself would answer; null when the request goes to an upstream. */
  readonly status: number | null;
  /** Code of the fault, or null. */
  readonly code: string | null;
  readonly route: string | null;
  readonly pool: string | null;
  /** Upstreams that may be asked, by name. */
  readonly candidates: readonly string[];
  /** The one that would be asked, where that is certain. */
  readonly choice: string | null;
  readonly steps: readonly ExplainStep[];
}

/** A request as it is typed. */
export interface Question {
  readonly method: string;
  /** Absolute (`http://host/path`) or a path. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Explains `question` under `config`. Knows no live health: every upstream that is wanted ready counts as up. */
export function explain(config: Config, question: Question): Explanation {
  return new Explainer(config).run(question);
}

/** The path of a target that has none. */
const ROOT = latin1Bytes('/');

class Explainer {
  readonly #config: Config;
  readonly #compiled: Compiled;
  readonly #steps: ExplainStep[] = [];

  constructor(config: Config) {
    this.#config = config;
    const table = new UpstreamTable(UpstreamTable.allocate(rowsOf(config), 1));
    for (const { slot, upstream } of assignSlots(config)) {
      table.wanted[slot] = WANTED[upstream.wanted];
      table.observed[slot] = 1;
      table.weight[slot] = upstream.weight * 256;
    }
    table.bumpEpoch();
    const clock = new HandClock(0, Date.now());
    this.#compiled = compile({
      config,
      table,
      learned: new Map(),
      random: new SeededRandom(1),
      worker: 0,
      workers: 1,
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
    });
  }

  #say(step: ExplainStep['step'], text: string): void {
    this.#steps.push({ step, text });
  }

  #end(part: Partial<Explanation>): Explanation {
    return {
      ok: false,
      status: null,
      code: null,
      route: null,
      pool: null,
      candidates: [],
      choice: null,
      ...part,
      steps: this.#steps,
    };
  }

  #refused(fault: Fault, part: Partial<Explanation> = {}): Explanation {
    this.#say('answer', `${fault.status} ${fault.code}: ${fault.text}`);
    return this.#end({ status: fault.status, code: fault.code, ...part });
  }

  run(question: Question): Explanation {
    const head = new RequestHead({ ...this.#config.limits, strictTarget: false });
    const bytes = latin1Bytes(requestText(question));
    const state = head.parse(bytes, 0, bytes.length);
    if (state !== PARSE.done) return this.#refused(head.fault ?? REQUEST_REFUSAL.lineMalformed);
    const host = latin1Text(bytes, head.hostStart, head.hostEnd);
    const path = latin1Text(bytes, head.pathStart, head.pathEnd) || '/';
    this.#say('request', `${question.method} ${path} for host ${host === '' ? '(none)' : host}`);
    const plan = this.#find(head, bytes);
    if (plan instanceof Object && 'code' in plan) return this.#refused(plan);
    if (plan === null) return this.#noRoute();
    this.#say('route', `${plan.name}: ${reasonOf(plan)}`);
    if (plan.pool === null) return this.#fixed(plan);
    this.#tellRewrite(plan);
    return this.#place(plan, plan.pool, head, bytes);
  }

  #find(head: RequestHead, bytes: Uint8Array): RoutePlan | Fault | null {
    const written = head.pathEnd > head.pathStart;
    const from = (path: Uint8Array, start: number, end: number): RoutePlan | null =>
      this.#compiled.routes.find(
        bytes,
        head.methodStart,
        head.methodEnd,
        head.hostStart,
        head.hostEnd,
        path,
        start,
        end,
      );
    const plan = written ? from(bytes, head.pathStart, head.pathEnd) : from(ROOT, 0, 1);
    if (!head.pathSpecial) return plan;
    const read = readAsApp(bytes, head.pathStart, head.pathEnd);
    if (typeof read !== 'string') return read;
    const app = latin1Bytes(read);
    this.#say('request', `an app may read the path as ${read}`);
    return from(app, 0, app.length) === plan ? plan : REQUEST_REFUSAL.targetAmbiguous;
  }

  #noRoute(): Explanation {
    const others = this.#compiled.routes.methodMismatch;
    if (others !== null) {
      const methods = [...new Set(others.flatMap((route) => route.methods ?? []))].join(', ');
      this.#say('answer', `405 route.method: the path has a route, but only for ${methods}`);
      return this.#end({ status: 405, code: 'route.method' });
    }
    const names = this.#compiled.plans.map((plan) => plan.name).join('  ');
    this.#say('answer', `404 route.none: no route has this host and path; there are: ${names}`);
    return this.#end({ status: 404, code: 'route.none' });
  }

  #fixed(plan: RoutePlan): Explanation {
    const fixed = plan.fixed;
    const status = fixed?.status ?? 0;
    this.#say(
      'answer',
      fixed?.redirectTo == null ? `${status}, a fixed text` : `${status} to ${fixed.redirectTo}`,
    );
    return this.#end({ ok: true, status, route: plan.name });
  }

  #tellRewrite(plan: RoutePlan): void {
    const { rewrite } = plan;
    if (rewrite !== null) {
      const text = (part: Uint8Array): string => latin1Text(part, 0, part.length);
      if (rewrite.path !== null) this.#say('rewrite', `the path becomes ${text(rewrite.path)}`);
      if (rewrite.strip !== null) this.#say('rewrite', `${text(rewrite.strip)} is taken off the path`);
      if (rewrite.add !== null) this.#say('rewrite', `${text(rewrite.add)} is put before the path`);
    }
    const { attempts } = plan.retries;
    this.#say(
      'limits',
      `answer within ${plan.timeouts.responseMs} ms; ${attempts} more attempts where a retry is safe`,
    );
  }

  #place(plan: RoutePlan, pool: Pool, head: RequestHead, bytes: Uint8Array): Explanation {
    const candidates = pool.candidates.map((candidate) => candidate.name);
    const base = { route: plan.name, pool: pool.name, candidates };
    this.#say(
      'pool',
      `${pool.name}, by ${pool.spec.balance.kind}: ${BALANCER_KINDS[pool.spec.balance.kind].description}`,
    );
    const affinity = plan.affinity ? pool.spec.affinity : null;
    const home = affinity === null ? null : this.#home(affinity, pool, head, bytes);
    if (home !== null) {
      this.#say('choice', `${home}: the user lives there, and it serves`);
      return this.#end({ ok: true, ...base, choice: home });
    }
    if (candidates.length === 0) {
      this.#say('answer', `503: ${pool.emptyReason()}`);
      return this.#end({ ...base, status: 503, code: 'pool.none' });
    }
    const only = candidates.length === 1 ? (candidates[0] ?? null) : null;
    this.#say(
      'choice',
      `${only ?? `one of ${candidates.join(', ')}`} (as far as they are up: live health is not asked here)`,
    );
    return this.#end({ ok: true, ...base, choice: only });
  }

  /** Name of the user's home if the request's cookie says so and it may serve. The cookie's value is never told. */
  #home(affinity: PoolAffinity, pool: Pool, head: RequestHead, bytes: Uint8Array): string | null {
    const name = latin1Text(affinity.cookieName, 0, affinity.cookieName.length);
    const { fields } = head;
    const cursor = new CookieCursor();
    for (let i = 0; i < fields.count; i++) {
      if (fields.id[i] !== FIELD.cookie) continue;
      if (!cursor.find(bytes, fields.valueStart[i]!, fields.valueEnd[i]!, affinity.cookieName)) continue;
      const reader = affinity.cookie ?? affinity.prefix;
      if (reader === null) {
        this.#say('affinity', `cookie ${name} is there; its home was learned by the running proxy, not here`);
        return null;
      }
      const position = reader.read(bytes, cursor.valueStart, cursor.valueEnd);
      const home = position >= 0 ? pool.upstreams[position] : undefined;
      if (home === undefined) {
        this.#say('affinity', `cookie ${name}: ${WHY_NOT[position] ?? 'names nobody'}`);
        return null;
      }
      this.#say('affinity', `cookie ${name} names ${home.name}`);
      return home.serving ? home.name : null;
    }
    this.#say('affinity', `no cookie ${name}: a new user, who gets one`);
    return null;
  }
}

const WHY_NOT: Readonly<Record<number, string>> = {
  [AFFINITY.none]: 'says nothing, or its life is over',
  [AFFINITY.forged]: 'is not one of ours (forged, damaged, of another pool or secret): as good as none',
  [AFFINITY.lost]: 'is ours, but its upstream is not in the pool any more',
};

function reasonOf(plan: RoutePlan): string {
  const host = plan.host === null ? 'any host' : `host ${plan.host}`;
  const path = plan.exact ? `exactly ${plan.path}` : `paths under ${plan.path}`;
  const methods = plan.methods === null ? 'every method' : plan.methods.join(', ');
  return `${host}, ${path}, ${methods}`;
}

function requestText(question: Question): string {
  const absolute = /^http:\/\/([^/?#]*)(.*)$/i.exec(question.url);
  const target = absolute === null ? question.url : absolute[2] || '/';
  const named = question.headers.some(([name]) => name.toLowerCase() === 'host');
  const host = named ? '' : `Host: ${absolute?.[1] ?? 'localhost'}\r\n`;
  const rest = question.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${question.method} ${target.startsWith('?') ? `/${target}` : target} HTTP/1.1\r\n${host}${rest}\r\n`;
}
