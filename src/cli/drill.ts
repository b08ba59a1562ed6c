// `limpet drill`: harms an instance under steady load, and says what users noticed of it.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AskError } from '../admin/ask.ts';
import { systemClock } from '../base/clock.ts';
import type { Timers } from '../base/timers.ts';
import { formatProblems } from '../config/print.ts';
import { asSchema, written } from '../config/schema/keys.ts';
import { runDrill } from '../drill/drill.ts';
import type { DrillWorld } from '../drill/drill-world.ts';
import { inWords, progressWords } from '../drill/report.ts';
import { readScenario, type TypedOptions } from '../drill/scenario.ts';
import { optionOf } from '../drill/scenario-draft.ts';
import { KEY_GROUPS, scenarioKeys } from '../drill/scenario-keys.ts';
import type { CommandIo } from './command-io.ts';
import { ProgressLine } from './progress-line.ts';

/** Columns of the help. */
const WIDTH = 110;
const INDENT = 28;

export const HELP = `limpet drill [options] URL

Sends steady load to the proxy at URL, Limpet or any other, by pretended users that keep cookies; harms an
instance behind it; undoes that; and says what failed, for how long, who was moved and which logins were lost.
Requests have their times whatever became of those before them, so a proxy that stalls is charged for all it
held up. For \`limpet demo\`, the URL alone does: an app is killed, and revived.

  limpet drill http://127.0.0.1:8080
  limpet drill --kill port:3001 --undo 'node app.js 3001 &' --instance header:x-instance http://127.0.0.1:8080
  limpet drill -c scenario.yaml --json

  -c, --config FILE         a scenario in YAML, with the same keys in camelCase and \`target\` for the URL
      --json                the result as JSON on stdout
${Object.entries(KEY_GROUPS)
  .map(([title, keys]) => `\n${title}:\n${Object.entries(keys).map(keyHelp).join('')}`)
  .join('')}
What is undone when the event is over is undone too when the drill is ended by Ctrl-C or SIGTERM.
Exit code: 0 passed; 1 failed, ended early, or something it needs is missing.
`;

function keyHelp([name, key]: [string, (typeof scenarioKeys)[keyof typeof scenarioKeys]]): string {
  const schema = asSchema(key);
  const { meaning, takes, kind } = schema['x-limpet'];
  // Bounds are in what a key takes; of a list, its items say it.
  const bounds = /\d/.test(takes) && kind !== 'list' ? ` Takes ${takes}.` : '';
  const many = kind === 'list' ? ' May be given again.' : '';
  const standard = schema.default === undefined ? '' : ` Default: ${written(schema.default)}.`;
  const flag = `      ${optionOf(name)}${kind === 'flag' ? '' : ' VALUE'}`;
  const lines = wrap(`${meaning}${bounds}${many}${standard}`, WIDTH - INDENT);
  const first = flag.length < INDENT - 1 ? flag.padEnd(INDENT) + lines.shift() : flag;
  return [first, ...lines.map((line) => ' '.repeat(INDENT) + line)].map((line) => `${line}\n`).join('');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

const OPTIONS = Object.fromEntries(
  Object.entries(scenarioKeys).map(([name, key]) => [
    optionOf(name).slice(2),
    { type: 'string' as const, multiple: asSchema(key)['x-limpet'].kind === 'list' },
  ]),
);

/** Runs the command; 0 or 1, the exit code. Throws what parseArgs throws for options it does not know. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...OPTIONS,
      config: { type: 'string', short: 'c' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  if (positionals.length > 1) {
    io.stderr('limpet drill: one URL is enough\n  would be right: limpet drill http://127.0.0.1:8080\n');
    return 1;
  }
  const { config, json } = values as { config?: string; json?: boolean }; // as declared above
  const file = config === undefined ? null : { name: config, path: resolve(io.cwd, config) };
  const { scenario, problems } = readScenario(typedOptions(values, positionals[0]), file, io.env);
  if (scenario === null) {
    io.stderr(formatProblems(problems, { color: io.color ?? false }));
    return 1;
  }
  const signals = listenForSignals();
  const line = new ProgressLine(io, 'limpet drill');
  try {
    const world: DrillWorld = {
      clock: systemClock,
      timers: keepingTimers,
      env: io.env,
      say: (sentence) => line.say(sentence),
      progress: (progress) => line.show(progressWords(progress)),
      stop: signals.stop,
    };
    const result = await runDrill(scenario, world);
    line.clear();
    io.stdout(json ? `${JSON.stringify(result, null, 2)}\n` : inWords(result));
    return result.passed ? 0 : 1;
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    line.clear();
    const hint = error.hint === '' ? '' : `  would be right: ${error.hint}\n`;
    io.stderr(`limpet drill: ${error.message}\n${hint}`);
    return 1;
  } finally {
    signals.forget();
  }
}

/** The options by the keys of a scenario. */
function typedOptions(values: Record<string, unknown>, url: string | undefined): TypedOptions {
  const typed: Record<string, unknown> = url === undefined ? {} : { target: url };
  for (const name of Object.keys(scenarioKeys)) {
    const value = values[optionOf(name).slice(2)];
    if (value !== undefined) typed[name] = value;
  }
  return typed as TypedOptions; // parseArgs gives texts and lists of texts
}

/** A drill waits for nothing but time now and then, and must not end for it. */
const keepingTimers: Timers = {
  after(ms, run) {
    const timeout = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** The first signal ends the drill in order; a second one ends the process, which lets go what it holds on its way out. */
function listenForSignals(): { readonly stop: AbortSignal; forget(): void } {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const handle = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1);
    controller.abort(name);
  };
  for (const name of names) process.on(name, handle);
  return {
    stop: controller.signal,
    forget: () => {
      for (const name of names) process.off(name, handle);
    },
  };
}
