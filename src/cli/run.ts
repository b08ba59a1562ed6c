// `limpet run`: starts the proxy and stays until a signal stops it.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { configLoader, findConfigFile } from '../config/load.ts';
import { formatProblems } from '../config/print.ts';
import { ControlPlane } from '../process/control-plane.ts';
import { controlPath } from '../process/control-socket.ts';
import { succeed } from '../process/handover.ts';
import { Inheritance } from '../process/inherited.ts';
import { socketsOfSystemd } from '../process/listen-fds.ts';
import { takeOrders } from '../process/orders.ts';
import { notifyManager, PidFile } from '../process/service-manager.ts';
import { readyLine } from '../process/start-news.ts';
import { StartError } from '../process/starting.ts';
import type { CommandIo } from './command-io.ts';
import { replace } from './replace.ts';

export const HELP = `limpet run [-c FILE] [--replace]

Runs the proxy until SIGTERM or SIGINT, which let what is under way finish; a second one cuts it. SIGHUP reloads the config.

  -c, --config FILE  the config; default ./limpet.yaml, then config/limpet.yaml
  --replace          has the Limpet that runs with this config start a successor, which is this
                     program with this config: it takes over the listening sockets, and once it
                     serves, the old one ends what it has under way and goes; then this command ends
  --control PATH     the socket by which --replace reaches the one that runs; default: one a
                     config file, in $XDG_RUNTIME_DIR/limpet or /tmp/limpet-UID
  --pid-file FILE    holds the id of the process that serves

Exit code: 0 stopped by a signal, or replaced; 1 the config is not sound, or nothing was replaced;
2 an address cannot be bound, or a log file cannot be opened.
`;

/** Runs the command; resolves to the exit code when the proxy has stopped. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      config: { type: 'string', short: 'c' },
      replace: { type: 'boolean' },
      control: { type: 'string' },
      'pid-file': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const file = values.config ?? findConfigFile(io.cwd) ?? 'limpet.yaml';
  const path = resolve(io.cwd, file);
  const control = resolve(io.cwd, values.control ?? controlPath(path, io.env));
  // What a parent left is its own affair: not for the config, nor for children.
  const succession = await succeed(io.env);
  const handedDown = socketsOfSystemd(io.env, process.pid);
  const load = configLoader(path, io.env);
  const { config, problems } = load();
  const named = problems.map((problem) => ({ ...problem, file }));
  io.stderr(formatProblems(named, { color: io.color ?? false }));
  if (config === null) {
    await succession.failed('the config is not sound');
    return 1;
  }
  const pidFile = values['pid-file'] === undefined ? null : resolve(io.cwd, values['pid-file']);
  if (values.replace) {
    const pidArgs = pidFile === null ? [] : ['--pid-file', pidFile];
    return replace(control, ['--config', path, '--control', control, ...pidArgs], io);
  }
  // SIGUSR1 would open Node's inspector to everybody on the machine.
  process.on('SIGUSR1', () => {});
  // Its default action would end the process, also where there is no file to open anew.
  let reopen = (): void => {};
  process.on('SIGUSR2', () => reopen());
  const signal = nextSignal();
  // Asked for while it starts, it comes when it has started.
  let reloads = 0;
  let reload = (): void => {
    reloads++;
  };
  process.on('SIGHUP', () => reload());
  succession.onReload(() => reload());
  let plane: ControlPlane;
  try {
    const { beginning } = succession;
    plane = await ControlPlane.start(
      config,
      load,
      handedDown.length === 0 ? beginning : { ...beginning, inheritance: new Inheritance(handedDown) },
    );
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    await succession.failed(error.message);
    io.stderr(`limpet: ${error.message}\n${error.hint === '' ? '' : `  would be right: ${error.hint}\n`}`);
    return 2;
  }
  reopen = () => plane.logs.reopen();
  reload = () => void plane.reload('signal');
  if (reloads > 0) reload();
  const orders = await takeOrders(plane, control);
  const pid = pidFile === null ? null : writtenPid(pidFile, io);
  const line = readyLine(plane);
  io.stderr(`${line}\n`);
  succession.serving(line);
  void notifyManager(io.env, ['READY=1', `MAINPID=${process.pid}`]);
  const replaced = plane.shutdown.replaced.then((successor) => `process ${successor} serves instead`);
  const why = await Promise.race([signal, replaced]);
  orders.close();
  // Where another serves, the manager was told so by that one; and a signal to stop asks for what is being done already.
  void signal.then(() => {
    for (const name of STOPS) process.once(name, () => plane.shutdown.hurry());
  });
  if (why === 'SIGTERM' || why === 'SIGINT') void notifyManager(io.env, ['STOPPING=1']);
  await plane.shutdown.stop(why);
  pid?.remove();
  return 0;
}

const STOPS = ['SIGTERM', 'SIGINT'] as const;

/** The first signal that stops. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of STOPS) process.once(name, () => resolve(name));
  });
}

/** A pid file that cannot be written is told, and no reason not to serve. */
function writtenPid(path: string, io: CommandIo): PidFile | null {
  try {
    return PidFile.write(path);
  } catch (error) {
    io.stderr(`limpet: cannot write ${path}: ${error instanceof Error ? error.message : error}\n`);
    return null;
  }
}
