// Writes docs/configuration.md from the config's schema, so that the manual says what the program does.
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { asSchema, written } from '../src/config/schema/keys.ts';
import type { KeySchema } from '../src/config/schema/meta.ts';
import { configSchema } from '../src/config/schema/root.ts';

/** Where the manual stands. */
export const docsFile = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

const INTRODUCTION = `# Configuration

<!-- Written by \`node build/configuration-docs.ts\` from the schema in src/config/schema: change it there. -->

One YAML file, \`./limpet.yaml\` or \`config/limpet.yaml\`, or the one named by \`-c\`. The shortest:

\`\`\`yaml
listen: 8080
upstreams: [http://127.0.0.1:3001, http://127.0.0.1:3002]
\`\`\`

\`limpet check\` reads it without starting anything, and says all that is wrong at once: the place, the line, and what would be
right. A mistake never starts a proxy. \`limpet schema\` prints the JSON Schema with which editors complete and check the file.
[config/](../config) holds commented examples.

## Notation

| what | how | |
|---|---|---|
| durations | \`500ms\` \`2s\` \`1.5m\` \`1h\` \`1d\` | a number without a unit is an error, but for 0 |
| sizes | \`100B\` \`16KiB\` \`10MB\` | \`KiB\` is 1024 bytes, \`KB\` 1000 |
| rates | \`240 B/s\` \`1KiB/s\` | |
| shares | \`20%\` | |
| counts | \`100\` \`100k\` \`1M\` | |
| statuses | \`503\` \`200-399\` \`5xx\` | one, or a list |
| the environment | \`\${NAME}\` \`\${NAME:-default}\` | in values; a variable that is missing is an error; \`$\${\` stands for \`\${\` itself |
| secrets | a text, \`\${NAME}\` or \`{ file: path }\` | never printed; a file's last line end is not part of it |
| files | relative to the config file | at most 256KiB |
| off | \`false\` | for a block that says so |

\`listen\` is short for one listener. \`upstreams\`, \`balance\`, \`affinity\`, \`health\`, \`timeouts\` and \`retries\` at the top are those of
pool \`default\`, and may stand beside \`pools\` with others. A key that is unknown, or there twice, is an error.
`;

/** One block of keys, under the path where it is met first. */
interface Section {
  readonly path: string;
  readonly schema: KeySchema;
}

/** The whole manual. */
export function configurationDocs(): string {
  const sections = new Map<unknown, Section>();
  collect(asSchema(configSchema), '', sections);
  const texts = [...sections.values()].map((section) => sectionText(section, sections));
  return `${INTRODUCTION}\n${texts.join('\n')}`;
}

/** Notes each block at or below a key, each once. */
function collect(schema: KeySchema, path: string, sections: Map<unknown, Section>): void {
  const { properties } = schema;
  if (properties !== undefined && !sections.has(properties)) {
    sections.set(properties, { path, schema });
    for (const [name, property] of Object.entries(properties)) {
      collect(property, path === '' ? name : `${path}.${name}`, sections);
    }
  }
  for (const [shape, inner] of partsOf(schema, path)) collect(shape, inner, sections);
}

/** What a key's value may be made of. Shapes without words of their own, such as those of a page, are told in its `takes`. */
function partsOf(schema: KeySchema, path: string): [schema: KeySchema, path: string][] {
  const parts: [KeySchema, string][] = [];
  for (const shape of schema.anyOf ?? []) if (shape['x-limpet'] !== undefined) parts.push([shape, path]);
  if (schema.items !== undefined) parts.push([schema.items, `${path}[]`]);
  if (schema.additionalProperties) parts.push([schema.additionalProperties, `${path}.NAME`]);
  return parts;
}

function sectionText({ path, schema }: Section, sections: ReadonlyMap<unknown, Section>): string {
  const { meaning } = schema['x-limpet'];
  const lines = [path === '' ? '## At the top' : `## \`${path}\``, ''];
  if (meaning !== '' && path !== '') lines.push(meaning, '');
  lines.push('| key | default | takes | meaning |', '|---|---|---|---|');
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const block = blockOf(property, sections);
    const key =
      block === null
        ? `\`${name}\``
        : `[\`${name}\`](#${block.path.toLowerCase().replace(/[^a-z0-9_-]/g, '')})`;
    const cells = [key, defaultOf(property, path), takenBy(property), property['x-limpet'].meaning];
    lines.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}

/** The section with the keys of a value, if it may have some. */
function blockOf(schema: KeySchema, sections: ReadonlyMap<unknown, Section>): Section | null {
  const own = sections.get(schema.properties);
  if (own !== undefined) return own;
  for (const [part] of partsOf(schema, '')) {
    const section = blockOf(part, sections);
    if (section !== null) return section;
  }
  return null;
}

function takenBy(schema: KeySchema): string {
  const { kind, takes } = schema['x-limpet'];
  if (kind === 'map' && schema.additionalProperties)
    return `a map of names, each ${takenBy(schema.additionalProperties)}`;
  return kind === 'block' ? 'a block of keys' : takes;
}

function defaultOf(schema: KeySchema, path: string): string {
  const { required, inherited, kind } = schema['x-limpet'];
  if (required) return '**needed**';
  if (inherited !== undefined && path.startsWith('routes')) return 'inherited';
  const value = schema.default ?? inherited;
  if (value === undefined) return '';
  if (value === '') return 'empty';
  if (kind === 'map') return 'none';
  if (typeof value === 'object' && !Array.isArray(value)) return 'its defaults';
  const text = written(value);
  return text === 'none' ? text : `\`${text}\``;
}

/** True when the manual on disk is the one that the schema says. */
export function isUpToDate(): boolean {
  return readFileSync(docsFile, 'utf8') === configurationDocs();
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(docsFile, configurationDocs());
