// Walks a YAML document along the schema: gives typed values with all defaults, and collects whatever is wrong with its place.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';
import { invariant } from '../base/invariant.ts';
import { readLeaf, type Written } from './leaves.ts';
import { nearest } from './nearest.ts';
import { Places } from './places.ts';
import type { Findings } from './problem.ts';
import { asSchema, type Key } from './schema/keys.ts';
import type { KeySchema, Leaf } from './schema/meta.ts';
import { isSensitiveKey } from './sensitive.ts';
import { exampleOf, fits, rightFor, takenBy } from './shape.ts';
import { coreValue, isPlain, type Source } from './source.ts';
import { type FileReader, readAddressFile, readPage, readPem, readSecret } from './special.ts';
import { isWrong, quote, type Reading, unquoted } from './units.ts';

/** What is read in place of something wrong: the default if there is one, so that the rest can still be checked. */
const NOTHING = undefined;
/** Ends the path of a default while it is read, so that it is taken for no written key. */
const DEFAULT = '\0';
/** Keys of a block that are named beside the place where an unknown one belongs. */
const KEYS_BESIDE_MAX = 8;
/** Deeper than any schema; only a document whose aliases bite their own tail gets there. */
const DEPTH_MAX = 32;

/** Reads one document. */
export class DocumentReader {
  readonly places = new Places();
  readonly #source: Source;
  readonly #findings: Findings;
  readonly #files: FileReader;
  readonly #elsewhere: (key: string) => string | null;
  /** A default is being read, in which nothing can be wrong. */
  #inDefault = false;

  /** `elsewhere` says where a key that is unknown here belongs, or null. */
  constructor(
    source: Source,
    findings: Findings,
    files: FileReader,
    elsewhere: (key: string) => string | null,
  ) {
    this.#source = source;
    this.#findings = findings;
    this.#files = files;
    this.#elsewhere = elsewhere;
  }

  /** Reads `node` as `schema` says. What is wrong is found, and read as its default. */
  read(schema: KeySchema, node: Node | null, path: string, depth = 0): unknown {
    const meta = schema['x-limpet'];
    if (node !== null && this.#source.broken.has(node)) return this.#unread(schema, path);
    const real = this.#source.resolve(node);
    if (depth > DEPTH_MAX)
      return this.#wrong(schema, node, path, 'this alias stands for something that holds it', '');
    if (real !== null && this.#source.broken.has(real)) return this.#unread(schema, path);
    if (real === null || (isScalar(real) && real.value === null)) {
      return this.#wrong(schema, node, path, 'there is no value here', rightFor(schema));
    }
    switch (meta.kind) {
      case 'block':
        return isMap(real)
          ? this.#block(schema, real, path, depth)
          : this.#mismatch(schema, node, real, path);
      case 'map':
        return isMap(real) ? this.#map(schema, real, path, depth) : this.#mismatch(schema, node, real, path);
      case 'list':
        return this.#list(schema, node, real, path, depth);
      case 'either':
        return this.#either(schema, node, real, path, depth);
      case 'off':
        return isScalar(real) && real.value === false ? false : this.#mismatch(schema, node, real, path);
      case 'choice':
        return this.#choice(schema, node, real, path);
      case 'secret': {
        this.#source.hideScalars(node);
        const reading = readSecret(real, this.#source, this.#files);
        if (!isWrong(reading)) this.#source.hide(reading.value, '***');
        return this.#special(schema, node, path, reading);
      }
      case 'pem':
        return this.#special(schema, node, path, readPem(real, this.#files));
      case 'addressFile':
        return this.#special(schema, node, path, readAddressFile(real, this.#files));
      case 'page':
        return this.#special(schema, node, path, readPage(real, this.#source, this.#files));
      default:
        return this.#leaf(schema, meta.kind, node, real, path);
    }
  }

  /** What a key is read to when it is left out. */
  defaults<T>(key: Key<T>): T {
    // The schema's type is that of what is read from it, and its defaults are sound (a test reads them all).
    return this.fallback(asSchema(key), '') as T;
  }

  /** What the keys of a block are read to when all are left out; the required ones are undefined. */
  defaultsWithin<T>(key: Key<T>): NonNullable<T> {
    const entries = Object.entries(asSchema(key).properties ?? {}).map(([name, property]) => [
      name,
      this.fallback(property, ''),
    ]);
    // As above; what is required is the caller's to fill in.
    return Object.fromEntries(entries) as NonNullable<T>;
  }

  /** The default of a key as read, or nothing. */
  fallback(schema: KeySchema, path: string): unknown {
    if (schema.default === undefined) return NOTHING;
    const before = this.#inDefault;
    this.#inDefault = true;
    try {
      return this.read(schema, this.#source.document.createNode(schema.default) as Node, `${path}${DEFAULT}`);
    } finally {
      this.#inDefault = before;
    }
  }

  #block(schema: KeySchema, node: YAMLMap, path: string, depth: number): Record<string, unknown> {
    const properties = schema.properties ?? {};
    const values: Record<string, unknown> = {};
    const written = this.#pairs(node, path);
    for (const [name, pair] of written) {
      if (!Object.hasOwn(properties, name)) this.#unknown(name, pair, properties, path);
    }
    for (const [name, property] of Object.entries(properties)) {
      const pair = written.get(name);
      const inner = path === '' ? name : `${path}.${name}`;
      if (pair !== undefined) {
        this.#place(inner, pair.key as Node, (pair.value ?? pair.key) as Node);
        values[name] = this.read(property, pair.value as Node | null, inner, depth + 1);
      } else if (property['x-limpet'].required) {
        if (this.places.isUnread(inner)) continue;
        const right = `${name}: ${exampleOf(property)}`;
        this.#findings.error(this.#source.spanOf(node), path, `\`${name}\` is missing`, right);
      } else {
        values[name] = this.fallback(property, inner);
      }
    }
    return values;
  }

  #map(schema: KeySchema, node: YAMLMap, path: string, depth: number): Record<string, unknown> {
    const meta = schema['x-limpet'];
    const entries: [string, unknown][] = [];
    const written = this.#pairs(node, path);
    if (written.size > (meta.max ?? 1000)) {
      this.#findings.error(this.#source.spanOf(node), path, `there are more than ${meta.max} entries`);
    }
    for (const [name, pair] of written) {
      const inner = `${path}.${name}`;
      this.#place(inner, pair.key as Node, (pair.value ?? pair.key) as Node);
      const reading = readLeaf(meta.keys ?? 'text', { value: name, text: name }, meta, {});
      if (isWrong(reading)) {
        this.#findings.error(this.#source.spanOf(pair.key as Node), path, reading.wrong, reading.right);
      }
      const value = this.read(
        schema.additionalProperties as KeySchema,
        pair.value as Node | null,
        inner,
        depth + 1,
      );
      if (value !== NOTHING) entries.push([name, value]);
    }
    return Object.fromEntries(entries);
  }

  #list(schema: KeySchema, node: Node | null, real: Node, path: string, depth: number): unknown {
    const { min = 0, max = 1000, single = false } = schema['x-limpet'];
    const item = schema.items as KeySchema;
    if (!isSeq(real)) {
      if (!single || (isMap(real) && item['x-limpet'].kind !== 'secret'))
        return this.#mismatch(schema, node, real, path);
      const alone = this.read(item, node, path, depth + 1);
      return alone === NOTHING ? this.fallback(schema, path) : [alone];
    }
    if (real.items.length < min || real.items.length > max) {
      const few = real.items.length < min;
      const what = few
        ? real.items.length === 0
          ? 'the list is empty'
          : `the list has fewer than ${min} items`
        : `the list has more than ${max} items`;
      this.#findings.error(this.#source.spanOf(node), path, what, few ? `[${exampleOf(item)}]` : '');
    }
    const values: unknown[] = [];
    real.items.slice(0, max).forEach((entry, i) => {
      const inner = `${path}[${i}]`;
      this.#place(inner, entry as Node, entry as Node);
      const value = this.read(item, entry as Node, inner, depth + 1);
      // The index of an item is part of its path, so what is wrong leaves a hole that is closed after all checks.
      values.push(value);
    });
    return values;
  }

  #either(schema: KeySchema, node: Node | null, real: Node, path: string, depth: number): unknown {
    const shapes = schema.anyOf ?? [];
    const fitting = shapes.filter((shape) => fits(shape, real));
    // Whatever else takes a scalar, `false` is off where there is an off.
    const first = fitting.find((shape) => shape['x-limpet'].kind === 'off') ?? fitting[0];
    if (first === undefined) return this.#mismatch(schema, node, real, path);
    const value =
      first['x-limpet'].kind === 'choice'
        ? this.#choice(first, node, real, path, shapes.flatMap(switchWords))
        : this.read(first, node, path, depth + 1);
    return value === NOTHING ? this.fallback(schema, path) : value;
  }

  /** `others`: what could stand here beside the words of the choice. */
  #choice(
    schema: KeySchema,
    node: Node | null,
    real: Node,
    path: string,
    others: readonly string[] = [],
  ): unknown {
    const words = schema.enum ?? [];
    const text = isScalar(real) ? this.#written(real).text : null;
    if (text === null) return this.#mismatch(schema, node, real, path);
    if (words.includes(text)) return text;
    const { refused: known = {} } = schema['x-limpet'];
    const refused = Object.hasOwn(known, text) ? known[text] : undefined;
    if (refused !== undefined) return this.#wrong(schema, node, path, refused.wrong, refused.right);
    const likely = nearest(text, words);
    const all = [...words, ...others].join(', ');
    return this.#wrong(schema, node, path, `${this.#shown(real, text)} is not one of ${all}`, likely ?? all);
  }

  #leaf(schema: KeySchema, kind: Leaf, node: Node | null, real: Node, path: string): unknown {
    if (!isScalar(real)) return this.#mismatch(schema, node, real, path);
    const limits = schema as { minLength?: number; maxLength?: number };
    const reading = readLeaf(kind, this.#written(real), schema['x-limpet'], limits);
    if (!isWrong(reading)) return reading.value;
    // A value of the environment is not shown, so neither is a message that may quote it.
    const secret = this.#source.fromEnvironment.has(real);
    const wrong = secret ? `${this.#shown(real, '')} is not ${schema['x-limpet'].takes}` : reading.wrong;
    return this.#wrong(schema, node, path, wrong, secret ? schema['x-limpet'].takes : reading.right);
  }

  #special(schema: KeySchema, node: Node | null, path: string, reading: Reading<unknown>): unknown {
    return isWrong(reading) ? this.#wrong(schema, node, path, reading.wrong, reading.right) : reading.value;
  }

  #mismatch(schema: KeySchema, node: Node | null, real: Node, path: string): unknown {
    const is = isMap(real)
      ? 'a block of keys'
      : isSeq(real)
        ? 'a list'
        : this.#shown(real, this.#written(real as Scalar).text);
    return this.#wrong(schema, node, path, `${is} cannot stand here`, takenBy(schema));
  }

  #wrong(schema: KeySchema, node: Node | null, path: string, message: string, hint: string): unknown {
    invariant(!this.#inDefault, `the default of ${path.slice(0, -1)} is sound: ${message}`);
    const span = this.#source.spanOf(node) ?? this.places.key(path);
    this.#findings.error(span, path, message, hint);
    return this.#unread(schema, path);
  }

  /** Something stands in for what could not be read. */
  #unread(schema: KeySchema, path: string): unknown {
    this.places.markUnread(path);
    return this.fallback(schema, path);
  }

  #unknown(name: string, pair: Pair, properties: Readonly<Record<string, KeySchema>>, path: string): void {
    const key = this.#source.spanOf(pair.key as Node);
    const likely = this.#findings.full ? null : nearest(name, Object.keys(properties));
    if (likely !== null && (isSensitiveKey(likely) || takesSecret(properties[likely]!)))
      this.#source.hideScalars(pair.value as Node | null);
    const belongs = likely === null && !this.#findings.full ? this.#elsewhere(name) : null;
    // What was meant is not missing too.
    if (likely !== null) this.places.markUnread(path === '' ? likely : `${path}.${likely}`);
    const known = Object.keys(properties);
    // A word that is known elsewhere may have been meant for this place all the same, as `listen` for `bind`.
    const here = known.length > KEYS_BESIDE_MAX ? '' : `; here it is one of ${known.join(', ')}`;
    const hint = likely ?? (belongs === null ? `one of ${known.join(', ')}` : `${belongs}${here}`);
    this.#findings.error(key, path, `unknown key ${quote(name)}`, hint);
  }

  /** The pairs of a map by the text of their keys; a key that comes twice is blamed, and the first one holds. */
  #pairs(node: YAMLMap, path: string): Map<string, Pair> {
    const pairs = new Map<string, Pair>();
    for (const pair of node.items) {
      const key = pair.key;
      if (!isScalar(key) || isAlias(key)) {
        this.#findings.error(
          this.#source.spanOf(key as Node) ?? this.#source.spanOf(node),
          path,
          'a key must be a plain word',
        );
        continue;
      }
      const name = this.#written(key).text;
      if (pairs.has(name)) {
        this.#findings.error(
          this.#source.spanOf(key),
          path,
          `the key ${quote(name)} is there twice`,
          'each key once',
        );
      } else {
        pairs.set(name, pair);
      }
    }
    return pairs;
  }

  #written(node: Scalar): Written {
    const fromEnvironment = this.#source.fromEnvironment.has(node);
    if (typeof node.value === 'string') {
      const value = fromEnvironment && isPlain(node) ? coreValue(node.value) : node.value;
      return { value, text: node.value };
    }
    return { value: node.value, text: node.source ?? String(node.value) };
  }

  /** A value for a message; what came from the environment is shown as it is written in the file. */
  #shown(node: Node, text: string): string {
    if (!this.#source.fromEnvironment.has(node)) return quote(text);
    const span = this.#source.spanOf(node);
    return span === null
      ? 'the value'
      : `${unquoted(this.#source.text.slice(span.start, span.end))} (of the environment)`;
  }

  #place(path: string, key: Node, value: Node): void {
    this.places.set(path, this.#source.spanOf(key), this.#source.spanOf(value));
  }
}

/** `true` and `false` where a shape takes them. */
function switchWords(shape: KeySchema): string[] {
  const { kind } = shape['x-limpet'];
  if (kind === 'flag') return ['true', 'false'];
  return kind === 'off' ? ['false'] : [];
}

/** Whether what stands there may be a secret, whatever the key is called. */
function takesSecret(schema: KeySchema): boolean {
  if (schema['x-limpet'].kind === 'secret') return true;
  if (schema.items !== undefined && takesSecret(schema.items)) return true;
  return schema.anyOf?.some((shape) => 'x-limpet' in shape && takesSecret(shape)) ?? false;
}
