// HAProxy as a peer: a cookie that it inserts, active checks, its exporter of metrics served.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';
import { House } from './house.ts';
import {
  type LiveTask,
  missingPackage,
  otherRoutes,
  type Peer,
  type PeerTask,
  type ReplicaWay,
  startQuiet,
} from './peers.ts';
import { saysOk } from './replica.ts';

export const HAPROXY = '/usr/sbin/haproxy';
/** Beyond the idle clients of the bench, which have no upstream connection each, as HAProxy reckons when it asks for descriptors. */
const CONNECTIONS = 10_100;

/** The text of its config. */
function configOf(task: PeerTask, port: number, statsPort: number): string {
  const { live } = task;
  const servers = task.upstreamPorts
    .map(
      (upstream, index) =>
        `  server s${index} 127.0.0.1:${upstream} cookie s${index} check inter ${task.checkMs}ms fall 2 rise 2`,
    )
    .join('\n');
  // Its own way to look a route up among many: a map, whose prefixes are a tree.
  const map = join(task.dir, 'haproxy.map');
  const others = otherRoutes(task.routes);
  writeFileSync(map, others.map((route) => `${route.host}${route.path} others\n`).join(''));
  return `global
  nbthread ${task.workers}
  no strict-limits
${live === undefined ? '' : liveGlobals(task, live)}  maxconn ${task.connections ?? CONNECTIONS}
${task.accessLog ? '  log stdout format raw local0\n' : ''}defaults
  mode http
  timeout connect 1s
  timeout client 600s
  timeout server ${task.responseMs}ms
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response response-timeout
  option forwardfor
${task.accessLog ? '  log global\n  option httplog\n' : ''}frontend main
  bind 127.0.0.1:${port} backlog 4096${task.tls === undefined ? '' : ` ssl crt ${task.tls.both} alpn http/1.1`}
  http-request disable-l7-retry if METH_POST
${live === undefined ? '' : liveRules(live)}${others.length === 0 ? '' : `  use_backend %[base,map_beg(${map},app)]\n`}  default_backend app
frontend metrics
  bind 127.0.0.1:${statsPort}
  no log
  http-request use-service prometheus-exporter if { path /metrics }
${others.length === 0 ? '' : 'backend others\n  http-request return status 404\n'}${live === undefined ? '' : `backend long\n  server long 127.0.0.1:${live.longPort}\n`}backend app
  balance ${task.byLatency ? 'leastconn' : 'roundrobin'}
${task.affinity ? '  cookie SRV insert indirect nocache\n' : ''}${servers}
`;
}

function socketOf({ dir }: PeerTask): string {
  return join(dir, 'haproxy.sock');
}

/** A successor takes the listening sockets by this one (management guide, 4: expose-fd listeners). */
function liveGlobals(task: PeerTask, { endMs, delayMs }: LiveTask): string {
  const grace = delayMs === undefined ? '' : `  grace ${delayMs}ms\n`;
  const hardStop = endMs === null ? '' : `  hard-stop-after ${endMs}ms\n`;
  return `  stats socket ${socketOf(task)} mode 600 level admin expose-fd listeners\n${grace}${hardStop}`;
}

function liveRules({ round, delayMs }: LiveTask): string {
  const readiness = delayMs === undefined ? '' : '  monitor-uri /ready\n  monitor fail if { stopping }\n';
  return `${readiness}  http-request return status 200 content-type text/plain string "${round}" if { path /round }
  use_backend long if { path_beg /long/ }
`;
}

/** As its image stops it, and with what its manual has beyond that: `grace`, and a readiness that says that it stops. */
function replicaWay(name: string, grace: boolean): ReplicaWay {
  return {
    name,
    takenOut: false,
    async prepare(task) {
      const port = await freePort();
      const file = join(task.dir, 'haproxy.cfg');
      const { delayMs, ...live } = task.live!;
      const own = { ...task, live: grace ? task.live! : live };
      writeFileSync(file, configOf(own, port, await freePort()));
      return {
        port,
        command: HAPROXY,
        args: ['-db', '-f', file],
        signal: 'SIGUSR1',
        isReady: () => saysOk(port, grace ? '/ready' : '/round'),
      };
    },
  };
}

export const haproxy: Peer = {
  name: 'haproxy',
  affinity: 'cookie',
  hasAccessLog: true,
  scales: true,
  replicas: [replicaWay('haproxy', false), replicaWay('haproxy, grace', true)],
  missing: () => missingPackage('haproxy', HAPROXY),
  async start(task) {
    const port = await freePort();
    const file = join(task.dir, 'haproxy.cfg');
    writeFileSync(file, configOf(task, port, await freePort()));
    return startQuiet('haproxy', port, task, HAPROXY, ['-db', '-f', file]);
  },
  async startLive(task, living) {
    const port = await freePort();
    const statsPort = await freePort();
    const file = join(task.dir, 'haproxy.cfg');
    const write = (next: PeerTask): void => writeFileSync(file, configOf(next, port, statsPort));
    write(task);
    const house = new House(task, 'haproxy');
    let child = house.start(HAPROXY, [living === 'reloads' ? '-W' : '-db', '-f', file]);
    await accepts(port, child);
    return {
      name: 'haproxy',
      port,
      pid: child.pid!,
      stop: () => house.stop(),
      pids: () => house.pids(),
      // In master-worker mode the master runs itself anew, and hands the listening sockets to its new worker.
      reload: async (next) => {
        write(next);
        child.kill('SIGUSR2');
      },
      restart: async (next) => {
        write(next);
        child = house.start(HAPROXY, ['-db', '-f', file, '-x', socketOf(task), '-sf', String(child.pid)]);
      },
    };
  },
};
