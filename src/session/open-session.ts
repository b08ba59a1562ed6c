// Session blocks made ready to check: their formats built, their stores opened.
import { dirname } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import type { KeysChange } from './crypto/public-keys.ts';
import type { FormatKind, FormatSpec, SessionFormat } from './format.ts';
import { FORMAT_KINDS } from './kinds.ts';
import type { SessionOptions, SessionStoreOptions } from './options.ts';
import type { StoreListener, WatchableStore } from './store.ts';
import type { StoreGate } from './stores/gate.ts';
import { openStore } from './stores/open-store.ts';

/** A block that can check. */
export interface OpenSession {
  readonly options: SessionOptions;
  readonly format: SessionFormat;
  readonly store: WatchableStore | null;
  /** The store answers; true where there is none. */
  storeUp(): boolean;
  close(): Promise<void>;
}

/** A store of a block came up or went down. `up`: all that the block has answer; `why` one does not names no key and no value. */
export interface StoreChange {
  readonly up: boolean;
  readonly why: string | null;
}

/** Who is told what becomes of a block's store and of its keys. */
export interface SessionListener {
  store(session: string, change: StoreChange): void;
  keys(session: string, change: KeysChange): void;
}

const NOBODY: SessionListener = { store: () => {}, keys: () => {} };

/** The format of a block. Throws FormatProblem for what it refuses. Opens nothing. */
export function buildSession(options: SessionOptions): SessionFormat {
  const kind: FormatKind = FORMAT_KINDS[options.verify];
  const spec: FormatSpec<never> = {
    cookie: options.cookie,
    secrets: options.secrets,
    user: options.user,
    store: options.store?.family ?? null,
    rows: options.rows?.family ?? null,
    prefix: options.store?.prefix ?? null,
    table: options.rows?.table ?? options.store?.table ?? null,
    // The config read them by the kind's own specs; which kind is only known at run time.
    options: options.format as never,
  };
  return kind.build(spec);
}

/** Opens every block of a config. A store that is away is no error: its verdicts are `unknown` until it is back. */
export function openSessions(
  config: { readonly file: string; readonly sessions: readonly SessionOptions[] },
  listener: SessionListener = NOBODY,
): Promise<OpenSession[]> {
  return Promise.all(config.sessions.map((options) => openSession(options, dirname(config.file), listener)));
}

/**
 * Opens one. `folder`: of the config, which paths are relative to. Its stores are its own, also where another block has the same URL:
 * who watches one (store-watch.ts) knows of every question that is put to it.
 */
export async function openSession(
  options: SessionOptions,
  folder: string,
  listener: SessionListener = NOBODY,
): Promise<OpenSession> {
  const format = buildSession(options);
  let closed = false;
  format.watch?.((change) => {
    if (!closed) listener.keys(options.name, change);
  });
  const away = new Map<'store' | 'rows', string>();
  const open = (which: 'store' | 'rows', where: SessionStoreOptions): Promise<StoreGate> =>
    openStore(
      { ...where, folder },
      {
        clock: systemClock,
        timers: systemTimers,
        random: systemRandom(),
        changed: ({ up, why }) => {
          // That it is away from here on is nobody's news.
          if (closed) return;
          if (up) away.delete(which);
          else away.set(which, why ?? '');
          const [reason = null] = away.values();
          listener.store(options.name, { up: reason === null, why: reason });
        },
      },
    );
  const store = options.store === null ? null : await open('store', options.store);
  const rows = options.rows === null ? null : await open('rows', options.rows);
  await format.prepare?.();
  return {
    options,
    format,
    store: store === null || rows === null ? store : together(store, rows),
    storeUp: () => away.size === 0,
    close: async () => {
      closed = true;
      await Promise.all([store?.close(), rows?.close()]);
    },
  };
}

/** A cache and the table behind it, told apart by what is asked. They tell of changes while both do. */
export function together(store: WatchableStore, rows: WatchableStore): WatchableStore {
  const both = [store, rows];
  const watch = (listener: StoreListener): void => {
    const up = both.map(() => false);
    for (const [i, each] of both.entries()) {
      each.watch?.({
        changed: (key) => listener.changed(key),
        allChanged: () => listener.allChanged(),
        garbled: () => listener.garbled(),
        vouches: (isUp, why) => {
          up[i] = isUp;
          if (!isUp) listener.vouches(false, why);
          else if (up.every((one) => one)) listener.vouches(true, null);
        },
      });
    }
  };
  return {
    watch: both.every((each) => each.watch !== null) ? watch : null,
    get: (query) => (query.kind === 'row' ? rows : store).get(query),
  };
}
