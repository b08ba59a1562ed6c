// The oracle: `http-proxy` as its users run it, on Node's own strict HTTP, with one upstream and WebSockets switched on.
//
// `node oracle-server.ts PORT UPSTREAM_PORT` writes `ready` when it listens.
import http from 'node:http';
import type { Socket } from 'node:net';
import httpProxy from 'http-proxy';

const [port, upstreamPort] = process.argv.slice(2);
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstreamPort}`,
  agent: new http.Agent({ keepAlive: true }),
  xfwd: true,
  preserveHeaderKeyCase: true,
});

// It has no answer of its own to a failed upstream: its manual tells users to write one.
proxy.on('error', (_error, _request, answer) => {
  if (!('writeHead' in answer) || answer.headersSent) answer.destroy();
  else {
    for (const name of answer.getHeaderNames()) answer.removeHeader(name);
    answer.writeHead(502, { 'Content-Length': 0 }).end();
  }
});

const server = http.createServer((request, answer) => proxy.web(request, answer));
server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head));
// Without this, which its users have to write as well, a client whose answer is cut waits for the rest for ever.
proxy.on('proxyRes', (incoming, _request, answer) => {
  incoming.once('aborted', () => answer.destroy());
});

// Some requests make it throw where nobody can catch. It runs again at once for its users, who see their connections end.
const open = new Set<Socket>();
server.on('connection', (socket) => {
  open.add(socket);
  socket.once('close', () => open.delete(socket));
});
process.on('uncaughtException', () => {
  for (const socket of open) socket.destroy();
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
