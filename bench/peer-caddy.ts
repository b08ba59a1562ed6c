// Caddy as a peer: a cookie that it signs, its admin side off.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/kit/ports.ts';
import { missingPackage, otherRoutes, type Peer, startQuiet } from './peers.ts';

const CADDY = '/usr/bin/caddy';

export const caddy: Peer = {
  name: 'caddy',
  affinity: 'cookie',
  hasAccessLog: true,
  scales: true,
  missing: () => missingPackage('caddy', CADDY),
  async start(task) {
    const port = await freePort();
    const file = join(task.dir, 'Caddyfile');
    const home = join(task.dir, 'caddy');
    mkdirSync(home);
    const others = otherRoutes(task.routes)
      .map(
        (route, i) =>
          `  @r${i} {\n    host ${route.host}\n    path ${route.path}*\n  }\n  respond @r${i} 404\n`,
      )
      .join('');
    writeFileSync(
      file,
      `{
  admin off
  auto_https off
  storage file_system ${home}
}
http://:${port} {
  bind 127.0.0.1
${task.accessLog ? `  log {\n    output file ${task.dir}/caddy-access.log\n  }\n` : ''}${others}  reverse_proxy ${task.upstreamPorts.map((upstream) => `127.0.0.1:${upstream}`).join(' ')} {
    lb_policy ${policy(task)}
    lb_try_duration 2s
    fail_duration 10s
    max_fails 3
    health_uri /
    health_interval ${task.checkMs}ms
    transport http {
      dial_timeout 1s
      response_header_timeout ${task.responseMs}ms
      keepalive_idle_conns_per_host 128
    }
  }
}
`,
    );
    // One thread of Go code for each worker, as the others have.
    const words = [`GOMAXPROCS=${task.workers}`, `HOME=${home}`, CADDY, 'run', '--config', file];
    return startQuiet('caddy', port, task, '/usr/bin/env', [...words, '--adapter', 'caddyfile']);
  },
};

function policy(task: { readonly affinity: boolean; readonly byLatency: boolean }): string {
  if (task.affinity) return 'cookie lb a-secret-only-for-benchmarks';
  return task.byLatency ? 'least_conn' : 'round_robin';
}
