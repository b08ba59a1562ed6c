// The words the schema is written in: one builder for each kind of key, giving TypeBox schemas whose type is the value read.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import type { TUnsafe } from 'typebox';
import Type from 'typebox';
import type { ErrorPage } from '../config.ts';
import type { Wrong } from '../units.ts';
import { LEAF_JSON, leafTakes } from './leaf-schema.ts';
import type { KeySchema, Leaf, LeafValues, Meta, Special, SpecialValues } from './meta.ts';

/** A key's schema. Its static type is what the reader gives: units are numbers, addresses are taken apart. */
export type Key<T> = TUnsafe<T>;

/** A key that is left out has its default; without one it is undefined, unless it is required. */
export interface Options {
  readonly default?: unknown;
  readonly required?: true;
}

type Given<O, T> = O extends { default: unknown } | { required: true } ? T : T | undefined;

interface LeafOptions extends Options {
  readonly min?: number;
  readonly max?: number;
  readonly words?: Readonly<Record<string, number>>;
  readonly takes?: string;
  readonly json?: Readonly<Record<string, unknown>>;
}

function make<T>(json: Readonly<Record<string, unknown>>, meta: Meta, options: Options): Key<T> {
  const sentences = [meta.meaning];
  if (meta.takes !== '') sentences.push(`Takes ${meta.takes}.`);
  if (options.default !== undefined) sentences.push(`Default: ${written(options.default)}.`);
  return Type.Unsafe<T>({
    ...json,
    ...(meta.meaning === '' ? {} : { description: sentences.join(' ') }),
    ...(options.default === undefined ? {} : { default: options.default }),
    'x-limpet': options.required ? { ...meta, required: true } : meta,
  });
}

/** A default as one would write it in YAML. */
export function written(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(written).join(', ');
  return Object.keys(value).length === 0 ? 'on, with the defaults of its keys' : JSON.stringify(value);
}

/** A scalar of the named kind. */
export function leaf<K extends Leaf, const O extends LeafOptions>(
  kind: K,
  meaning: string,
  options: O,
): Key<Given<O, LeafValues[K]>> {
  const { min, max, words, json = {} } = options;
  const bounds = {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(words === undefined ? {} : { words }),
  };
  const inEditor: Record<string, unknown> = { ...LEAF_JSON[kind], ...json };
  // Editors of YAML 1.1 read `off` as false, and people write either.
  if (words !== undefined) inEditor.type = [inEditor.type, 'string', 'boolean'].flat();
  const takes = options.takes ?? leafTakes(kind, bounds);
  return make(inEditor, { kind, takes, meaning, ...bounds }, options);
}

/** One of a few words. */
export function choice<
  const V extends string,
  const O extends Options & { readonly refused?: Readonly<Record<string, Wrong>> },
>(meaning: string, values: readonly V[], options: O): Key<Given<O, V>> {
  const takes = values.map((value) => `\`${value}\``).join(', ');
  const refused = options.refused === undefined ? {} : { refused: options.refused };
  return make({ enum: values }, { kind: 'choice', takes, meaning, ...refused }, options);
}

/** A secret: written, from the environment, or `{ file: path }`. Never printed. */
export function secret<const O extends Options>(meaning: string, options: O): Key<Given<O, string>> {
  return special('secret', meaning, 'a text, `${ENV}` or `{ file: path }`', options);
}

/** A PEM file, named by its path. */
export function pem<const O extends Options>(meaning: string, options: O): Key<Given<O, string>> {
  return special('pem', meaning, 'the path of a PEM file, relative to the config', options);
}

/** An own page: `file.html`, `{ json }`, `{ html }` or `{ text }`. */
export function page<const O extends Options>(meaning: string, options: O): Key<Given<O, ErrorPage>> {
  const takes =
    'the path of a `.html`, `.json` or `.txt` file, `{ html: text }`, `{ text: text }` or `{ json: value }`';
  return special('page', meaning, takes, options);
}

/** A file of addresses and CIDR blocks, named by its path. */
export function addressFile<const O extends Options>(meaning: string, options: O): Key<Given<O, string>> {
  return special('addressFile', meaning, 'the path of a file, relative to the config', options);
}

function special<K extends Special, const O extends Options>(
  kind: K,
  meaning: string,
  takes: string,
  options: O,
): Key<Given<O, SpecialValues[K]>> {
  const forms: Record<Special, readonly string[]> = {
    secret: ['file'],
    pem: [],
    page: ['html', 'text', 'json'],
    addressFile: [],
  };
  const objects = forms[kind].map((name) => ({
    type: 'object',
    properties: { [name]: name === 'json' ? {} : { type: 'string' } },
    required: [name],
    additionalProperties: false,
  }));
  const json = objects.length === 0 ? { type: 'string' } : { anyOf: [{ type: 'string' }, ...objects] };
  return make(json, { kind, takes, meaning }, options);
}

/** A list of `min` to `max` items; with `single` one item may be written without the brackets. */
export function list<T, const O extends Options & { min?: number; max?: number; single?: true }>(
  meaning: string,
  item: Key<T>,
  options: O,
): Key<Given<O, NonNullable<T>[]>> {
  const { min = 0, max = 1000, single = false } = options;
  const bounds = { items: item, minItems: min, maxItems: max };
  const json = single ? { ...bounds, anyOf: [item, { type: 'array' }] } : { ...bounds, type: 'array' };
  const takes = `${single ? 'one or a list' : 'a list'}, each ${takesOf(item)}`;
  return make(json, { kind: 'list', takes, meaning, min, max, single }, options);
}

/** A map of names to one kind of value. */
export function map<T, const O extends Options & { keys: Leaf; max?: number }>(
  meaning: string,
  value: Key<T>,
  options: O,
): Key<Given<O, Record<string, NonNullable<T>>>> {
  const { keys, max = 1000 } = options;
  return make(
    { type: 'object', additionalProperties: value },
    { kind: 'map', takes: '', meaning, keys, max },
    options,
  );
}

/** What a block of keys is read to. */
export type Values<P> = { readonly [K in keyof P]: P[K] extends Key<infer T> ? T : never };

/** A map with fixed keys. */
export function block<P extends Record<string, Key<unknown>>, const O extends Options>(
  meaning: string,
  keys: P,
  options: O,
): Key<Given<O, Values<P>>> {
  const required = Object.keys(keys).filter((key) => asSchema(keys[key]!)['x-limpet'].required);
  const json = {
    type: 'object',
    properties: keys,
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
  };
  return make(json, { kind: 'block', takes: '', meaning }, options);
}

/** The same keys without their defaults: what is left out is undefined, so that it can be inherited. */
export function bare<P extends Record<string, Key<unknown>>>(
  keys: P,
): { readonly [K in keyof P]: Key<(P[K] extends Key<infer T> ? T : never) | undefined> } {
  const entries = Object.entries(keys).map(([name, key]) => {
    const { default: inherited, ...rest } = asSchema(key);
    const meta = rest['x-limpet'] as Meta;
    const takes = meta.takes === '' ? '' : ` Takes ${meta.takes}.`;
    const description = `${meta.meaning}${takes} Inherited when left out.`;
    return [name, { ...rest, description, 'x-limpet': { ...meta, inherited } }];
  });
  // The entries are those of `keys`, so the mapped type holds; Object.fromEntries cannot say it.
  return Object.fromEntries(entries) as never;
}

/** The same key, which may not be left out. */
export function needed<T>(key: Key<T>): Key<NonNullable<T>> {
  const schema = asSchema(key);
  return Type.Unsafe<NonNullable<T>>({ ...schema, 'x-limpet': { ...schema['x-limpet'], required: true } });
}

/** The same key with another meaning. */
export function meaning<T>(key: Key<T>, text: string): Key<T> {
  const schema = asSchema(key);
  return Type.Unsafe<T>({
    ...schema,
    description: text,
    'x-limpet': { ...schema['x-limpet'], meaning: text },
  });
}

/** A block that may be set to `false`: off. */
export function offable<T, const O extends Options>(
  meaning: string,
  on: Key<T>,
  options: O,
): Key<Given<O, NonNullable<T> | false>> {
  const off = make<false>({ const: false }, { kind: 'off', takes: '`false`', meaning: '' }, {});
  return either(meaning, [on as Key<NonNullable<T>>, off], options);
}

/** One of several shapes, told apart by whether they are scalars, lists or maps. */
export function either<T extends readonly Key<unknown>[], const O extends Options>(
  meaning: string,
  shapes: T,
  options: O,
): Key<Given<O, NonNullable<T[number] extends Key<infer V> ? V : never>>> {
  const takes = shapes
    .map(takesOf)
    .filter((text) => text !== '')
    .join(', or ');
  return make({ anyOf: shapes }, { kind: 'either', takes, meaning }, options);
}

function takesOf(key: Key<unknown>): string {
  const { kind, takes } = asSchema(key)['x-limpet'];
  return kind === 'block' || kind === 'map' ? 'a block of keys' : takes;
}

/** A key as what it is made of. Every Key is made by `make`, so the cast holds. */
export function asSchema(key: Key<unknown>): KeySchema {
  return key as unknown as KeySchema;
}
