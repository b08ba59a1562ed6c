// Limpet as a peer, from this checkout or from another build of it.
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE, saysOnStderr, startProcess, stopProcess } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';
import { otherRoutes, type Peer, running } from './peers.ts';

export const LIMPET_MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function routesOf(routes: number): object[] {
  const others = otherRoutes(routes).map((route) => ({ ...route, respond: { status: 404 } }));
  return [{ path: '/', pool: 'default' }, ...others];
}

/** Limpet from its main file `main`, under `name`: two builds can be measured against each other. */
export function limpet(main: string, name = 'limpet'): Peer {
  return {
    name,
    affinity: 'cookie',
    hasAccessLog: true,
    scales: true,
    missing: () => (existsSync(main) ? null : `no ${main}`),
    async start(task) {
      const port = await freePort();
      const file = join(task.dir, `${name}.yaml`);
      // JSON is YAML.
      const config = {
        listeners: [
          {
            bind: `127.0.0.1:${port}`,
            ...(task.tls && { tls: { certificates: [{ cert: task.tls.cert, key: task.tls.key }] } }),
          },
        ],
        workers: task.workers,
        upstreams: task.upstreamPorts.map((upstream) => `http://127.0.0.1:${upstream}`),
        balance: task.byLatency ? 'peak-ewma' : 'round-robin',
        ...(task.routes === 1 ? {} : { routes: routesOf(task.routes) }),
        affinity: task.affinity && { cookie: { name: 'limpet', secrets: ['a-secret-only-for-benchmarks'] } },
        health: { active: { path: '/', interval: `${task.checkMs}ms`, timeout: '1s' } },
        // As for HAProxy: idle clients have no upstream connection each, for which the default allows.
        limits: { connections: 10_100 },
        timeouts: { connect: '1s', response: `${task.responseMs}ms`, idle: '10m' },
        admin: { bind: `127.0.0.1:${await freePort()}` },
        log: { level: 'info', access: task.accessLog, format: 'json' },
      };
      writeFileSync(file, JSON.stringify(config, null, 2));
      const child = startProcess(NODE, [main, 'run', '-c', file], {
        core: task.core,
        cwd: task.dir,
        stdout: openSync(join(task.dir, `${name}.out`), 'w'),
      });
      try {
        await saysOnStderr(child, 'limpet: listening on');
      } catch (error) {
        await stopProcess(child);
        throw error;
      }
      return running(name, port, child);
    },
  };
}
