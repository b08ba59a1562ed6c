// Names of tables and columns as SQL wants them: they come from the config, and are quoted as if they came from an enemy.
import { StoreFault } from '../store.ts';

/** `public.sessions` → `"public"."sessions"`; a dot parts schema and table. */
export function quotedTable(name: string, quote: '"' | '`'): string {
  return name
    .split('.')
    .map((part) => quotedName(part, quote))
    .join('.');
}

/** Throws StoreFault where no database has such a name. */
export function quotedName(name: string, quote: '"' | '`'): string {
  if (name === '' || name.includes('\0') || name.length > 128)
    throw new StoreFault('down', 'sql: a name of a table or column is empty or too long');
  return quote + name.replaceAll(quote, quote + quote) + quote;
}
