// Knows in which block each key belongs, so that a key in the wrong place is told the right one.
import { asSchema } from './schema/keys.ts';
import type { KeySchema } from './schema/meta.ts';
import { configSchema } from './schema/root.ts';

/** Where a key that is unknown in its block belongs: up to two places; null when it is known nowhere. */
export function belongsTo(key: string): string | null {
  const places: string[] = [];
  collect(asSchema(configSchema), '', key, places);
  const nearFirst = places.sort((a, b) => a.length - b.length).slice(0, 2);
  if (nearFirst.length === 0) return null;
  return nearFirst[0] === key
    ? `\`${key}\` stands at the top of the config`
    : `\`${key}\` is known as ${nearFirst.join(' or ')}`;
}

function collect(schema: KeySchema, path: string, key: string, places: string[]): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const inner = path === '' ? name : `${path}.${name}`;
    if (name === key && !places.includes(inner)) places.push(inner);
    collect(property, inner, key, places);
  }
  for (const shape of schema.anyOf ?? []) collect(shape, path, key, places);
  if (schema.items !== undefined) collect(schema.items, `${path}[]`, key, places);
  if (schema.additionalProperties) collect(schema.additionalProperties, `${path}.NAME`, key, places);
}
