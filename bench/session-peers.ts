// Who checks sessions in the bench: Limpet by three kinds of session, nginx with an auth service and Redis, HAProxy with tokens.
import { createHmac } from 'node:crypto';
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sign } from 'cookie-signature';
import { Redis } from 'ioredis';
import { accepts, NODE, saysOnStderr, startProcess, stopProcess } from '../test/kit/load-process.ts';
import type { Credential } from '../test/kit/load-user.ts';
import { freePort } from '../test/kit/ports.ts';
import { HAPROXY, haproxy } from './peer-haproxy.ts';
import { LIMPET_MAIN } from './peer-limpet.ts';
import { NGINX } from './peer-nginx.ts';
import { missingPackage, type Peer, type PeerTask, type RunningPeer } from './peers.ts';

const SECRET = 'the secret of all sessions in the bench';
const USERS = 64;
export const NGINX_STACK = 'nginx + service';
const HOUR_S = 3600;

/** A peer of this scenario, and what its users show. */
export interface SessionPeer extends Peer {
  readonly credentials: readonly Credential[];
}

/** A Redis with a session for every user, which all that need one share. */
export interface Sessions {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export async function startSessions(core: number | null, dir: string): Promise<Sessions> {
  const port = await freePort();
  const child = startProcess('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], {
    core,
    cwd: dir,
  });
  await accepts(port, child);
  const client = new Redis({ port, host: '127.0.0.1' });
  for (let i = 0; i < USERS; i++) await client.set(`sess:${idOf(i)}`, sessionOf(i));
  client.disconnect();
  return { port, pid: child.pid!, stop: () => stopProcess(child) };
}

const idOf = (user: number): string => `${user}`.padStart(32, 'LXp0acPZLTbOKE2beIEdnyTufdw3C8FU');
const sessionOf = (user: number): string =>
  JSON.stringify({
    cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
    passport: { user: user + 1 },
  });
const users = <T>(make: (user: number) => T): T[] => Array.from({ length: USERS }, (_, i) => make(i));

export const expressCookies = users((i): Credential => {
  return { cookies: `connect.sid=${encodeURIComponent(`s:${sign(idOf(i), SECRET)}`)}` };
});
const signedCookies = users((i): Credential => {
  const value = Buffer.from(JSON.stringify({ passport: { user: i + 1 }, csrf: 'x'.repeat(24) })).toString(
    'base64',
  );
  const signature = createHmac('sha1', SECRET).update(`app.sess=${value}`).digest('base64url');
  return { cookies: `app.sess=${value}; app.sess.sig=${signature}` };
});
export const tokens = users((i): Credential => {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + HOUR_S;
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: `${i + 1}`, iss: 'bench', aud: 'web', exp, roles: ['user', 'editor'] })}`;
  return { authorization: `Bearer ${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}` };
});

/** Limpet with a session block; `session` null: without any, which the others are compared with. `more`: other keys of the config. */
export function limpetWith(
  name: string,
  credentials: readonly Credential[],
  session: (redis: number) => object | null,
  redis: Sessions,
  more: object = {},
): SessionPeer {
  return {
    name,
    credentials,
    affinity: 'none',
    hasAccessLog: true,
    scales: false,
    missing: () => null,
    async start(task) {
      const port = await freePort();
      const file = join(task.dir, `${name.replaceAll(' ', '-')}.yaml`);
      const block = session(redis.port);
      const config = {
        listen: `127.0.0.1:${port}`,
        workers: 1,
        upstreams: task.upstreamPorts.map((upstream) => `http://127.0.0.1:${upstream}`),
        ...(block === null ? {} : { session: block }),
        ...more,
        admin: { bind: `127.0.0.1:${await freePort()}` },
        log: { level: 'info', access: false, format: 'json' },
      };
      writeFileSync(file, JSON.stringify(config, null, 2));
      const child = startProcess(NODE, [LIMPET_MAIN, 'run', '-c', file], {
        core: task.core,
        cwd: task.dir,
        stdout: openSync(join(task.dir, `${name}.out`), 'w'),
      });
      await saysOnStderr(child, 'limpet: listening on');
      return { name, port, pid: child.pid!, stop: () => stopProcess(child) };
    },
  };
}

/** nginx asks a session service in Node for every request, which asks Redis: what one builds without Limpet. */
function nginxWithService(redis: Sessions): SessionPeer {
  const service = fileURLToPath(new URL('auth-service.ts', import.meta.url));
  return {
    name: NGINX_STACK,
    credentials: expressCookies,
    affinity: 'none',
    hasAccessLog: true,
    scales: false,
    missing: () => missingPackage('nginx', NGINX),
    async start(task) {
      const [port, servicePort] = [await freePort(), await freePort()];
      const file = join(task.dir, 'nginx-auth.conf');
      const servers = task.upstreamPorts.map((upstream) => `server 127.0.0.1:${upstream};`).join(' ');
      writeFileSync(
        file,
        `daemon off; master_process off; pid ${task.dir}/nginx-auth.pid; error_log stderr crit; worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path ${task.dir}/auth-body; proxy_temp_path ${task.dir}/auth-proxy;
  fastcgi_temp_path ${task.dir}/auth-fastcgi; uwsgi_temp_path ${task.dir}/auth-uwsgi; scgi_temp_path ${task.dir}/auth-scgi;
  upstream app { ${servers} keepalive 128; keepalive_requests 100000000; }
  upstream service { server 127.0.0.1:${servicePort}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      auth_request /session; auth_request_set $user $upstream_http_x_user;
      proxy_pass http://app; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-User $user;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
    }
    location = /session {
      internal; proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }
  }
}
`,
      );
      // One tree of processes, so that what the service and its Redis use is counted with nginx.
      return startTree(NGINX_STACK, port, servicePort, task, [
        `'${NODE}' '${service}' ${servicePort} ${redis.port} '${SECRET}' &`,
        `exec ${NGINX} -c ${file} -p ${task.dir}`,
      ]);
    },
  };
}

async function startTree(
  name: string,
  port: number,
  servicePort: number,
  task: PeerTask,
  lines: readonly string[],
): Promise<RunningPeer> {
  const child = startProcess('/bin/sh', ['-c', lines.join('\n')], { core: task.core, cwd: task.dir });
  await accepts(servicePort, child);
  await accepts(port, child);
  return { name, port, pid: child.pid!, stop: () => stopProcess(child) };
}

/** HAProxy verifies the token of every request (2.5 and later). */
const haproxyTokens: SessionPeer = {
  name: 'haproxy jwt',
  credentials: tokens,
  affinity: 'none',
  hasAccessLog: true,
  scales: false,
  missing: () => missingPackage('haproxy', HAPROXY),
  async start(task) {
    const port = await freePort();
    const file = join(task.dir, 'haproxy-jwt.cfg');
    const servers = task.upstreamPorts
      .map((upstream, index) => `  server s${index} 127.0.0.1:${upstream} check inter 2s fall 2 rise 2`)
      .join('\n');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 1s
  timeout client 600s
  timeout server ${task.responseMs}ms
  option forwardfor
frontend main
  bind 127.0.0.1:${port} backlog 4096
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str HS256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('$.iss') -m str bench }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${SECRET}") -m int 1 }
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request set-header X-User %[var(txn.bearer),jwt_payload_query('$.sub')]
  default_backend app
backend app
  balance roundrobin
${servers}
`.replace('if { var(txn.exp),sub(txn.now) -m int lt 0 }', 'if { date,neg,add(txn.exp) -m int lt 0 }'),
    );
    const child = startProcess(HAPROXY, ['-db', '-f', file], { core: task.core, cwd: task.dir });
    await accepts(port, child);
    return { name: 'haproxy jwt', port, pid: child.pid!, stop: () => stopProcess(child) };
  },
};

/** The session block for Express, whose Redis is at `port`. */
export const expressBlock = (port: number) => ({
  verify: 'express-session',
  secrets: [SECRET],
  user: 'passport.user',
  store: `redis://127.0.0.1:${port}/0`,
});

export const JWT_BLOCK = {
  verify: { jwt: { algorithms: ['HS256'], issuer: 'bench', audience: ['web'] } },
  secrets: [SECRET],
};

/** Keys of all sessions in Redis. */
export const sessionKeys = users((i) => `sess:${idOf(i)}`);

/** All of them; Redis is there already. */
export function sessionPeers(redis: Sessions): SessionPeer[] {
  const express = (cache: boolean) => (port: number) => ({
    ...expressBlock(port),
    ...(cache ? {} : { cache: false }),
  });
  const signed = { verify: 'cookie-session', cookie: 'app.sess', secrets: [SECRET], user: 'passport.user' };
  return [
    limpetWith('limpet', expressCookies, () => null, redis),
    limpetWith('express-session', expressCookies, express(true), redis),
    // The check alone: by default it is also watched whether the app loses sessions.
    limpetWith('express, unwatched', expressCookies, express(true), redis, { continuity: false }),
    limpetWith('cookie-session', signedCookies, () => signed, redis),
    limpetWith('no session, tokens', tokens, () => null, redis),
    limpetWith('jwt', tokens, () => JWT_BLOCK, redis),
    limpetWith('express uncached', expressCookies, express(false), redis),
    // Forwards the same requests and checks nothing: how fast the machine is.
    { ...haproxy, credentials: expressCookies },
    haproxyTokens,
    nginxWithService(redis),
  ].filter((peer) => existsSync(LIMPET_MAIN) && peer.missing() === null);
}
