// From a file to a Config, or to everything that is wrong with it, in one go.
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Node } from 'yaml';
import type { Config } from './config.ts';
import { belongsTo } from './elsewhere.ts';
import { excerptOf } from './excerpt.ts';
import { type ConfigProblem, Findings } from './problem.ts';
import { DocumentReader } from './read.ts';
import { resolveConfig } from './resolve.ts';
import { asSchema } from './schema/keys.ts';
import { configSchema, type ReadConfig } from './schema/root.ts';
import { CONFIG_BYTES_MAX, Source } from './source.ts';
import { type FileReader, whyUnread } from './special.ts';
import { visible } from './units.ts';

/** What came of loading. `config` is null when any problem is an error; warnings leave it whole. */
export interface LoadResult {
  readonly config: Config | null;
  /** In the order of the file. */
  readonly problems: readonly ConfigProblem[];
  /** Secrets and pages that were read beside it, or looked for, as they are named; certificates are not among them. */
  readonly files?: readonly string[];
  /** A text about the config, without what came from the environment and from files of secrets: for whoever may not see those. */
  readonly redact?: (text: string) => string;
}

/**
 * Loads a config file of at most 1 MiB. Secrets, certificates and pages are read relative to it. Never throws for what the
 * file, the environment or the files beside it hold.
 */
export function loadConfig(file: string, env: NodeJS.ProcessEnv): LoadResult {
  const text = readConfigText(file, 'limpet.yaml here, or -c FILE');
  if (typeof text !== 'string') return { config: null, problems: [text] };
  return loadConfigAs(text, file, env);
}

/** The same for a text that might come to stand in `file`, which is not read itself. */
export function loadConfigAs(text: string, file: string, env: NodeJS.ProcessEnv): LoadResult {
  return loadConfigText(text, file, env, filesBeside(file));
}

/** Loads `file`, or in its stead a text that might come to stand in it. */
export type ConfigLoader = (text?: string) => LoadResult;

/** Loads one file again and again. */
export function configLoader(file: string, env: NodeJS.ProcessEnv): ConfigLoader {
  return (text) => (text === undefined ? loadConfig(file, env) : loadConfigAs(text, file, env));
}

/** The text of a file of at most 1 MiB, or why it cannot be had; `instead` says which file would be right where there is none. */
export function readConfigText(file: string, instead: string): string | ConfigProblem {
  try {
    return readBounded(file, CONFIG_BYTES_MAX);
  } catch (error) {
    const large = error instanceof RangeError;
    const message = large
      ? `the file has more than ${CONFIG_BYTES_MAX} bytes`
      : `the file ${whyUnread(error)}`;
    return ofWholeFile(file, message, large ? 'a smaller file' : instead);
  }
}

/** The same for a text; `files` reads what it names. Touches nothing else. */
export function loadConfigText(
  text: string,
  file: string,
  env: NodeJS.ProcessEnv,
  files: FileReader,
): LoadResult {
  const findings = new Findings();
  const source = new Source(text, env, findings);
  const named: string[] = [];
  const config = source.unreadable ? null : readConfig(source, file, findings, files, named);
  return {
    config: findings.failed ? null : config,
    problems: problemsOf(findings, source, file),
    files: named,
    redact: (text) => source.redact(text),
  };
}

/** What was found in a text, each with its line and column, in the order of the file. */
export function problemsOf(findings: Findings, source: Source, file: string): ConfigProblem[] {
  const problems = findings.list.map((finding): ConfigProblem => {
    const { severity, span, path, message, hint } = finding;
    const { line, column } = place(source, span?.start);
    return {
      severity,
      file,
      line,
      column,
      // Whatever is quoted of the file, keys included, is for terminals and logs.
      path: visible(path),
      message: visible(source.redact(message)),
      hint: visible(source.redact(hint)),
      excerpt: excerptOf(source, span),
    };
  });
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  if (findings.left > 0) problems.push(ofWholeFile(file, `and ${findings.left} more`, ''));
  return problems;
}

function ofWholeFile(file: string, message: string, hint: string): ConfigProblem {
  return { severity: 'error', file, line: 0, column: 0, path: '', message, hint, excerpt: null };
}

/**
 * What a file says as far as it can be read, each mistake as its default: for who looks for the Limpet that was started with it
 * before somebody began to edit it. `config` is null only where the file cannot be read at all, or is no YAML.
 */
export function loadDespiteMistakes(file: string, env: NodeJS.ProcessEnv): LoadResult {
  const text = readConfigText(file, 'limpet.yaml here, or -c FILE');
  if (typeof text !== 'string') return { config: null, problems: [text] };
  const findings = new Findings();
  const source = new Source(text, env, findings);
  const files = filesBeside(file);
  const config = source.unreadable ? null : readConfig(source, file, findings, files);
  return { config, problems: problemsOf(findings, source, file) };
}

/** The config file that is meant when none is named: `limpet.yaml`, then `config/limpet.yaml`, in `cwd`; null for neither. */
export function findConfigFile(cwd: string): string | null {
  for (const name of ['limpet.yaml', join('config', 'limpet.yaml')]) {
    if (statSync(join(cwd, name), { throwIfNoEntry: false })?.isFile()) return name;
  }
  return null;
}

/** `named`: gets the files that secrets and pages are in. */
function readConfig(
  source: Source,
  file: string,
  findings: Findings,
  files: FileReader,
  named: string[] = [],
): Config | null {
  const root = source.document.contents as Node | null;
  if (root === null) {
    findings.error(null, '', 'the file is empty', 'listen: 8080, and upstreams: [http://127.0.0.1:3000]');
    return null;
  }
  const noted = (path: string, bytesMax: number): string => {
    if (!named.includes(path)) named.push(path);
    return files(path, bytesMax);
  };
  const reader = new DocumentReader(source, findings, noted, belongsTo);
  const read = reader.read(asSchema(configSchema), root, '');
  // A document that is no map has no keys to look at; that is found already.
  if (read === undefined) return null;
  // The reader gives what the schema says, its type is the schema's; values that could not be read are left out and found.
  const draft = { read: read as ReadConfig, reader, places: reader.places, findings, files };
  return resolveConfig(draft, file);
}

/** Reads what a config names relative to itself. */
function filesBeside(file: string): FileReader {
  const folder = dirname(file);
  return Object.assign((path: string, bytesMax: number) => readBounded(resolve(folder, path), bytesMax), {
    list: (path: string) => listFolder(resolve(folder, path)),
  });
}

/** Names in a folder; those of folders end with `/`. Throws what `fs` throws. */
export function listFolder(path: string): string[] {
  return readdirSync(path).map((name) => {
    // What a link leads to counts, and one that leads nowhere is left to be found by who reads it.
    const isFolder = statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isFolder ? `${name}/` : name;
  });
}

function place(source: Source, offset: number | undefined): { line: number; column: number } {
  if (offset === undefined) return { line: 0, column: 0 };
  const { line, col } = source.lines.linePos(offset);
  return line === 0 ? { line: 1, column: 1 } : { line, column: col };
}

/** The text of a file of at most `bytesMax` bytes; a RangeError beyond that. Reads no further, since a pipe or a device says no size. */
export function readBounded(path: string, bytesMax: number): string {
  const descriptor = openSync(path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(bytesMax + 1);
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, null);
      length += count;
      if (length > bytesMax) throw new RangeError(path);
      if (count === 0) return new TextDecoder().decode(bytes.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}
