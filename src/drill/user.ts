// A pretended user: keeps its cookies, logs in when it must, and understands from each answer where it is and whether it is still known.
import type { Clock } from '../base/clock.ts';
import { CookieJar } from './cookie-jar.ts';
import type { Answer } from './extract.ts';
import type { Incoming, Line, Outcome, Outgoing } from './line.ts';
import type { DrillPlan } from './plan.ts';
import { fillIn, type RequestText } from './request-text.ts';

/** The field by which an app knows one write from another. Not `Idempotency-Key`, which lets some proxies send a write again. */
export const ID_FIELD = 'Drill-Request';

/** What a user can tell of a request that ended. */
export interface Told {
  /** Why it failed; null when it did not. */
  readonly why: string | null;
  /** The beginning of what a failing answer says. */
  readonly detail: string;
  /** A user who was logged in is asked to log in again. */
  readonly lostLogin: boolean;
  /** The instance that answered; null where the answer does not say. */
  readonly instance: string | null;
  /** The one that answered before it. */
  readonly home: string | null;
  /** The one that answered when the user logged in: where the login was, if it lives in an app's memory. */
  readonly loginHome: string | null;
  /** How often the app says that it has handled this write; null where it does not say. */
  readonly handled: number | null;
}

/** What of the plan a user goes by. */
export type UserPlan = Pick<
  DrillPlan,
  'target' | 'headers' | 'login' | 'loggedOut' | 'instance' | 'handled' | 'ok'
>;

const DETAIL_CHARS_MAX = 100;

/** One request at a time: `ask` and `logIn` must not be called while one is under way. */
export class User {
  readonly name: string;
  /** The instance that answered last. */
  home: string | null = null;
  loggedIn = false;
  /** The first instance that answered since the login. */
  #loginHome: string | null = null;
  readonly #plan: UserPlan;
  readonly #line: Line;
  readonly #jar: CookieJar;

  constructor(name: string, plan: UserPlan, line: Line, clock: Clock) {
    this.name = name;
    this.#plan = plan;
    this.#line = line;
    const host = plan.target.hostname.replace(/^\[|\]$/g, '');
    // Browsers take this machine for as trustworthy as https (W3C Secure Contexts section 3.1).
    const trustworthy = plan.target.protocol === 'https:' || /^(127\.|::1$|localhost$)/.test(host);
    this.#jar = new CookieJar(host, trustworthy, clock);
  }

  /** Sends a request; where the user must log in, does that first. */
  ask(request: RequestText, id: string, done: (told: Told) => void): void {
    if (this.#plan.login === null || this.loggedIn) {
      this.#exchange(request, id, done);
      return;
    }
    this.logIn(`${id}-login`, (told) => {
      if (told.why === null) this.#exchange(request, id, done);
      else done({ ...told, why: `login: ${told.why}` });
    });
  }

  /** Logs in; `told.why` says why not. */
  logIn(id: string, done: (told: Told) => void): void {
    const { login } = this.#plan;
    if (login === null) throw new Error('this user has no way to log in');
    this.#exchange(login, id, (told) => {
      this.loggedIn = told.why === null;
      done(told);
    });
  }

  abort(why: string): void {
    this.#line.abort(why);
  }

  close(): void {
    this.#line.close();
  }

  #exchange(request: RequestText, id: string, done: (told: Told) => void): void {
    const outgoing = this.#prepare(request, id);
    this.#line.send(outgoing, (outcome) => done(this.#judge(request, outgoing, outcome)));
  }

  #prepare(request: RequestText, id: string): Outgoing {
    const path = fillIn(request.path, this.name, id);
    const headers: Record<string, string> = Object.fromEntries(this.#plan.headers);
    const cookies = this.#jar.line(pathOnly(path));
    if (cookies !== '') headers.Cookie = cookies;
    if (request.contentType !== null) headers['Content-Type'] ??= request.contentType;
    if (!request.safe) headers[ID_FIELD] = id;
    const body = request.body === null ? null : fillIn(request.body, this.name, id);
    return { method: request.method, path, headers, body, safe: request.safe };
  }

  #judge(request: RequestText, outgoing: Outgoing, outcome: Outcome): Told {
    const home = this.home;
    const nothing = {
      detail: '',
      lostLogin: false,
      instance: null,
      home,
      loginHome: this.#loginHome,
      handled: null,
    };
    if ('why' in outcome) return { ...nothing, why: outcome.why };
    const { incoming } = outcome;
    const path = pathOnly(outgoing.path);
    for (const line of incoming.setCookies) this.#jar.store(line, path);
    const answer: Answer = {
      status: incoming.status,
      field: incoming.field,
      cookie: (name) => this.#jar.value(name, path),
      body: incoming.body,
    };
    const { login, loggedOut, instance, handled, ok } = this.#plan;
    const asked =
      request !== login && this.loggedIn && loggedOut.some((condition) => condition.holds(answer));
    const sound = ok.some(({ from, to }) => incoming.status >= from && incoming.status <= to);
    if (!asked && !sound) {
      return { ...nothing, why: `status ${incoming.status}`, detail: detailOf(incoming) };
    }
    if (asked) this.loggedIn = false;
    const from = instance?.find(answer) ?? null;
    if (from !== null) this.home = from;
    const { loginHome } = nothing;
    if (request === login) this.#loginHome = from;
    else if (!asked) this.#loginHome ??= from;
    const times = request.safe ? null : Number(handled?.find(answer) ?? Number.NaN);
    return {
      why: null,
      detail: '',
      lostLogin: asked,
      instance: from,
      home,
      loginHome,
      handled: times === null || Number.isNaN(times) ? null : times,
    };
  }
}

function pathOnly(path: string): string {
  const mark = path.indexOf('?');
  return mark < 0 ? path : path.slice(0, mark);
}

/** The first line of a body that says something, in printable characters. */
function detailOf(incoming: Incoming): string {
  const line =
    incoming.body
      .slice(0, 1000)
      .split(/\r?\n/)
      .find((text) => text.trim() !== '') ?? '';
  return line
    .replace(/[\p{Cc}\p{Cf}]/gu, ' ')
    .trim()
    .slice(0, DETAIL_CHARS_MAX);
}
