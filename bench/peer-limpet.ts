// Limpet as a peer, from this checkout or from another build of it.
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE, saysOnStderr, startProcess, stopProcess } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';
import { House } from './house.ts';
import { otherRoutes, type Peer, type PeerTask, type ReplicaWay, running } from './peers.ts';
import { saysOk } from './replica.ts';

export const LIMPET_MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function routesOf(routes: number): object[] {
  const others = otherRoutes(routes).map((route) => ({ ...route, respond: { status: 404 } }));
  return [{ path: '/', pool: 'default' }, ...others];
}

/** Its pools and routes; the short forms where they say it all. */
function poolsOf({ upstreamPorts, routes, live }: PeerTask): object {
  const upstreams = upstreamPorts.map((upstream) => `http://127.0.0.1:${upstream}`);
  if (live === undefined) return { upstreams, ...(routes === 1 ? {} : { routes: routesOf(routes) }) };
  return {
    upstreams,
    pools: {
      long: { upstreams: [`http://127.0.0.1:${live.longPort}`], health: { active: false, passive: false } },
    },
    routes: [
      { path: '/', pool: 'default' },
      { path: '/long', pool: 'long', affinity: false },
      { path: '= /round', respond: { status: 200, body: String(live.round) } },
    ],
    ...(live.endMs === null ? {} : { shutdown: shutdownOf(live.endMs, live.delayMs) }),
  };
}

function shutdownOf(endMs: number, delayMs = 0): object {
  return { delay: `${delayMs}ms`, deadline: `${endMs}ms` };
}

/** The config, as an object. */
function configOf(task: PeerTask, port: number, adminPort: number): object {
  return {
    listeners: [
      {
        bind: `127.0.0.1:${port}`,
        ...(task.tls && { tls: { certificates: [{ cert: task.tls.cert, key: task.tls.key }] } }),
      },
    ],
    workers: task.workers,
    balance: task.byLatency ? 'peak-ewma' : 'round-robin',
    ...poolsOf(task),
    affinity: task.affinity && { cookie: { name: 'limpet', secrets: ['a-secret-only-for-benchmarks'] } },
    health: { active: { path: '/', interval: `${task.checkMs}ms`, timeout: '1s' } },
    // As for HAProxy: idle clients have no upstream connection each, for which the default allows.
    limits: { connections: task.connections ?? 10_100 },
    timeouts: { connect: '1s', response: `${task.responseMs}ms`, idle: '10m' },
    admin: { bind: `127.0.0.1:${adminPort}` },
    ...(task.tracing && { tracing: task.tracing }),
    log: { level: 'info', access: task.accessLog, format: 'json' },
  };
}

function replicaWay(main: string, name: string): ReplicaWay {
  return {
    name,
    takenOut: false,
    async prepare(task) {
      const port = await freePort();
      const adminPort = await freePort();
      const file = join(task.dir, `${name}.yaml`);
      writeFileSync(file, JSON.stringify(configOf(task, port, adminPort), null, 2));
      return {
        port,
        command: NODE,
        args: [main, 'run', '-c', file, '--control', join(task.dir, 'control')],
        signal: 'SIGTERM',
        isReady: () => saysOk(adminPort, '/readyz'),
      };
    },
  };
}

/** Limpet from its main file `main`, under `name`: two builds can be measured against each other. */
export function limpet(main: string, name = 'limpet'): Peer {
  return {
    name,
    affinity: 'cookie',
    hasAccessLog: true,
    hasAdmin: true,
    scales: true,
    replicas: [replicaWay(main, name)],
    missing: () => (existsSync(main) ? null : `no ${main}; npm run build makes dist/main.js`),
    async start(task) {
      const port = await freePort();
      const adminPort = await freePort();
      const file = join(task.dir, `${task.configName ?? name}.yaml`);
      // JSON is YAML.
      writeFileSync(file, JSON.stringify(configOf(task, port, adminPort), null, 2));
      const child = startProcess(NODE, [main, 'run', '-c', file], {
        core: task.core,
        cwd: task.dir,
        stdout: openSync(join(task.dir, `${name}.out`), 'w'),
      });
      try {
        await saysOnStderr(child, 'limpet: listening on', 60_000);
      } catch (error) {
        await stopProcess(child);
        throw error;
      }
      return { ...running(name, port, child), adminPort };
    },
    async startLive(task) {
      const port = await freePort();
      const adminPort = await freePort();
      const file = join(task.dir, `${name}.yaml`);
      const write = (next: PeerTask): void =>
        writeFileSync(file, JSON.stringify(configOf(next, port, adminPort), null, 2));
      write(task);
      const house = new House(task, name);
      const words = [main, 'run', '-c', file, '--control', join(task.dir, 'control')];
      const child = house.start(NODE, words);
      await saysOnStderr(child, 'limpet: listening on', 60_000);
      return {
        name,
        port,
        pid: child.pid!,
        stop: () => house.stop(),
        pids: () => house.pids(),
        reload: async (next) => {
          write(next);
          const answer = await fetch(`http://127.0.0.1:${adminPort}/api/v1/reload`, { method: 'POST' });
          if (!answer.ok) throw new Error(`reload: ${answer.status} ${await answer.text()}`);
        },
        restart: async (next) => {
          write(next);
          await saysOnStderr(house.start(NODE, [...words, '--replace']), 'serves in place of', 60_000);
        },
      };
    },
  };
}
