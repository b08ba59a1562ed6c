// Judges a session vector as the running proxy would: the format is built from what an operator would configure, and asked.

import type { CredentialSource, FormatKind, FormatSpec, SessionFormat } from '../../src/session/format.ts';
import { defaultOptions } from '../../src/session/format-options.ts';
import { FORMAT_KINDS, type FormatName } from '../../src/session/kinds.ts';
import {
  type Query,
  type StoredCell,
  type StoredValue,
  type StoreFamily,
  StoreFault,
  type StoreReader,
} from '../../src/session/store.ts';
import { type Finding, unknown } from '../../src/session/verdict.ts';

/** A vector as the frameworks' generators wrote it; only what a judge looks at. */
export interface Vector {
  readonly id: string;
  readonly desc: string;
  readonly kind: string;
  readonly secrets: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: what an operator would configure differs with every framework.
  readonly config: Readonly<Record<string, any>>;
  readonly cookieHeader: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Unix seconds: the clock to judge at. */
  readonly checkAt: number;
  readonly storeKind: string;
  readonly storeKey: string | null;
  /** Base64. */
  readonly storeValue: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: columns differ with every table.
  readonly storeRow?: Readonly<Record<string, any>> | null;
  readonly ttl: number | null;
  readonly edge: { readonly verdict: string; readonly userId?: unknown };
}

/** What the session block of a config would say. */
export interface Configured {
  readonly verify: FormatName;
  readonly cookie?: string;
  readonly secrets?: readonly string[];
  readonly user?: readonly (string | number)[];
  readonly store?: StoreFamily | null;
  readonly rows?: StoreFamily | null;
  readonly prefix?: string | null;
  readonly table?: string | null;
  readonly options?: Readonly<Record<string, unknown>>;
  /** How the vector's store answers, where `vectorStore` does not fit. */
  readonly reader?: (query: Query) => StoredValue | null;
}

/** The format for a configured block, with the kind's defaults. */
export function buildFormat(configured: Configured): SessionFormat {
  const kind: FormatKind = FORMAT_KINDS[configured.verify];
  const spec: FormatSpec<never> = {
    cookie: configured.cookie ?? kind.cookie ?? '',
    secrets: configured.secrets ?? [],
    user: configured.user ?? kind.user ?? [],
    store: configured.store ?? null,
    rows: configured.rows ?? null,
    prefix: configured.prefix ?? null,
    table: configured.table ?? null,
    // Options of a kind that is known only at run time: the config's reader checks them in the product, the vectors here.
    options: { ...defaultOptions(kind.options), ...configured.options } as never,
  };
  return kind.build(spec);
}

const EMPTY = new Uint8Array(0);

/** A value of the vector's store; `cells` are given as the drivers give them. */
export function storedValue(
  vector: Vector,
  cells: Iterable<readonly [string, StoredCell]> = [],
): StoredValue {
  const row = vector.storeRow ?? {};
  return {
    bytes: vector.storeValue === null ? EMPTY : Buffer.from(vector.storeValue, 'base64'),
    cells: new Map(cells),
    flags: typeof row.flags === 'number' ? row.flags : 0,
    mtimeS: typeof row.mtime === 'number' ? row.mtime : null,
    endsAtS: vector.storeKind.startsWith('redis') && vector.ttl !== null ? vector.checkAt + vector.ttl : null,
  };
}

/** The store of most vectors: one value under one key; rows by their columns, hashes by their fields in base64. */
export function vectorStore(vector: Vector): (query: Query) => StoredValue | null {
  return (query) => {
    const absent =
      vector.storeKey === null || (vector.storeValue === null && (vector.storeRow ?? null) === null);
    if (absent || query.key !== vector.storeKey) return null;
    const row = vector.storeRow ?? {};
    if (query.kind === 'hash') {
      const fields = Object.entries((row.fields ?? {}) as Record<string, string>);
      return storedValue(
        vector,
        fields.map(([name, base64]) => [name, Buffer.from(base64, 'base64')] as const),
      );
    }
    if (query.kind === 'value') return storedValue(vector);
    return storedValue(vector, Object.entries(row) as [string, StoredCell][]);
  };
}

/** What a client sends in a vector. */
export function requestOf(vector: Vector): CredentialSource {
  const headers = new Map(
    Object.entries(vector.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    cookies: Buffer.from(
      vector.cookieHeader ?? '',
      /[^\0-\xff]/.test(vector.cookieHeader ?? '') ? 'utf8' : 'latin1',
    ).toString('latin1'),
    authorization: headers.get('authorization') ?? null,
    userAgent: headers.get('user-agent') ?? null,
    clientAddress: (headers.get('x-forwarded-for') ?? '127.0.0.1').split(',')[0]!.trim(),
  };
}

/** The finding for a vector. */
export async function judge(vector: Vector, configured: Configured): Promise<Finding> {
  const format = buildFormat(configured);
  await format.prepare?.();
  const request = requestOf(vector);
  const ask = configured.reader ?? vectorStore(vector);
  const store: StoreReader = { get: async (query) => ask(query) };
  const read = format.read(request, vector.checkAt);
  if (!('check' in read)) return read;
  try {
    return await read.check(store, vector.checkAt);
  } catch (error) {
    if (error instanceof StoreFault) return unknown('store.down');
    throw error;
  }
}

/** What is wrong with a finding, or null when it is what the vector expects, the type of the user id included. */
export function miss(vector: Vector, finding: Finding): string | null {
  const { verdict, userId = null } = vector.edge;
  if (finding.verdict !== verdict) return `${finding.verdict} (${finding.reason}), expected ${verdict}`;
  const user = finding.user ?? null;
  if (user !== userId)
    return `user ${JSON.stringify(String(user))} (${typeof user}), expected ${JSON.stringify(userId)}`;
  return null;
}
