// `limpet reload`: has a running Limpet read its config anew, and says what is otherwise by it.
import { parseArgs } from 'node:util';
import { RefusedReload } from '../admin/client.ts';
import type { AppliedReload, RefusedConfig } from '../admin/config-desk.ts';
import { formatProblems } from '../config/print.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';

export const HELP = `limpet reload [--admin URL] [--json]

Has a running Limpet read its config anew. It is in force when this returns, in all workers; or it is refused, and nothing has
changed. What is under way ends under the config that it began with.

${ADMIN_HELP}
Exit code: 0 it is in force, 1 not.
`;

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  return telling('reload', io, async () => {
    const { values } = parseArgs({ args: argv, options: ADMIN_OPTIONS });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    try {
      // As the admin API of the same version answers.
      const told = (await adminOf(values.admin, io).reload()) as AppliedReload;
      print(io, values.json, told, () => inWords(told));
      return 0;
    } catch (error) {
      if (!(error instanceof RefusedReload)) throw error;
      const told = error.told as RefusedConfig | null;
      if (values.json) io.stdout(`${JSON.stringify(told, null, 2)}\n`);
      else if (told !== null && told.problems.length > 0)
        io.stderr(formatProblems(told.problems, { color: io.color ?? false }));
      throw error;
    }
  });
}

function inWords({ result, generation, changes, needsRestart }: AppliedReload): string {
  const lines =
    result === 'applied'
      ? [`reloaded: config ${generation} is in force`, ...changes.map(({ text }) => `  ${text}`)]
      : [`the file says what is in force already: config ${generation}`];
  for (const key of needsRestart) lines.push(`  ${key} is followed after a restart only`);
  return `${lines.join('\n')}\n`;
}
