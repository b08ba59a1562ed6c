// From what is configured about a store to a store behind its gate: the one way in.
import type { StoreTls } from './driver.ts';
import { StoreGate } from './gate.ts';
import { STORE_KINDS } from './kinds.ts';
import type { PulseTools } from './pulse.ts';
import { parseStoreUrl, StoreProblem, type StoreUrl } from './store-url.ts';

/** How a store is asked. What stands in it (prefix, table) is the format's. */
export interface StoreOptions {
  /** With credentials, percent-encoded. Never printed. */
  readonly url: string;
  /** Read replicas first; what they do not have is asked of the primary. */
  readonly replicas: boolean;
  /** Null: as the URL's scheme says, recognised by the authorities that Node knows. */
  readonly tls: StoreTls | null;
  /** How long a look-up may take, waiting in line included. */
  readonly deadlineMs: number;
  /** Look-ups in flight at a time, for each worker. */
  readonly concurrency: number;
  /** Look-ups that may wait for a place. */
  readonly waiting: number;
  /** Relative paths in the URL are from this folder. */
  readonly folder: string;
}

export const STORE_DEFAULTS = {
  replicas: false,
  tls: null,
  deadlineMs: 250,
  concurrency: 100,
  waiting: 1000,
} as const satisfies Omit<StoreOptions, 'url' | 'folder'>;

/**
 * Opens a store. A store that is away is opened too, and found when it comes. Rejects with StoreProblem where the URL or the driver
 * that it needs will never do. Waits for a first connection, a second or four deadlines at most.
 */
export async function openStore(options: StoreOptions, tools: PulseTools): Promise<StoreGate> {
  const url = parseStoreUrl(options.url);
  const { clock, random } = tools;
  const { replicas, deadlineMs, concurrency, folder } = options;
  const spec = { url, tls: tlsOf(options, url), replicas, deadlineMs, concurrency, folder, clock, random };
  const gate = new StoreGate(await STORE_KINDS[url.family].open(spec), options, tools);
  gate.look();
  return gate;
}

const KNOWN: StoreTls = { ca: null, verify: true, serverName: null };
/** libpq's words. `allow` and `prefer` give way to whoever strips TLS, so they are not among them. */
const SSL_MODES: Readonly<Record<string, Partial<StoreTls> | null>> = {
  disable: null,
  require: { verify: false },
  'verify-ca': {},
  'verify-full': {},
};

/** How the store is recognised, by its URL and what is configured; null: no TLS. Throws StoreProblem. */
export function tlsOf({ tls }: Pick<StoreOptions, 'tls'>, url: StoreUrl): StoreTls | null {
  const mode = url.parameters.get('sslmode');
  if (mode === undefined) return tls ?? (url.tls ? KNOWN : null);
  if (!Object.hasOwn(SSL_MODES, mode)) {
    throw new StoreProblem('that sslmode is none of ours', Object.keys(SSL_MODES).join(', '));
  }
  const wanted = SSL_MODES[mode] ?? null;
  if (wanted === null && tls !== null)
    throw new StoreProblem('the URL says sslmode=disable, and `tls` asks for TLS', 'one of them');
  return wanted === null ? null : { ...KNOWN, ...wanted, ...tls };
}
