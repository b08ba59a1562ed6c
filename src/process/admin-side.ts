// The admin side as it listens: the API with its page, and the probes where they have an address of their own.
import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { renewTls } from '../admin/admin-tls.ts';
import { listenOn } from '../admin/app.ts';
import { TokenTable } from '../admin/auth.ts';
import type { LiveFeed } from '../admin/live-view.ts';
import { buildProbes } from '../admin/probes.ts';
import { buildAdmin } from '../admin/server.ts';
import type { AdminView } from '../admin/view.ts';
import { systemClock } from '../base/clock.ts';
import type { AdminConfig, Bind } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import { descriptorOf } from '../socket/handle-io.ts';
import { tryBind } from './binding.ts';
import type { Inheritance } from './inherited.ts';
import type { ListenerSockets } from './messages.ts';
import { bindSentence, StartError } from './starting.ts';

/** What the admin side is made from. */
export interface AdminSideInput {
  readonly logger: Logger;
  /** Sockets that it listens on in place of binding its own. */
  readonly inheritance: Inheritance;
}

/** Main thread. Listens nowhere until it is opened. */
export class AdminSide {
  readonly #in: AdminSideInput;
  readonly #apps: { readonly app: FastifyInstance; readonly bind: Bind }[] = [];
  /** Who is let in by the API; null: there is none yet. */
  #tokens: TokenTable | null = null;
  #closed: Promise<unknown> | null = null;

  constructor(input: AdminSideInput) {
    this.#in = input;
  }

  /** Listens where `admin` says. Rejects with a StartError where an address cannot be bound; what listens by then stays until `close`. */
  async open(admin: AdminConfig, view: AdminView, live: LiveFeed): Promise<void> {
    const { logger } = this.#in;
    const { bind, tls, probes } = admin;
    const tokens = new TokenTable(bind, admin.tokens);
    this.#tokens = tokens;
    const { nowMs } = systemClock;
    await this.#listen(buildAdmin({ view, live, bind, tokens, tls, logger, nowMs }), bind);
    if (probes !== null) await this.#listen(buildProbes({ view, logger }), probes);
  }

  async #listen(app: FastifyInstance, bind: Bind): Promise<void> {
    // Both may be on any port, which is written the same.
    const before = this.#apps.filter((other) => isDeepStrictEqual(other.bind, bind)).length;
    this.#apps.push({ app, bind });
    try {
      await listenOn(app, bind, this.#in.inheritance.find(bind)?.fds[before] ?? null);
    } catch (error) {
      // Tried again only to learn who holds it. `listen` rejects with errors only.
      const trial = await tryBind(bind);
      const { code, message } = error as NodeJS.ErrnoException;
      throw new StartError(
        `admin: ${bindSentence(bind, code ?? message, trial.ok ? null : trial.holder)}`,
        'another address in `admin.bind`, or no admin side: admin: false',
      );
    }
  }

  /** These tokens and this certificate hold from now on; the rest of `admin` follows a restart. Null: nobody has a token any more. */
  use(admin: AdminConfig | null): void {
    this.#tokens?.use(admin?.tokens ?? []);
    const tls = admin?.tls ?? null;
    if (tls !== null) for (const { app } of this.#apps) renewTls(app, tls);
  }

  /** The TCP sockets that it listens on, for a successor. */
  sockets(): ListenerSockets[] {
    return this.#apps
      .filter(({ bind }) => bind.kind === 'tcp')
      .map(({ app, bind }) => ({ bind, fds: [descriptorOf(app.server)] }));
  }

  /** Listens no more; said again, it is the same end. */
  close(): Promise<unknown> {
    this.#closed ??= Promise.all(this.#apps.map(({ app }) => app.close()));
    return this.#closed;
  }
}
