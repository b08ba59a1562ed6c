// nginx as a peer: a hash over the app's cookie for affinity, since the free one has no cookie of its own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/kit/ports.ts';
import { missingPackage, otherRoutes, type Peer, startQuiet } from './peers.ts';

export const NGINX = '/usr/sbin/nginx';
const DESCRIPTORS = 20_000;
/** Whom the load asks for. */
const HOST = 'shop.example.com';

export const nginx: Peer = {
  name: 'nginx',
  affinity: 'hash',
  hasAccessLog: true,
  scales: true,
  missing: () => missingPackage('nginx', NGINX),
  async start(task) {
    const port = await freePort();
    const file = join(task.dir, 'nginx.conf');
    const servers = task.upstreamPorts
      .map((upstream) => `server 127.0.0.1:${upstream} max_fails=3 fail_timeout=10s;`)
      .join(' ');
    const others = otherRoutes(task.routes);
    const areas = (host: string): string =>
      others
        .filter((route) => route.host === host)
        .map((route) => `    location ${route.path} { return 404; }\n`)
        .join('');
    const hosts = [...new Set(others.map((route) => route.host))].filter((host) => host !== HOST);
    const otherHosts = hosts
      .map((host) => `  server { listen 127.0.0.1:${port}; server_name ${host};\n${areas(host)}  }\n`)
      .join('');
    writeFileSync(
      file,
      `daemon off; ${task.workers === 1 ? 'master_process off;' : `worker_processes ${task.workers};`} pid ${task.dir}/nginx.pid; error_log stderr crit; worker_rlimit_nofile ${DESCRIPTORS};
events { worker_connections 19000; }
http {
  access_log ${task.accessLog ? `${task.dir}/nginx-access.log` : 'off'};
  keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_temp_path ${task.dir}/nginx-body; proxy_temp_path ${task.dir}/nginx-proxy;
  fastcgi_temp_path ${task.dir}/nginx-fastcgi; uwsgi_temp_path ${task.dir}/nginx-uwsgi; scgi_temp_path ${task.dir}/nginx-scgi;
  upstream app { ${task.affinity ? 'hash $cookie_session consistent;' : ''} ${servers} keepalive 128; keepalive_requests 100000000; }
  map $http_upgrade $connection_field { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port} backlog=4096 ${task.tls === undefined ? '' : 'ssl '}default_server; server_name ${HOST};
${task.tls === undefined ? '' : `    ssl_certificate ${task.tls.cert}; ssl_certificate_key ${task.tls.key}; ssl_protocols TLSv1.2 TLSv1.3;\n`}${areas(HOST)}    location / {
      proxy_pass http://app; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_field; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off; proxy_max_temp_file_size 0;
      proxy_connect_timeout 1s; proxy_read_timeout ${task.responseMs}ms;
    }
    location = /nginx-status { stub_status; access_log off; }
  }
${otherHosts}}
`,
    );
    return startQuiet('nginx', port, task, NGINX, ['-c', file, '-p', task.dir]);
  },
};
