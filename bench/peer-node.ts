// Node's own proxies as peers: `http-proxy`, and `@fastify/http-proxy`, which goes upstream by undici.
import { fileURLToPath } from 'node:url';
import { NODE } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';
import { type Peer, startQuiet } from './peers.ts';

export const nodeHttpProxy: Peer = {
  name: 'http-proxy',
  affinity: 'none',
  hasAccessLog: false,
  scales: false,
  missing: () => null,
  async start(task) {
    const port = await freePort();
    const server = fileURLToPath(new URL('http-proxy-server.ts', import.meta.url));
    const args = [server, String(port), task.upstreamPorts.join(','), String(task.responseMs)];
    return startQuiet('http-proxy', port, task, NODE, args);
  },
};

export const fastifyHttpProxy: Peer = {
  name: 'fastify-proxy',
  affinity: 'none',
  hasAccessLog: false,
  scales: false,
  missing: () => null,
  async start(task) {
    const port = await freePort();
    const server = fileURLToPath(new URL('fastify-proxy-server.ts', import.meta.url));
    const args = [server, String(port), task.upstreamPorts.join(','), String(task.responseMs)];
    return startQuiet('fastify-proxy', port, task, NODE, args);
  },
};
