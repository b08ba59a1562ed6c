// What outer shape a schema asks of a YAML node, and what a hint may show in its stead.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { KeySchema, Meta } from './schema/meta.ts';

/** True when a node has the outer shape that a schema asks for. */
export function fits(schema: KeySchema, node: Node): boolean {
  const kind = schema['x-limpet'].kind;
  if (kind === 'block' || kind === 'map') return isMap(node);
  if (kind === 'list') return isSeq(node);
  if (kind === 'off') return isScalar(node) && node.value === false;
  if (kind === 'either') return (schema.anyOf ?? []).some((shape) => fits(shape, node));
  if (kind === 'secret')
    return isScalar(node) || (isMap(node) && node.items.length === 1 && node.has('file'));
  if (kind === 'choice') return isScalar(node) && typeof node.value !== 'boolean';
  return isScalar(node);
}

/** What a key without a value should have. */
export function rightFor(schema: KeySchema): string {
  return schema['x-limpet'].takes === '' && schema.default !== undefined
    ? '{} for its defaults, or leave the key out'
    : takenBy(schema);
}

/** What a key takes. */
export function takenBy(schema: KeySchema): string {
  const { takes } = schema['x-limpet'];
  const block = schema.properties === undefined ? schema.anyOf?.find(hasKeys) : schema;
  const keys = Object.keys(block?.properties ?? {});
  const named = keys.slice(0, KEYS_SHOWN).join(', ') + (keys.length > KEYS_SHOWN ? ', …' : '');
  if (keys.length > 0 && takes.startsWith(A_BLOCK))
    return `${A_BLOCK} (${named})${takes.slice(A_BLOCK.length)}`;
  if (takes !== '') return takes;
  return keys.length === 0 ? A_BLOCK : `${A_BLOCK}: ${named}`;
}

const A_BLOCK = 'a block of keys';
const KEYS_SHOWN = 8;

function hasKeys({ properties }: KeySchema): boolean {
  return properties !== undefined;
}

/** Something that may stand for a key, for hints. */
export function exampleOf(schema: KeySchema): string {
  const examples: Partial<Record<Meta['kind'], string>> = {
    bind: '8080',
    address: 'http://127.0.0.1:3000',
    redirect: 'https://example.com{path}{query}',
    hashOn: 'address',
    cookieName: 'session_id',
    secret: '${SECRET}',
    list: '[…]',
    block: '{ … }',
  };
  const kind = schema['x-limpet'].kind;
  if (kind === 'list' && schema.items !== undefined) return `[${exampleOf(schema.items)}]`;
  if (kind === 'either' && schema.anyOf?.[0] !== undefined) return exampleOf(schema.anyOf[0]);
  return examples[kind] ?? '…';
}
