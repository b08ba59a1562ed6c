// The peer `http-proxy` as its users run it: keep-alive to the upstreams, round robin, one process.
//
// `node http-proxy-server.ts PORT UPSTREAM_PORT,UPSTREAM_PORT,… RESPONSE_TIMEOUT_MS`
import http from 'node:http';
import httpProxy from 'http-proxy';

const [port, upstreamPorts, timeoutMs] = process.argv.slice(2);
const targets = upstreamPorts!.split(',').map((upstream) => ({ host: '127.0.0.1', port: Number(upstream) }));
const proxy = httpProxy.createProxyServer({
  agent: new http.Agent({ keepAlive: true }),
  xfwd: true,
  proxyTimeout: Number(timeoutMs),
});
let turn = 0;

// It has no answer of its own to a failed upstream: its manual tells users to write one.
proxy.on('error', (_error, _request, answer) => {
  if (!('writeHead' in answer)) answer.destroy();
  else if (answer.headersSent) answer.destroy();
  else answer.writeHead(502, { 'Content-Length': 0 }).end();
});

const server = http.createServer((request, answer) => {
  const target = targets[turn++ % targets.length]!;
  proxy.web(request, answer, { target: target as httpProxy.ServerOptions['target'] });
});
server.on('upgrade', (request, socket, head) => {
  const target = targets[turn++ % targets.length]!;
  proxy.ws(request, socket, head, { target: target as httpProxy.ServerOptions['target'] });
});
server.keepAliveTimeout = 60_000;
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
