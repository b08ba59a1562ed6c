// `limpet explain`: says what would become of a request, without sending it anywhere.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findConfigFile, loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/print.ts';
import { explain } from '../proxy/explain.ts';
import type { Explanation } from '../proxy/explanation.ts';
import { openSessions } from '../session/open-session.ts';
import type { CommandIo } from './command-io.ts';

export const HELP = `limpet explain [-c FILE] [--json] METHOD URL [-H 'Name: value']...

Decides about a request as the running proxy would, and says each step. Forwards nothing;
where a session is checked, its store is asked.

  -c, --config FILE     the config; default ./limpet.yaml, then config/limpet.yaml
  -H, --header 'N: v'   a field of the request; may be given again
      --json            the decision as JSON on stdout

Exit code: 0 it would be answered or forwarded, 1 refused, or the config is not sound.
`;

/** Runs the command; 0 or 1, the exit code. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c' },
      header: { type: 'string', short: 'H', multiple: true },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const [method, url] = positionals;
  if (method === undefined || url === undefined || positionals.length > 2) {
    io.stderr(
      'limpet explain: a method and a URL are needed\n  would be right: limpet explain GET http://localhost/\n',
    );
    return 1;
  }
  if ([method, url, ...(values.header ?? [])].some((part) => /[\r\n]/.test(part))) {
    io.stderr(
      'limpet explain: a line break would begin another field\n  would be right: one -H for each field\n',
    );
    return 1;
  }
  const headers: [string, string][] = [];
  for (const line of values.header ?? []) {
    const colon = line.indexOf(':');
    if (colon < 1) {
      io.stderr(
        `limpet explain: the field ${JSON.stringify(line)} has no name and colon\n  would be right: -H 'Name: value'\n`,
      );
      return 1;
    }
    headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  const file = values.config ?? findConfigFile(io.cwd) ?? 'limpet.yaml';
  const { config, problems } = loadConfig(resolve(io.cwd, file), io.env);
  if (config === null) {
    const named = problems.map((problem) => ({ ...problem, file }));
    io.stderr(formatProblems(named, { color: io.color ?? false }));
    return 1;
  }
  const sessions = await openSessions(config);
  const explanation = await explain(config, { method, url, headers }, sessions);
  await Promise.all(sessions.map((session) => session.close()));
  io.stdout(values.json ? `${JSON.stringify(explanation, null, 2)}\n` : inWords(explanation));
  return explanation.ok ? 0 : 1;
}

function inWords(explanation: Explanation): string {
  return explanation.steps.map(({ step, text }) => `${step.padEnd(9)}${text}\n`).join('');
}
