// `limpet sessions lift`: takes a revocation back.
import { parseArgs } from 'node:util';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling, UsageError } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { shown } from './table.ts';

export const HELP = `limpet sessions lift ID [--admin URL] [--json]

Takes back the revocation with this id, as \`limpet sessions list\` tells it. What has not ended meanwhile lives again.

${ADMIN_HELP}
Exit code: 0 lifted, 1 not.
`;

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  return telling('sessions lift', io, async () => {
    const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    const [id] = positionals;
    if (id === undefined || id === '' || positionals.length > 1)
      throw new UsageError('one id of a revocation is needed', 'limpet sessions list tells them');
    await adminOf(values.admin, io).change('DELETE', `/api/v1/revocations/${encodeURIComponent(id)}`);
    print(io, values.json, { lifted: id }, () => `lifted ${shown(id)}\n`);
    return 0;
  });
}
