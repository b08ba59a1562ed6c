// Revocations kept in this process alone: gone with it.
import {
  type KeeperListener,
  type KeeperState,
  type Kept,
  type Page,
  type Place,
  placeText,
  type RevocationKeeper,
  readPlace,
} from './keeper.ts';
import { type Revocation, readCore, readRecord, renewed, textOf } from './record.ts';

const ALONE: KeeperState = { kept: 'process', synced: true, why: '', waiting: 0 };

export class LocalKeeper implements RevocationKeeper {
  readonly state = ALONE;
  #listener: KeeperListener | null = null;
  /** Text by id: a third of what the objects would take. The table bounds them. */
  readonly #texts = new Map<string, string>();

  async start(listener: KeeperListener): Promise<void> {
    this.#listener = listener;
  }

  async keep(record: Revocation): Promise<Kept> {
    const old = this.#read(record.id);
    const kept = old === null ? record : renewed(old, record);
    this.#texts.set(record.id, textOf(kept));
    return { record: kept, renewed: old !== null, shared: true };
  }

  async take(id: string): Promise<Revocation | null> {
    const record = this.#read(id);
    this.#texts.delete(id);
    return record;
  }

  async page(limit: number, after: string | null): Promise<Page> {
    const from = after === null ? null : readPlace(after);
    let places: Place[] = [];
    for (const [id, text] of this.#texts) {
      const untilS = readCore(id, text)!.untilS;
      if (from !== null && !isBefore(from, { untilS, id })) continue;
      places.push({ untilS, id });
      // Cut now and then, so that a page of a million does not sort a million.
      if (places.length > limit * 8) places = firstOf(places, limit + 1);
    }
    places = firstOf(places, limit + 1);
    const more = places.length > limit;
    if (more) places.pop();
    const last = places.at(-1);
    return {
      records: places.map(({ id }) => this.#read(id)!),
      next: more && last !== undefined ? placeText(last) : null,
    };
  }

  async restore(): Promise<void> {}

  reread(): void {
    this.#listener?.reloading();
    for (const [id, text] of this.#texts) this.#listener?.core(readCore(id, text)!);
    this.#listener?.reloaded(false);
  }

  noteLogin(): void {}

  async purge(nowS: number): Promise<void> {
    for (const [id, text] of this.#texts) if (readCore(id, text)!.untilS <= nowS) this.#texts.delete(id);
  }

  async close(): Promise<void> {}

  #read(id: string): Revocation | null {
    const text = this.#texts.get(id);
    return text === undefined ? null : readRecord(id, text);
  }
}

function isBefore(a: Place, b: Place): boolean {
  return a.untilS === b.untilS ? a.id > b.id : a.untilS > b.untilS;
}

function firstOf(places: readonly Place[], count: number): Place[] {
  return [...places].sort((a, b) => (isBefore(a, b) ? -1 : 1)).slice(0, count);
}
