// The peer `@fastify/http-proxy` as its users run it: keep-alive to the upstreams by undici, round robin, one process.
//
// `node fastify-proxy-server.ts PORT UPSTREAM_PORT,UPSTREAM_PORT,… RESPONSE_TIMEOUT_MS`
import fastifyHttpProxy from '@fastify/http-proxy';
import fastify from 'fastify';

const [port, upstreamPorts, timeoutMs] = process.argv.slice(2);
const upstreams = upstreamPorts!.split(',').map((upstream) => `http://127.0.0.1:${upstream}`);
let turn = 0;

const app = fastify({ logger: false, keepAliveTimeout: 60_000 });
await app.register(fastifyHttpProxy, {
  upstream: '',
  websocket: true,
  wsUpstream: upstreams[0]!.replace('http:', 'ws:'),
  undici: { connections: 128, headersTimeout: Number(timeoutMs), bodyTimeout: 0 },
  replyOptions: { getUpstream: () => upstreams[turn++ % upstreams.length]! },
});
await app.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
