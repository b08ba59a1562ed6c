// `limpet schema`: the JSON Schema of the config, with which editors complete and check the YAML.
import { parseArgs } from 'node:util';
import { jsonSchema } from '../config/schema/json-schema.ts';
import type { CommandIo } from './command-io.ts';

export const HELP = `limpet schema

Prints the JSON Schema of the config. Editors with a YAML language server read it from a first line such as
  # yaml-language-server: $schema=limpet.schema.json
`;

/** Runs the command; 0, the exit code. Throws what parseArgs throws for options it does not know. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { help: { type: 'boolean', short: 'h' } } });
  io.stdout(values.help ? HELP : `${JSON.stringify(jsonSchema(), null, 2)}\n`);
  return 0;
}
