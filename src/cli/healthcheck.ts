// `limpet healthcheck`: asks the running Limpet whether it lives, wherever its config lets it listen; made for a container's health check.
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect, type NetConnectOpts } from 'node:net';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bind, Config } from '../config/config.ts';
import { findConfigFile, loadDespiteMistakes } from '../config/load.ts';
import { formatProblems } from '../config/print.ts';
import type { CommandIo } from './command-io.ts';

export const HELP = `limpet healthcheck [-c FILE]

Asks the Limpet that runs on this machine with the same config whether it lives: \`/livez\` of its admin side, or, with
\`admin: false\`, whether its first listener takes connections. Needs no token.

  -c, --config FILE  its config; default the one that process 1 was started with, if that is \`limpet run\`,
                     as in a container; else ./limpet.yaml, then config/limpet.yaml

Exit code: 0 it lives, 1 not, or its config cannot be read.
`;

/** Longest wait for the answer. Beyond it the process is taken for hung, as its own health checks would. */
const ANSWER_MS = 2000;

/** Runs the command; 0 or 1, the exit code. Throws what parseArgs throws for options it does not know. */
export async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    io.stdout(HELP);
    return 0;
  }
  const file = values.config ?? configOfFirstProcess() ?? findConfigFile(io.cwd) ?? 'limpet.yaml';
  // Who runs a proxy may be halfway through an edit of its config, which must not pass for the proxy's death.
  const { config, problems } = loadDespiteMistakes(resolve(io.cwd, file), io.env);
  if (config === null) {
    io.stderr(formatProblems(problems, { color: false }));
    return 1;
  }
  const wrong = await ask(config);
  if (wrong !== null) io.stderr(`limpet healthcheck: ${wrong}\n`);
  return wrong === null ? 0 : 1;
}

/** The `-c FILE` of a command line as /proc keeps it (arguments that end in NUL), if it is one of `limpet run`; else null. */
export function configOfCommandLine(cmdline: string): string | null {
  const words = cmdline.split('\0');
  // An init such as Docker's own stands before the command that it runs.
  const at = words.findIndex(
    (word, i) => word === 'run' && /(^|\/)(main\.[jt]s|limpet)$/.test(words[i - 1] ?? ''),
  );
  if (at < 0) return null;
  const { values } = parseArgs({
    args: words.slice(at + 1).filter((word) => word !== ''),
    options: { config: { type: 'string', short: 'c' } },
    strict: false,
  });
  return typeof values.config === 'string' ? values.config : null;
}

function configOfFirstProcess(): string | null {
  try {
    return configOfCommandLine(readFileSync('/proc/1/cmdline', 'utf8'));
  } catch {
    // No Linux, or not to be seen: then it is no container of ours.
    return null;
  }
}

/** Null when it lives, else what is wrong. */
function ask({ admin, listeners }: Config): Promise<string | null> {
  if (admin !== null) return askAdmin(admin.bind);
  const listener = listeners[0];
  return listener === undefined ? Promise.resolve('the config has no listener') : dial(listener.bind);
}

function askAdmin(bind: Bind): Promise<string | null> {
  return new Promise((resolve) => {
    // By address, not by name: without tokens the admin side answers nobody who calls it by a foreign one.
    const at = bind.kind === 'unix' ? { socketPath: bind.path } : { ...reachable(bind) };
    const request = get({ ...at, path: '/livez', agent: false, timeout: ANSWER_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? null : `/livez answered ${response.statusCode}`);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer in ${ANSWER_MS} ms`)));
    request.once('error', (error) => resolve(`/livez: ${error.message}`));
  });
}

function dial(bind: Bind): Promise<string | null> {
  return new Promise((resolve) => {
    const at: NetConnectOpts = bind.kind === 'unix' ? { path: bind.path } : reachable(bind);
    const socket = connect({ ...at, timeout: ANSWER_MS });
    const end = (verdict: string | null): void => {
      socket.destroy();
      resolve(verdict);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end(`no connection in ${ANSWER_MS} ms`));
    socket.once('error', (error) => end(error.message));
  });
}

/** Where to knock: what listens on every interface listens on the loopback too. */
function reachable({ host, port }: { readonly host: string; readonly port: number }): {
  host: string;
  port: number;
} {
  const loopback: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return { host: loopback[host] ?? host, port };
}
