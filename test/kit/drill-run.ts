// Runs `limpet drill` in the test's own process, and as a process of its own; starts the apps that it harms.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli/drill.ts';
import type { DrillResult } from '../../src/drill/result.ts';
import { Child, type Owner } from './child.ts';
import { pinnedNode } from './limpet.ts';
import { freePort } from './ports.ts';

const APP = fileURLToPath(new URL('drill-app.ts', import.meta.url));
const MAIN = process.env.LIMPET_TEST_MAIN ?? fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface DrillApp {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** Starts it again on its port. */
  readonly command: string;
}

export interface DrillApps {
  readonly apps: readonly [DrillApp, DrillApp, DrillApp];
  /** The file into which they write what they handled. */
  readonly ledger: string;
}

/** Three apps, `web-0` to `web-2`, with one ledger. They end with `owner`. */
export async function startDrillApps(owner: Owner): Promise<DrillApps> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-drill-test-'));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const ledger = join(folder, 'ledger');
  writeFileSync(ledger, 'older lines say nothing: drill-00000000-1\n');
  const start = async (i: number): Promise<DrillApp> => {
    const port = await freePort();
    const name = `web-${i}`;
    const args = [APP, String(port), name, ledger];
    const child = new Child(pinnedNode, args, { owner });
    await child.wrote(/^ready$/m);
    const command = `'${pinnedNode}' ${args.map((arg) => `'${arg}'`).join(' ')}`;
    return { name, port, url: `http://127.0.0.1:${port}`, pid: child.pid, command };
  };
  return { apps: [await start(0), await start(1), await start(2)], ledger };
}

export interface Drilled {
  readonly code: number;
  readonly stderr: string;
  readonly stdout: string;
  /** Of `--json`. */
  readonly result: DrillResult;
}

/** Runs the command in this process, with `--json`. */
export async function drill(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Drilled> {
  let stdout = '';
  let stderr = '';
  const code = await run([...args, '--json'], {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    env,
    cwd: tmpdir(),
  });
  const result = stdout === '' ? null : JSON.parse(stdout);
  return { code, stdout, stderr, result: result as DrillResult }; // what it prints; null where it printed nothing
}

/** Runs it as a process, which can be sent signals. */
export function spawnDrill(
  owner: Owner,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Child {
  return new Child(pinnedNode, [MAIN, 'drill', ...args], { owner, env });
}
