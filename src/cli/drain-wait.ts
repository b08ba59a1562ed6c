// Waits until an upstream is free to be stopped: nobody lives there any more, and nothing is under way.
import { AskError } from '../admin/ask.ts';
import type { AdminClient } from '../admin/client.ts';
import type { UpstreamView } from '../admin/view.ts';
import type { CommandIo } from './command-io.ts';
import { ProgressLine } from './progress-line.ts';
import { spanOf } from './span.ts';
import { shown } from './table.ts';
import { labelOf, upstreamsOf } from './upstream-name.ts';

const ASK_EVERY_MS = 1000;
/** Where no line can be written over, one is written this often at most. */
const SAY_EVERY_MS = 10_000;
/** How long the admin API may be away meanwhile: longer than a restart of what stands before it. */
const AWAY_MAX_MS = 15_000;

/** What the wait came to. */
export interface Freed {
  readonly free: boolean;
  /** In one sentence. */
  readonly why: string;
  readonly waitedS: number;
  readonly users: number;
  readonly inFlight: number;
}

/** Resolves when `meant` is free, or it is plain that it will not be. Throws AskError where the API stays away. */
export async function waitUntilFree(admin: AdminClient, meant: UpstreamView, io: CommandIo): Promise<Freed> {
  const line = new ProgressLine(io, `limpet upstreams ${shown(labelOf(meant))}`);
  const startedMs = performance.now();
  let heardMs = startedMs;
  let saidMs = Number.NEGATIVE_INFINITY;
  let last = meant;
  try {
    for (;;) {
      const nowMs = performance.now();
      const seen = await upstreamsOf(admin).catch((error: unknown) => {
        if (!(error instanceof AskError) || nowMs - heardMs > AWAY_MAX_MS) throw error;
        return null;
      });
      if (seen !== null) {
        heardMs = nowMs;
        const found = seen.find(({ pool, name }) => pool === meant.pool && name === meant.name);
        const waitedS = Math.round((nowMs - startedMs) / 100) / 10;
        const verdict = judge(found);
        last = found ?? last;
        const { users, inFlight } = found ?? { users: 0, inFlight: 0 };
        if (verdict !== null) return { ...verdict, waitedS, users, inFlight };
      }
      const text = progressOf(last, nowMs - startedMs);
      line.show(`${shown(labelOf(last))}: ${text}`);
      if (!io.terminal && nowMs - saidMs >= SAY_EVERY_MS) {
        line.say(text);
        saidMs = nowMs;
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  } finally {
    line.clear();
  }
}

/** Null: wait on. */
function judge(found: UpstreamView | undefined): Pick<Freed, 'free' | 'why'> | null {
  if (found === undefined) return { free: true, why: 'it has left its pool' };
  const { wanted, users, inFlight } = found;
  if (wanted === 'ready') return { free: false, why: 'it was enabled again meanwhile' };
  if (inFlight > 0) return null;
  // Whoever lived there is sent elsewhere with the next request.
  if (wanted === 'maintenance') return { free: true, why: 'it is in maintenance, and nothing is under way' };
  return users === 0 ? { free: true, why: 'its users have left, and nothing is under way' } : null;
}

function progressOf({ users, inFlight, wanted, drainUntil }: UpstreamView, waitedMs: number): string {
  const left = `${users} ${users === 1 ? 'user' : 'users'} left, ${inFlight} under way`;
  const ends = drainUntil
    ? `, the drain ends in ${spanOf((Date.parse(drainUntil) - Date.now()) / 1000)}`
    : '';
  const who = wanted === 'maintenance' ? `${inFlight} under way` : left;
  return `${who}${ends}; waiting for ${spanOf(waitedMs / 1000)}`;
}
