// HAProxy as a peer: a cookie that it inserts, active checks, its exporter of metrics served.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/kit/ports.ts';
import { missingPackage, otherRoutes, type Peer, startQuiet } from './peers.ts';

export const HAPROXY = '/usr/sbin/haproxy';
/** Beyond the idle clients of the bench, which have no upstream connection each, as HAProxy reckons when it asks for descriptors. */
const CONNECTIONS = 10_100;

export const haproxy: Peer = {
  name: 'haproxy',
  affinity: 'cookie',
  hasAccessLog: true,
  scales: true,
  missing: () => missingPackage('haproxy', HAPROXY),
  async start(task) {
    const port = await freePort();
    const statsPort = await freePort();
    const file = join(task.dir, 'haproxy.cfg');
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
    writeFileSync(
      file,
      `global
  nbthread ${task.workers}
  no strict-limits
  maxconn ${CONNECTIONS}
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
${others.length === 0 ? '' : `  use_backend %[base,map_beg(${map},app)]\n`}  default_backend app
frontend metrics
  bind 127.0.0.1:${statsPort}
  no log
  http-request use-service prometheus-exporter if { path /metrics }
${others.length === 0 ? '' : 'backend others\n  http-request return status 404\n'}backend app
  balance ${task.byLatency ? 'leastconn' : 'roundrobin'}
${task.affinity ? '  cookie SRV insert indirect nocache\n' : ''}${servers}
`,
    );
    return startQuiet('haproxy', port, task, HAPROXY, ['-db', '-f', file]);
  },
};
