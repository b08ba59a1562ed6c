// The project's own form of session vectors: read, judged, and written.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CredentialSource } from '../../src/session/format.ts';
import {
  type Query,
  type StoredCell,
  type StoredValue,
  StoreFault,
  type StoreReader,
} from '../../src/session/store.ts';
import { type Finding, unknown } from '../../src/session/verdict.ts';
import { buildFormat, type Configured } from './judge.ts';

/** A stored value in JSON: bytes as base64 in `{ "base64": … }`. */
export interface WrittenValue {
  readonly bytes: string;
  readonly cells: readonly (readonly [string, WrittenCell])[];
  readonly flags: number;
  readonly mtimeS: number | null;
  readonly endsAtS: number | null;
}
type WrittenCell = string | number | boolean | null | { readonly base64: string };

/** What a store answers to one question. */
export interface Answer {
  readonly query: Query;
  readonly value: WrittenValue | null;
}

export interface Case {
  readonly what: string;
  readonly configured: Configured;
  /** Files of a key ring, by name; the option `keys` names their folder. */
  readonly keyRing?: Readonly<Record<string, string>>;
  readonly request: CredentialSource;
  readonly atS: number;
  readonly answers: readonly Answer[];
  readonly verdict: string;
  readonly user: unknown;
}

export interface OwnFile {
  readonly verify: string;
  readonly cases: readonly Case[];
}

export function written({ bytes, cells, flags, mtimeS, endsAtS }: StoredValue): WrittenValue {
  const out = (cell: StoredCell): WrittenCell => {
    if (cell instanceof Uint8Array) return { base64: Buffer.from(cell).toString('base64') };
    return typeof cell === 'bigint' ? String(cell) : cell;
  };
  return {
    bytes: Buffer.from(bytes).toString('base64'),
    cells: Array.from(cells, ([name, cell]) => [name, out(cell)] as const),
    flags,
    mtimeS,
    endsAtS,
  };
}

export function read({ bytes, cells, flags, mtimeS, endsAtS }: WrittenValue): StoredValue {
  const back = (cell: WrittenCell): StoredCell =>
    typeof cell === 'object' && cell !== null ? Buffer.from(cell.base64, 'base64') : cell;
  return {
    bytes: Buffer.from(bytes, 'base64'),
    cells: new Map(cells.map(([name, cell]) => [name, back(cell)])),
    flags,
    mtimeS,
    endsAtS,
  };
}

/** Files of the folder that the option `keys` names; null where there is none. */
export function keyRingOf({ options }: Configured): Readonly<Record<string, string>> | null {
  const folder = options?.keys;
  if (typeof folder !== 'string') return null;
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

const folders = new Map<string, string>();
process.once('exit', () => {
  for (const folder of folders.values()) rmSync(folder, { recursive: true, force: true });
});

/** The configured block, its key ring written out. */
export function configuredOf({ configured, keyRing }: Case): Configured {
  if (keyRing === undefined) return configured;
  const name = JSON.stringify(keyRing);
  let keys = folders.get(name);
  if (keys === undefined) {
    keys = mkdtempSync(join(tmpdir(), 'limpet-ring-'));
    folders.set(name, keys);
    for (const [file, text] of Object.entries(keyRing)) writeFileSync(join(keys, file), text);
  }
  return { ...configured, options: { ...configured.options, keys } };
}

/** The stores of a case: what they were not asked when it was written down, they do not have. */
export function storesOf(
  { answers }: Case,
  change: (value: StoredValue) => StoredValue = (value) => value,
): StoreReader {
  return {
    get: async (query) => {
      const asked = JSON.stringify(query);
      const found = answers.find((answer) => JSON.stringify(answer.query) === asked)?.value ?? null;
      return found === null ? null : change(read(found));
    },
  };
}

const prepared = new Map<string, Promise<ReturnType<typeof buildFormat>>>();

/** The finding for a case; `request` and `stores` may be others than its own. */
export async function judgeCase(
  one: Case,
  request: CredentialSource = one.request,
  stores: StoreReader = storesOf(one),
): Promise<Finding> {
  const name = JSON.stringify([one.configured, one.keyRing]);
  // Some formats take long to prepare, and many cases share one.
  let making = prepared.get(name);
  if (making === undefined) {
    const format = buildFormat(configuredOf(one));
    making = (format.prepare?.() ?? Promise.resolve()).then(() => format);
    prepared.set(name, making);
  }
  const format = await making;
  const pending = format.read(request, one.atS);
  if (!('check' in pending)) return pending;
  try {
    return await pending.check(stores, one.atS);
  } catch (error) {
    if (error instanceof StoreFault) return unknown('store.down');
    throw error;
  }
}
