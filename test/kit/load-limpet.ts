// Limpet as a process of its own for load tests, drills and benchmarks: a config in, a port out.
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, saysOnStderr, startProcess, stopProcess } from './load-process.ts';

export const LIMPET_MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface LimpetOptions {
  readonly upstreamPorts: readonly number[];
  /** Keys of the config beside `listen`, `upstreams`, `admin` and `log`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly accessLog?: boolean;
  /** Where its standard output goes. */
  readonly stdout?: number;
  readonly core: number | null;
  /** Its main file; this checkout's by default. */
  readonly main?: string;
}

export interface RunningProxy {
  readonly port: number;
  readonly pid: number;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Starts `limpet run` on a free port and waits until it says that it listens. */
export async function startLimpet(options: LimpetOptions): Promise<RunningProxy> {
  const dir = mkdtempSync(join(tmpdir(), 'limpet-load-'));
  const [port, adminPort] = await freePorts(2);
  const file = join(dir, 'limpet.yaml');
  // JSON is YAML.
  writeFileSync(
    file,
    JSON.stringify({
      listen: `127.0.0.1:${port}`,
      upstreams: options.upstreamPorts.map((upstream) => `http://127.0.0.1:${upstream}`),
      admin: { bind: `127.0.0.1:${adminPort}` },
      log: { level: 'info', access: options.accessLog ?? false, format: 'json' },
      ...options.config,
    }),
  );
  const child = startProcess(process.execPath, [options.main ?? LIMPET_MAIN, 'run', '-c', file], {
    core: options.core,
    ...(options.stdout === undefined ? {} : { stdout: options.stdout }),
  });
  const stop = async (): Promise<void> => {
    await stopProcess(child);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await saysOnStderr(child, 'limpet: listening on');
  } catch (error) {
    await stop();
    throw error;
  }
  return { port: port!, pid: child.pid!, child, stop };
}
