// The proxies that are measured, each set up to do the same work over the same upstreams on one core.
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accepts, NODE, saysOnStderr, startProcess, stopProcess } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';

/** What a proxy is asked to do. */
export interface PeerTask {
  readonly upstreamPorts: readonly number[];
  /** A directory of its own for configs and logs. */
  readonly dir: string;
  readonly core: number | null;
  /** Keep each user on one upstream. */
  readonly affinity: boolean;
  readonly accessLog: boolean;
  /** Time for an answer's head. */
  readonly responseMs: number;
  /** Choose by latency, where the peer can. */
  readonly byLatency: boolean;
}

export interface RunningPeer {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** What it does for affinity: a cookie of its own, a hash over the app's, or nothing. */
  readonly affinity: 'cookie' | 'hash' | 'none';
  readonly hasAccessLog: boolean;
  /** Why it can't take part here, or null. */
  missing(): string | null;
  start(task: PeerTask): Promise<RunningPeer>;
}

export const NGINX = '/usr/sbin/nginx';
export const HAPROXY = '/usr/sbin/haproxy';

/** Null when `path` is there, or could be installed from Debian's package `name` (root only); else why not. */
export function missingPackage(name: string, path: string): string | null {
  if (existsSync(path)) return null;
  if (process.getuid?.() !== 0) return `no ${path}; install the package ${name}`;
  try {
    process.stderr.write(`${name} is missing: apt-get install ${name}\n`);
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', name], {
      stdio: 'ignore',
      // Runlevel 1 keeps the package from starting its service.
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    });
  } catch {
    return `no ${path}, and apt-get could not install it`;
  }
  return existsSync(path) ? null : `the package ${name} has no ${path}`;
}

function running(name: string, port: number, child: ChildProcess): RunningPeer {
  return { name, port, pid: child.pid!, stop: () => stopProcess(child) };
}

/** Starts a program that says nothing when it is ready: it is when it accepts. */
async function startQuiet(
  name: string,
  port: number,
  task: PeerTask,
  command: string,
  args: readonly string[],
): Promise<RunningPeer> {
  const child = startProcess(command, args, {
    core: task.core,
    cwd: task.dir,
    stdout: openSync(join(task.dir, `${name}.out`), 'w'),
  });
  await accepts(port, child);
  return running(name, port, child);
}

export const nginx: Peer = {
  name: 'nginx',
  affinity: 'hash',
  hasAccessLog: true,
  missing: () => missingPackage('nginx', NGINX),
  async start(task) {
    const port = await freePort();
    const file = join(task.dir, 'nginx.conf');
    const servers = task.upstreamPorts
      .map((upstream) => `server 127.0.0.1:${upstream} max_fails=3 fail_timeout=10s;`)
      .join(' ');
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${task.dir}/nginx.pid; error_log stderr crit; worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
  access_log ${task.accessLog ? `${task.dir}/nginx-access.log` : 'off'};
  keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_temp_path ${task.dir}/nginx-body; proxy_temp_path ${task.dir}/nginx-proxy;
  fastcgi_temp_path ${task.dir}/nginx-fastcgi; uwsgi_temp_path ${task.dir}/nginx-uwsgi; scgi_temp_path ${task.dir}/nginx-scgi;
  upstream app { ${task.affinity ? 'hash $cookie_session consistent;' : ''} ${servers} keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://app; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off; proxy_max_temp_file_size 0;
      proxy_connect_timeout 1s; proxy_read_timeout ${task.responseMs}ms;
    }
    location = /nginx-status { stub_status; access_log off; }
  }
}
`,
    );
    return startQuiet('nginx', port, task, NGINX, ['-c', file, '-p', task.dir]);
  },
};

export const haproxy: Peer = {
  name: 'haproxy',
  affinity: 'cookie',
  hasAccessLog: true,
  missing: () => missingPackage('haproxy', HAPROXY),
  async start(task) {
    const port = await freePort();
    const statsPort = await freePort();
    const file = join(task.dir, 'haproxy.cfg');
    const servers = task.upstreamPorts
      .map(
        (upstream, index) =>
          `  server s${index} 127.0.0.1:${upstream} cookie s${index} check inter 2s fall 2 rise 2`,
      )
      .join('\n');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 9000
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
  bind 127.0.0.1:${port} backlog 4096
  http-request disable-l7-retry if METH_POST
  default_backend app
frontend metrics
  bind 127.0.0.1:${statsPort}
  no log
  http-request use-service prometheus-exporter if { path /metrics }
backend app
  balance ${task.byLatency ? 'leastconn' : 'roundrobin'}
${task.affinity ? '  cookie SRV insert indirect nocache\n' : ''}${servers}
`,
    );
    return startQuiet('haproxy', port, task, HAPROXY, ['-db', '-f', file]);
  },
};

export const nodeHttpProxy: Peer = {
  name: 'http-proxy',
  affinity: 'none',
  hasAccessLog: false,
  missing: () => null,
  async start(task) {
    const port = await freePort();
    const server = fileURLToPath(new URL('http-proxy-server.ts', import.meta.url));
    const args = [server, String(port), task.upstreamPorts.join(','), String(task.responseMs)];
    return startQuiet('http-proxy', port, task, NODE, args);
  },
};

/** Limpet from its main file `main`, under `name`: two builds can be measured against each other. */
export function limpet(main: string, name = 'limpet'): Peer {
  return {
    name,
    affinity: 'cookie',
    hasAccessLog: true,
    missing: () => (existsSync(main) ? null : `no ${main}`),
    async start(task) {
      const port = await freePort();
      const file = join(task.dir, `${name}.yaml`);
      // JSON is YAML.
      const config = {
        listen: `127.0.0.1:${port}`,
        workers: 1,
        upstreams: task.upstreamPorts.map((upstream) => `http://127.0.0.1:${upstream}`),
        balance: task.byLatency ? 'peak-ewma' : 'round-robin',
        affinity: task.affinity && { cookie: { name: 'limpet', secrets: ['a-secret-only-for-benchmarks'] } },
        health: { active: { path: '/', interval: '2s', timeout: '1s' } },
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

export const LIMPET_MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
