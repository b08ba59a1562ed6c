// What stands before every call: not too many at once, no page of another site, and the token.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Bind } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import { answer } from './app.ts';
import type { Audit } from './audit.ts';
import type { Actor, TokenTable } from './auth.ts';
import { isForeignFetch, isForeignOrigin, isOwnHost, isVisit } from './browser-guard.ts';
import { GuessLimit } from './guess-limit.ts';
import { wantsPage } from './routes/page.ts';
import type { Access } from './schema.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null before the token was judged, and on routes that need none. */
    actor: Actor | null;
  }
  interface FastifyContextConfig {
    /** Who may call it; left out: `read` for GET and HEAD, else `full`. */
    readonly access?: Access;
    /** A browser is given the dashboard here, which holds no data: it needs no token for that. */
    readonly page?: boolean;
  }
  interface FastifyReply {
    /** Counts the call off before its answer ends, which has no end of its own: it goes on while the token is good. */
    release: () => void;
  }
}

export interface GuardOptions {
  readonly bind: Bind;
  readonly tokens: TokenTable;
  readonly logger: Logger;
  readonly audit: Audit;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** Calls that are answered at one time; more are told to come back. Open streams of events are not counted: they have a bound of their own. */
const CALLS_MAX = 64;
/** Refused tokens are logged at most this often; the line says how many there were since the last. */
const REFUSAL_LOG_MS = 1000;

const NOTHING = (): void => {};

/** The two guards: `atDoor` for every route of a server, `atDesk` for those that need a token. */
export class Guard {
  readonly #in: GuardOptions;
  readonly #tokens: TokenTable;
  readonly #guesses: GuessLimit;
  readonly #refusals: RefusalLog;
  readonly #boundName: string | null;
  /** Answers that go on without an end, and to whom. */
  readonly #streams = new Map<ServerResponse, Actor>();
  #calls = 0;

  constructor(options: GuardOptions) {
    const { bind, tokens, logger, nowMs } = options;
    this.#in = options;
    this.#tokens = tokens;
    this.#guesses = new GuessLimit(nowMs);
    this.#refusals = new RefusalLog(logger, nowMs);
    this.#boundName = bind.kind === 'tcp' ? bind.host : null;
    // Who may no longer ask is told no more either.
    tokens.onChange = () => {
      for (const [stream, actor] of this.#streams) {
        if (tokens.knows(actor)) continue;
        // Who does not read would be told the end never.
        if (stream.writableLength > 0) stream.destroy();
        else stream.end();
      }
    };
  }

  /** Keeps pages of other sites and too many calls at once away from all routes of `app`. */
  atDoor(app: FastifyInstance): void {
    app.decorateRequest('actor', null);
    app.decorateReply('release', NOTHING);
    app.addHook('onRequest', (request, reply, done) => {
      const { method, url, headers } = request;
      const { host, origin } = headers;
      // Where there are tokens, a foreign page has none.
      const fetched = this.#tokens.open && isForeignFetch(headers['sec-fetch-site']);
      if (isForeignOrigin(origin, host) || (fetched && !isVisit(method, url, headers))) {
        const message = 'A page of another site sent this; the admin API answers its own pages only.';
        answer(reply, 403, 'origin.foreign', message);
      } else if (this.#tokens.open && !isOwnHost(host, this.#boundName)) {
        const message =
          'Without a token this is answered by IP address, as localhost, or by the name in admin.bind only.';
        answer(reply, 403, 'host.foreign', message);
      } else {
        done();
      }
    });
  }

  /** Asks for a token on all routes of `app`, and has every change that is refused told in the log. */
  atDesk(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      if (request.routeOptions.config?.page === true && wantsPage(request)) {
        done();
        return;
      }
      if (!this.#admits(request, reply)) return;
      if (this.#calls >= CALLS_MAX) {
        const message = `${CALLS_MAX} calls are under way already; ask again in a second.`;
        answer(reply.header('Retry-After', 1), 503, 'admin.busy', message);
        return;
      }
      this.#calls++;
      const leave = app.crowd.hold(request.raw.socket);
      // Also where the client leaves before the answer, and where a stream goes on for hours: then by `release`.
      let counted = true;
      const release = (): void => {
        if (counted) this.#calls--;
        counted = false;
      };
      reply.raw.once('close', () => {
        release();
        leave();
        this.#streams.delete(reply.raw);
      });
      reply.release = () => {
        release();
        this.#streams.set(reply.raw, request.actor!);
      };
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      if (reply.statusCode >= 400 && request.actor !== null && accessOf(request) === 'full')
        this.#in.audit.refused(request, reply.statusCode, reply.errorCode);
      done();
    });
  }

  #admits(request: FastifyRequest, reply: FastifyReply): boolean {
    const verdict = this.#tokens.judge(request.headers.authorization);
    if (this.#tokens.open && verdict.ok) {
      request.actor = verdict.actor;
      return true;
    }
    const address = request.ip ?? 'unix';
    // Who sends no token does not guess.
    const guesses = verdict.ok || verdict.wrong;
    const waitMs = guesses ? this.#guesses.waitMs(address, verdict.ok ? verdict.actor.name : null) : 0;
    if (waitMs > 0) {
      this.#refusals.note(address);
      const seconds = Math.ceil(waitMs / 1000);
      const message = `Too many wrong tokens came from here; one is looked at again in ${seconds} s.`;
      answer(reply.header('Retry-After', seconds), 429, 'token.limit', message);
      return false;
    }
    if (!verdict.ok) {
      if (verdict.wrong) this.#guesses.failed(address);
      this.#refusals.note(address);
      answer(reply.header('WWW-Authenticate', 'Bearer realm="limpet"'), 401, 'token.refused', verdict.why);
      return false;
    }
    this.#guesses.passed(address, verdict.actor.name);
    request.actor = verdict.actor;
    if (verdict.actor.access === 'full' || accessOf(request) !== 'full') return true;
    const message = `The token "${verdict.actor.name}" may read only; a change needs one with access: full.`;
    answer(reply, 403, 'token.read', message);
    return false;
  }
}

/** What a token must be good for to make this call. */
export function accessOf(request: FastifyRequest): Access {
  const { config } = request.routeOptions;
  return config?.access ?? (request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'full');
}

/** Tells of refused tokens without letting whoever guesses them fill the log. */
class RefusalLog {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  #untold = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, nowMs: () => number) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  note(address: string): void {
    this.#untold++;
    const nowMs = this.#nowMs();
    if (nowMs - this.#toldAtMs < REFUSAL_LOG_MS) return;
    this.#logger.warn({ address, times: this.#untold }, 'admin: refused a request without a valid token');
    this.#toldAtMs = nowMs;
    this.#untold = 0;
  }
}
