// The project's own form of session vectors: read, judged, and written.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CredentialSource, SessionFormat } from '../../src/session/format.ts';
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
  /** Files that options name: one file, or those of a folder by name. */
  readonly files?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
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

/** Options that name a file or a folder. */
const PATHS = ['keys', 'jwksFile', 'publicKeyFile'] as const;

/** The configured block without its paths, and what they name. */
export function withoutPaths(configured: Configured): Pick<Case, 'configured' | 'files'> {
  const files: Record<string, string | Record<string, string>> = {};
  const options = { ...configured.options };
  for (const name of PATHS) {
    const path = options[name];
    if (typeof path !== 'string') continue;
    options[name] = '';
    const inside = (file: string): [string, string] => [file, readFileSync(join(path, file), 'utf8')];
    files[name] = statSync(path).isDirectory()
      ? Object.fromEntries(readdirSync(path).map(inside))
      : readFileSync(path, 'utf8');
  }
  if (Object.keys(files).length === 0) return { configured };
  return { configured: { ...configured, options }, files };
}

const folders = new Map<string, Readonly<Record<string, string>>>();
const root = mkdtempSync(join(tmpdir(), 'limpet-vectors-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));

/** The configured block, its files written out. */
function configuredOf({ configured, files }: Case): Configured {
  if (files === undefined) return configured;
  const name = JSON.stringify(files);
  let paths = folders.get(name);
  if (paths === undefined) {
    paths = Object.fromEntries(Object.entries(files).map(([option, content]) => [option, writeOut(content)]));
    folders.set(name, paths);
  }
  return { ...configured, options: { ...configured.options, ...paths } };
}

function writeOut(content: string | Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(root, 'files-'));
  const files = typeof content === 'string' ? { file: content } : content;
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return typeof content === 'string' ? join(folder, 'file') : folder;
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

const prepared = new Map<string, Promise<SessionFormat>>();

/** The format that a case is configured for, ready to check. */
export function formatOf(one: Case): Promise<SessionFormat> {
  const name = JSON.stringify([one.configured, one.files]);
  // Some formats take long to prepare, and many cases share one.
  let making = prepared.get(name);
  if (making === undefined) {
    const format = buildFormat(configuredOf(one));
    making = (format.prepare?.() ?? Promise.resolve()).then(() => format);
    prepared.set(name, making);
  }
  return making;
}

/** The finding for a case; `request` and `stores` may be others than its own. */
export async function judgeCase(
  one: Case,
  request: CredentialSource = one.request,
  stores: StoreReader = storesOf(one),
): Promise<Finding> {
  const format = await formatOf(one);
  const pending = format.read(request, one.atS);
  if (!('check' in pending)) return pending;
  try {
    return await pending.check(stores, one.atS);
  } catch (error) {
    if (error instanceof StoreFault) return unknown('store.down');
    throw error;
  }
}
