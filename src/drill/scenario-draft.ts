// A scenario while it is read: what the options and the file say, one over the other, and where each is to be blamed.
import type { Node } from 'yaml';
import { problemsOf } from '../config/load.ts';
import { type ConfigProblem, Findings } from '../config/problem.ts';
import { DocumentReader } from '../config/read.ts';
import { asSchema, bare, block, leaf, type Values } from '../config/schema/keys.ts';
import { Source } from '../config/source.ts';
import { isWrong, type Reading } from '../config/units.ts';
import { scenarioBlock, scenarioKeys } from './scenario-keys.ts';

/** The keys as written, without defaults, so that one source can stand over another. */
const writtenKeys = bare({ target: leaf('text', '', {}), ...scenarioKeys });
const writtenBlock = block('', writtenKeys, { required: true });

/** What one source says. Units are numbers; what it does not say is undefined. */
export type WrittenScenario = Values<typeof writtenKeys>;
export type ScenarioKey = keyof WrittenScenario;
/** With the defaults where neither source says anything. */
export type WholeScenario = { readonly [K in ScenarioKey]: WrittenScenario[K] };

/** What stands for a file in the problems of the command line. */
export const COMMAND = 'limpet drill';

/** `maxP99` as an option: `--max-p99`. */
export function optionOf(key: string): string {
  return key === 'target' ? 'URL' : `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** One source: its values and what is wrong with it. */
export class Layer {
  readonly findings = new Findings();
  readonly values: WrittenScenario | null;
  readonly reader: DocumentReader;
  readonly #source: Source;
  readonly #name: string;

  constructor(text: string, name: string, env: NodeJS.ProcessEnv) {
    this.#name = name;
    this.#source = new Source(text, env, this.findings);
    this.reader = new DocumentReader(this.#source, this.findings, noFiles, () => null);
    const root = this.#source.unreadable ? null : (this.#source.document.contents as Node | null);
    if (root === null && !this.#source.unreadable)
      this.findings.error(null, '', 'the file is empty', 'rate: 200');
    // The reader gives what the schema says: its type is the schema's.
    this.values =
      root === null
        ? null
        : ((this.reader.read(asSchema(writtenBlock), root, '') ?? null) as WrittenScenario | null);
  }

  has(key: string): boolean {
    return this.reader.places.has(key);
  }

  problems(): ConfigProblem[] {
    const problems = problemsOf(this.findings, this.#source, this.#name);
    if (this.#name !== COMMAND) return problems;
    return problems.map((problem) => {
      const path = problem.path === '' ? '' : optionOf(problem.path.replace(/\[\d+\]$/, ''));
      return { ...problem, path, line: 0, column: 0, excerpt: null };
    });
  }
}

function noFiles(): never {
  throw new Error('a scenario names no secret, certificate or page');
}

/** Both sources while they are made into a scenario: the values that hold, and where to blame them. */
export class ScenarioDraft {
  readonly values: WholeScenario;
  readonly #layers: readonly Layer[];

  /** The first layer stands over the others. */
  constructor(layers: readonly Layer[]) {
    this.#layers = layers;
    const merged: Record<string, unknown> = { ...layers[0]!.reader.defaultsWithin(scenarioBlock) };
    for (const layer of [...layers].reverse()) {
      for (const [key, value] of Object.entries(layer.values ?? {})) if (layer.has(key)) merged[key] = value;
    }
    this.values = merged as WholeScenario; // the keys and values of one schema, merged key by key
  }

  /** Whether the key is written anywhere. */
  has(key: ScenarioKey): boolean {
    return this.#layers.some((layer) => layer.has(key));
  }

  blame(key: ScenarioKey, message: string, hint = '', path: string = key): void {
    const layer = this.#layers.find((one) => one.has(key)) ?? this.#layers[0]!;
    layer.findings.error(layer.reader.places.value(path), path, message, hint);
  }

  /** Reads the text of a key; null where there is none, or where it is wrong and blamed. */
  parse<T>(key: ScenarioKey, parse: (text: string) => Reading<T>): T | null {
    const text = this.values[key];
    return typeof text === 'string' ? this.#sound(key, key, parse(text)) : null;
  }

  /** The same for each item of a list; null where the key is not written. What is wrong is left out and blamed. */
  parseAll<T>(key: ScenarioKey, parse: (text: string) => Reading<T>): T[] | null {
    const list = this.values[key];
    if (!Array.isArray(list)) return null;
    return list.flatMap((text: unknown, i) => {
      const value = this.#sound(key, `${key}[${i}]`, parse(String(text)));
      return value === null ? [] : [value];
    });
  }

  #sound<T>(key: ScenarioKey, path: string, reading: Reading<T>): T | null {
    if (!isWrong(reading)) return reading.value;
    this.blame(key, reading.wrong, reading.right, path);
    return null;
  }
}
