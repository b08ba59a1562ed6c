// The config's schema as plain JSON Schema, for editors and other tools.
import { configSchema } from './root.ts';

/** JSON Schema, draft 2020-12. What only Limpet's own reader needs is left out. */
export function jsonSchema(): Record<string, unknown> {
  const bare = JSON.parse(
    JSON.stringify(configSchema, (key, value) => (key === 'x-limpet' ? undefined : value)),
  );
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Limpet', ...bare };
}
