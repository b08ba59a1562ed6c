// `limpet check`: says whether a config is sound, and everything that is wrong with it.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Config, writtenRoutes } from '../config/config.ts';
import { findConfigFile, loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/print.ts';
import type { CommandIo } from './command-io.ts';
import { checkLive } from './live-checks.ts';
import type { LiveFinding } from './live-finding.ts';
import { table } from './table.ts';

export const HELP = `limpet check [-c FILE] [--live [--cookie COOKIES]] [--json]

Checks the config and prints all that is wrong with it, and what is doubtful. Starts nothing.

  -c, --config FILE  the config; default ./limpet.yaml, then config/limpet.yaml
      --live         also tries what it names, from here: addresses to listen on, names,
                     instances and their health, stores of sessions, key sets
      --cookie C     with --live: the cookies of somebody who is logged in, as a browser
                     shows them (name=value; name=value), to see that the secrets fit;
                     - reads them from stdin, where no shell keeps them
      --json         the problems, and what was tried, as JSON on stdout

Exit code: 0 sound (also with warnings), 1 not, or something that was tried does not work.
`;

/** Runs the command; 0 or 1, the exit code. Throws what parseArgs throws for options it does not know. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      config: { type: 'string', short: 'c' },
      json: { type: 'boolean' },
      live: { type: 'boolean' },
      cookie: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const file = values.config ?? findConfigFile(io.cwd) ?? 'limpet.yaml';
  const { config, problems } = at(loadConfig(resolve(io.cwd, file), io.env), file);
  if (values.cookie !== undefined && !values.live) {
    io.stderr(
      'limpet check: --cookie is tried with --live only\n  would be right: limpet check --live --cookie -\n',
    );
    return 1;
  }
  const cookies = values.cookie === '-' ? ((await io.stdin?.()) ?? '') : (values.cookie ?? null);
  if (cookies !== null && /[\r\n]/.test(cookies)) {
    io.stderr(
      "limpet check: a line break would begin another field\n  would be right: --cookie 'name=value; name=value'\n",
    );
    return 1;
  }
  const live = config !== null && values.live ? await checkLive(config, cookies) : null;
  const ok = config !== null && live?.some((finding) => finding.ok === false) !== true;
  if (values.json) {
    io.stdout(`${JSON.stringify({ file, ok, problems, ...(live === null ? {} : { live }) }, null, 2)}\n`);
  } else {
    const color = io.color ?? false;
    io.stderr(formatProblems(problems, { color }));
    if (config !== null) io.stdout(`${file}: ok (${summary(config)})\n`);
    if (live !== null) io.stdout(liveTable(live));
  }
  return ok ? 0 : 1;
}

/** Failures first: whoever asks wants them. */
function liveTable(live: readonly LiveFinding[]): string {
  const word = ({ ok }: LiveFinding): string => (ok === null ? 'note' : ok ? 'ok' : 'FAILED');
  const failed = live.filter(({ ok }) => ok === false);
  const rows = [...failed, ...live.filter(({ ok }) => ok !== false)];
  const count =
    failed.length === 0 ? 'everything that was tried works' : `${failed.length} of ${live.length} failed`;
  return `\n${table(
    ['', 'tried', 'at', 'what came of it'],
    rows.map((finding) => [word(finding), finding.step, finding.at, finding.text]),
  )}\n${count}\n`;
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
    count(writtenRoutes(config).length, 'route'),
    count(upstreams, 'upstream'),
    ...(config.sessions.length === 0 ? [] : [count(config.sessions.length, 'session block')]),
  ].join(', ');
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
