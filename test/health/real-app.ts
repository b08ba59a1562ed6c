// Starts apps of test/health/app.ts as processes, for the tests that must not imagine.
import { fileURLToPath } from 'node:url';
import type { ProbeTarget } from '../../src/health/probe.ts';
import { Child, type Owner } from '../kit/child.ts';

const APP = fileURLToPath(new URL('./app.ts', import.meta.url));

export type Behaviour = 'well' | 'failing' | 'mute' | 'closing' | 'nonsense' | 'slow';

export interface RealApp {
  readonly child: Child;
  readonly port: number;
  readonly target: ProbeTarget;
}

/** An app that is listening; it is killed with its owner. `port`: 0 for any. */
export async function startApp(owner: Owner, behaviour: Behaviour = 'well', port = 0): Promise<RealApp> {
  const child = new Child(process.execPath, [APP, behaviour, String(port)], { owner });
  const listening = Number((await child.wrote(/listening (\d+)/))[1]);
  return { child, port: listening, target: targetOf(listening) };
}

export function targetOf(port: number): ProbeTarget {
  return { address: { host: '127.0.0.1', port }, authority: `127.0.0.1:${port}`, tls: null };
}

/** Waits until `holds`, and says how long that took, ms; fails loudly when it does not within `ms`. */
export async function until(what: string, holds: () => boolean, ms = 5000): Promise<number> {
  const startMs = performance.now();
  while (!holds()) {
    if (performance.now() - startMs > ms) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - startMs;
}
