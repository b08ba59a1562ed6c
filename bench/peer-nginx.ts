// nginx as a peer: a hash over the app's cookie for affinity, since the free one has no cookie of its own.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

export const NGINX = '/usr/sbin/nginx';
const DESCRIPTORS = 20_000;
/** Whom the load asks for. */
const HOST = 'shop.example.com';

/** The text of its config. */
function configOf(task: PeerTask, port: number): string {
  const { live } = task;
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
  return `daemon ${live === undefined || live.delayMs !== undefined ? 'off' : 'on'}; ${task.workers === 1 && live === undefined ? 'master_process off;' : `worker_processes ${task.workers};`} pid ${task.dir}/nginx.pid; error_log stderr crit; worker_rlimit_nofile ${DESCRIPTORS};${live?.endMs ? ` worker_shutdown_timeout ${live.endMs}ms;` : ''}
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
${live === undefined ? '' : liveLocations(live)}    location = /nginx-status { stub_status; access_log off; }
  }
${otherHosts}}
`;
}

function liveLocations({ longPort, round }: LiveTask): string {
  return `    location = /round { default_type text/plain; return 200 "${round}"; }
    location /long/ {
      proxy_pass http://127.0.0.1:${longPort}; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_field;
    }
`;
}

/** As its image stops it. It has no time of serving on, so that the second way is what is done about that: the platform takes it out first. */
function replicaWay(name: string, takenOut: boolean): ReplicaWay {
  return {
    name,
    takenOut,
    async prepare(task) {
      const port = await freePort();
      const file = join(task.dir, 'nginx.conf');
      writeFileSync(file, configOf(task, port));
      return {
        port,
        command: NGINX,
        args: ['-c', file, '-p', task.dir],
        signal: 'SIGQUIT',
        isReady: () => saysOk(port, '/round'),
      };
    },
  };
}

export const nginx: Peer = {
  name: 'nginx',
  affinity: 'hash',
  hasAccessLog: true,
  scales: true,
  replicas: [replicaWay('nginx', false), replicaWay('nginx, taken out first', true)],
  missing: () => missingPackage('nginx', NGINX),
  async start(task) {
    const port = await freePort();
    const file = join(task.dir, 'nginx.conf');
    writeFileSync(file, configOf(task, port));
    return startQuiet('nginx', port, task, NGINX, ['-c', file, '-p', task.dir]);
  },
  async startLive(task) {
    const port = await freePort();
    const file = join(task.dir, 'nginx.conf');
    const pidFile = join(task.dir, 'nginx.pid');
    const write = (next: PeerTask): void => writeFileSync(file, configOf(next, port));
    write(task);
    const house = new House(task, 'nginx');
    // As a daemon: one whose parent is still there believes itself the successor of it, and takes no order to be replaced.
    house.start(NGINX, ['-c', file, '-p', task.dir]);
    // While one master takes over from another the file is away for a moment.
    const master = (): number => {
      try {
        return Number(readFileSync(pidFile, 'utf8'));
      } catch {
        return 0;
      }
    };
    await house.until('the pid of nginx', () => master() > 0);
    house.adopt(master());
    await house.untilServed(port, task.live!.round);
    return {
      name: 'nginx',
      port,
      pid: master(),
      stop: () => house.stop(),
      pids: () => house.pids(),
      reload: async (next) => {
        write(next);
        process.kill(master(), 'SIGHUP');
      },
      // "Upgrading Executable on the Fly" of its manual: a new master beside the old one, which is then told to end in order.
      restart: async (next) => {
        write(next);
        await house.until('the pid of nginx', () => master() > 0);
        const old = master();
        process.kill(old, 'SIGUSR2');
        await house.until('a new nginx', () => master() > 0 && master() !== old);
        await house.untilServed(port, next.live!.round);
        process.kill(old, 'SIGQUIT');
      },
    };
  },
};
