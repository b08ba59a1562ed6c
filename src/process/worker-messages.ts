// Brings what a worker says to the part of the main thread that it is for.

import type { LogDesk } from './log-desk.ts';
import type { FromWorker } from './messages.ts';
import type { Reloader } from './reloader.ts';
import type { RevocationSwitch } from './revocation-switch.ts';
import type { Tracing } from './tracing.ts';
import type { UpstreamWatch } from './upstream-watch.ts';
import type { WorkerNews } from './worker-news.ts';

/** The parts of the main thread that workers have something for. */
export interface Recipients {
  readonly logs: Pick<LogDesk, 'take'>;
  readonly news: WorkerNews;
  readonly tracing: Pick<Tracing, 'take'>;
  readonly upstreams: Pick<UpstreamWatch, 'board' | 'failed'>;
  readonly reloader: Pick<Reloader, 'over'>;
  /** Null: no session is checked. */
  readonly switch: Pick<RevocationSwitch, 'registry'> | null;
}

/** `account`: of the worker's access lines. What the crew itself hears (births, sockets, ends) does not come here. */
export function deliver(
  to: Recipients,
  worker: number,
  message: FromWorker,
  account: Int32Array<SharedArrayBuffer>,
): void {
  switch (message.say) {
    case 'access':
      to.logs.take(worker, message.batch, account);
      return;
    case 'slow':
      to.news.slow(message.report, message.text, message.untold);
      return;
    case 'traces':
      to.tracing.take(message.batch);
      return;
    case 'failure':
      to.upstreams.failed(message.slot, message.kind);
      return;
    case 'success':
      to.upstreams.board.reportSuccess(message.slot);
      return;
    case 'suspect':
      to.upstreams.board.reportSuspect(message.slot);
      return;
    case 'moved':
      to.news.moved(message.pool, message.from, message.to);
      return;
    case 'store':
      to.news.store(worker, message.session, message.up, message.why);
      return;
    case 'vouched':
      to.news.vouched(worker, message.session, message.up, message.why);
      return;
    case 'keys':
      to.news.keys(worker, message.session, message);
      return;
    case 'login':
      to.switch?.registry.shareLogin(message.key, message.timeMs);
      return;
    case 'over':
      to.reloader.over(worker, message.generation);
      return;
    case 'limits':
      to.news.limits(worker, message.where, message.up, message.why);
      return;
    case 'bug':
      to.news.bug(worker, message.session, message.text);
      return;
    default:
  }
}
