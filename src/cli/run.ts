// `limpet run`: starts the proxy and stays until a signal stops it.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { configLoader, findConfigFile } from '../config/load.ts';
import { formatProblems } from '../config/print.ts';
import { ControlPlane } from '../process/control-plane.ts';
import { StartError } from '../process/starting.ts';
import type { CommandIo } from './command-io.ts';

export const HELP = `limpet run [-c FILE]

Runs the proxy until SIGTERM or SIGINT, which let what is under way finish. SIGHUP reloads the config.

  -c, --config FILE  the config; default ./limpet.yaml, then config/limpet.yaml

Exit code: 0 stopped by a signal, 1 the config is not sound, 2 an address cannot be bound.
`;

/** Runs the command; resolves to the exit code when the proxy has stopped. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const file = values.config ?? findConfigFile(io.cwd) ?? 'limpet.yaml';
  const load = configLoader(resolve(io.cwd, file), io.env);
  const { config, problems } = load();
  const named = problems.map((problem) => ({ ...problem, file }));
  io.stderr(formatProblems(named, { color: io.color ?? false }));
  if (config === null) return 1;
  // SIGUSR1 would open Node's inspector to everybody on the machine.
  process.on('SIGUSR1', () => {});
  const signal = nextSignal();
  // Asked for while it starts, it comes when it has started.
  let reloads = 0;
  let reload = (): void => {
    reloads++;
  };
  process.on('SIGHUP', () => reload());
  let plane: ControlPlane;
  try {
    plane = await ControlPlane.start(config, load);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    io.stderr(`limpet: ${error.message}\n`);
    return 2;
  }
  io.stderr(`${plane.readyLine()}\n`);
  reload = () => void plane.reload('signal');
  if (reloads > 0) reload();
  await plane.stop(await signal);
  return 0;
}

/** The first signal that stops. A second one of its kind ends the process at once, as it would any other. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
}
