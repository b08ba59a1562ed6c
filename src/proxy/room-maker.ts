// Makes room at the bound of connections: handshakes that drag on, and those that have asked nothing for longest, give way to who comes.
import type { ClientConnection } from './client-connection.ts';

/** Who has just come, or was just answered, is no idler: a next request may be on its way. */
const IDLE_MS_MIN = 1000;
/** How many are closed at a look: so many that a look, which costs some hundred nanoseconds a connection, pays for as many who come. */
const ROOM_MOST = 64;
/** After a look that found nobody, nobody is looked for again for so long, ms. */
const PAUSE_MS = 100;

/** One of the lists of connections that are looked through. */
export interface ConnectionList {
  readonly firstConnection: ClientConnection | null;
  /** Closes a handshake of TLS that has begun before `beforeMs`; false: there is none. */
  giveWay(beforeMs: number): boolean;
}

/** One a worker. Costs nothing until the bound is reached. */
export class RoomMaker {
  /** Places that were made and not taken yet. */
  #made = 0;
  #nextLookMs = 0;
  readonly #oldest: ClientConnection[] = [];

  /** There is room again by itself. */
  reset(): void {
    this.#made = 0;
  }

  /** True: somebody has given way, and one connection may come in his place. `bound`: how many there may be in all. */
  make(lists: readonly ConnectionList[], bound: number, nowMs: number, onGone: () => void): boolean {
    if (this.#made === 0) {
      // An honest handshake is a matter of some milliseconds, and nobody has asked anything yet.
      for (const list of lists) {
        if (!list.giveWay(nowMs - IDLE_MS_MIN)) continue;
        onGone();
        return true;
      }
      if (nowMs < this.#nextLookMs) return false;
      this.#find(lists, Math.max(1, Math.min(ROOM_MOST, Math.floor(bound / 100))), nowMs - IDLE_MS_MIN);
      if (this.#oldest.length === 0) {
        this.#nextLookMs = nowMs + PAUSE_MS;
        return false;
      }
      this.#made = this.#oldest.length;
      for (const connection of this.#oldest) {
        onGone();
        connection.giveWay();
      }
      this.#oldest.length = 0;
    }
    this.#made--;
    return true;
  }

  /** Leaves in `#oldest` the `most` that wait since before `beforeMs` and the longest. */
  #find(lists: readonly ConnectionList[], most: number, beforeMs: number): void {
    const oldest = this.#oldest;
    let latest = -1;
    for (const list of lists) {
      for (let c = list.firstConnection; c !== null; c = c.next) {
        const since = c.waitingSinceMs;
        if (since > beforeMs) continue;
        if (oldest.length < most) {
          oldest.push(c);
        } else if (since <= oldest[latest]!.waitingSinceMs) {
          // Of two alike the one further back in the list has come earlier.
          oldest[latest] = c;
        } else {
          continue;
        }
        if (oldest.length === most) latest = latestOf(oldest);
      }
    }
  }
}

function latestOf(connections: readonly ClientConnection[]): number {
  let latest = 0;
  for (let i = 1; i < connections.length; i++) {
    if (connections[i]!.waitingSinceMs > connections[latest]!.waitingSinceMs) latest = i;
  }
  return latest;
}
