// `limpet check`: says whether a config is sound, and everything that is wrong with it.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { findConfigFile, loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/print.ts';
import type { CommandIo } from './command-io.ts';

export const HELP = `limpet check [-c FILE] [--json]

Checks the config and prints all that is wrong with it, and what is doubtful. Starts nothing.

  -c, --config FILE  the config; default ./limpet.yaml, then config/limpet.yaml
      --json         the problems as JSON on stdout

Exit code: 0 sound (also with warnings), 1 not.
`;

/** Runs the command; 0 or 1, the exit code. Throws what parseArgs throws for options it does not know. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      config: { type: 'string', short: 'c' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const file = values.config ?? findConfigFile(io.cwd) ?? 'limpet.yaml';
  const { config, problems } = at(loadConfig(resolve(io.cwd, file), io.env), file);
  if (values.json) {
    io.stdout(`${JSON.stringify({ file, ok: config !== null, problems }, null, 2)}\n`);
  } else {
    const color = io.color ?? false;
    io.stderr(formatProblems(problems, { color }));
    if (config !== null) io.stdout(`${file}: ok (${summary(config)})\n`);
  }
  return config === null ? 1 : 0;
}

/** The result with the file as it was named, which is how its reader knows it. */
function at<T extends ReturnType<typeof loadConfig>>(result: T, file: string): T {
  return { ...result, problems: result.problems.map((problem) => ({ ...problem, file })) };
}

/** `2 listeners, 1 route, 3 upstreams`. */
export function summary(config: Config): string {
  const upstreams = config.pools.reduce((sum, pool) => sum + pool.upstreams.length, 0);
  return [
    count(config.listeners.length, 'listener'),
    count(config.routes.length, 'route'),
    count(upstreams, 'upstream'),
    ...(config.sessions.length === 0 ? [] : [count(config.sessions.length, 'session block')]),
  ].join(', ');
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
