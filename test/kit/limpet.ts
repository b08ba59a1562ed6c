// Starts the real proxy as its own process with a config written for one test, and ends it with the test.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Child, type Owner } from './child.ts';
import { freePort } from './ports.ts';

/** The Node that the repository pins, whatever Node runs the tests. */
export const pinnedNode = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
/** The program under test; `LIMPET_TEST_MAIN` names another build, such as dist/main.js. */
export const limpetMain =
  process.env.LIMPET_TEST_MAIN ?? fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Longest that a start may take: its workers read all of the source anew, on a machine that may be starved, ms. */
const START_MS = 60_000;

export interface LimpetOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** More arguments after `run -c FILE`. */
  readonly args?: readonly string[];
  /** Further files beside the config, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Runs it under this limit of open descriptors; default: that of the tests. */
  readonly descriptors?: number;
  /** Whose end stops it; default the test file. */
  readonly owner?: Owner;
  /** Its successors end with it. */
  readonly group?: boolean;
}

export interface RunningLimpet {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly pid: number;
  /** The config's path, to be rewritten or pointed at. */
  readonly configFile: string;
  stderr(): string;
  /** What it logged on stdout. */
  logs(): string;
  /** SIGTERM; resolves to the exit code once it is gone. */
  stop(): Promise<number | NodeJS.Signals>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  exit(): Promise<number | NodeJS.Signals>;
}

/**
 * Runs `limpet run` with the config and waits for its ready line. The config is YAML text in which `{port}` and `{adminPort}`
 * stand for free ports, or an object of the same, to which `listen`, `admin` and `workers: 1` are added where it does not say.
 * Fails with everything that Limpet wrote when it ends before it is ready.
 */
export async function startLimpet(
  config: string | object,
  options: LimpetOptions = {},
): Promise<RunningLimpet> {
  const port = await freePort();
  const adminPort = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'limpet-test-'));
  const owner = options.owner ?? t;
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const configFile = join(folder, 'limpet.yaml');
  writeFileSync(configFile, configText(config, port, adminPort));
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), text);
  const command = [pinnedNode, limpetMain, 'run', '-c', configFile, ...(options.args ?? [])];
  // `exec`, so that the shell that sets the limit is replaced and signals reach Limpet.
  if (options.descriptors !== undefined) {
    command.unshift('/bin/sh', '-c', `ulimit -n ${options.descriptors}; exec "$0" "$@"`);
  }
  const child = new Child(command[0]!, command.slice(1), {
    owner,
    group: options.group ?? false,
    ...(options.env ? { env: options.env } : {}),
  });
  await child.wrote(/^limpet: listening on .*$/m, START_MS);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    pid: child.pid,
    configFile,
    stderr: () => child.stderr(),
    logs: () => child.stdout(),
    stop: async () => {
      await child.kill('SIGTERM');
      return child.exit();
    },
    kill: (signal = 'SIGKILL') => child.kill(signal),
    exit: () => child.exit(),
  };
}

function configText(config: string | object, port: number, adminPort: number): string {
  const text = typeof config === 'string' ? config : withDefaults(config, port, adminPort);
  return text.replaceAll('{port}', String(port)).replaceAll('{adminPort}', String(adminPort));
}

function withDefaults(config: object, port: number, adminPort: number): string {
  // JSON is YAML, so that an object needs no printer.
  return JSON.stringify(
    {
      ...('listeners' in config ? {} : { listen: `127.0.0.1:${port}` }),
      admin: { bind: `127.0.0.1:${adminPort}` },
      workers: 1,
      log: { access: false },
      ...config,
    },
    null,
    2,
  );
}

/** The value of one metric line on the admin listener, summed over the label sets that hold every given `label="value"`; 0 when there is none. */
export async function metric(
  limpet: RunningLimpet,
  name: string,
  ...labels: readonly string[]
): Promise<number> {
  const text = await (await fetch(`${limpet.adminUrl}/metrics`)).text();
  let sum = 0;
  for (const line of text.split('\n')) {
    const found = /^([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)$/.exec(line);
    if (found?.[1] === name && labels.every((label) => found[2]?.includes(label))) sum += Number(found[3]);
  }
  return sum;
}
