// The app of the soak: small and large answers, streams, echoes and sockets; and answers that it breaks off when asked to.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const [port, name] = process.argv.slice(2);
const PIECE = Buffer.alloc(16 * 1024, 'limpet ');

const routes = {
  '/small': (request, response) => response.end(`${name} ${request.url}`),
  '/large': (_request, response, query) => {
    let left = Number(query.get('pieces'));
    response.writeHead(200, { 'Content-Length': left * PIECE.length });
    const push = () => {
      while (left-- > 0) if (!response.write(PIECE)) return void response.once('drain', push);
      response.end();
    };
    push();
  },
  '/stream': (_request, response) => {
    let left = 5;
    const push = () => {
      if (response.destroyed) return;
      response.write(`piece ${left}\n`);
      if (--left > 0) setTimeout(push, 10);
      else response.end();
    };
    push();
  },
  '/count': (request, response) => {
    let bytes = 0;
    request.on('data', (piece) => {
      bytes += piece.length;
    });
    request.on('end', () => response.end(String(bytes)));
  },
  // Answers at once, whatever still comes of the request.
  '/early': (request, response) => {
    request.resume();
    response.end('early');
  },
  '/late': (_request, response, query) => {
    const timer = setTimeout(() => response.end('late'), Number(query.get('ms')));
    response.on('close', () => clearTimeout(timer));
  },
  '/events': (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: first\n\n');
    const timer = setInterval(() => response.write('data: next\n\n'), 25);
    response.on('close', () => clearInterval(timer));
  },
  '/broken': (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100_000 });
    response.write(PIECE);
    setTimeout(() => response.destroy(), 10);
  },
  '/torn': (_request, response) => {
    response.write('no end to this');
    setTimeout(() => response.destroy(), 10);
  },
  '/reset': (_request, response) => response.destroy(),
  '/nonsense': (_request, response) => response.socket.end('HTTP/1.1 2OO Fine\r\n\r\n'),
};

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://app');
  const id = searchParams.get('id');
  // What was asked for is said in the answer, so that one that went to somebody else is seen.
  if (id !== null) response.setHeader('X-Asked', id);
  const route = routes[pathname.replace(/^\/(?:tight|guarded|sticky)(?=\/)/, '')];
  if (route) return route(request, response, searchParams);
  response.statusCode = 404;
  response.end();
});
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => {
    if (!isBinary && String(data) === 'leave') socket.close(1000);
    else socket.send(data, { binary: isBinary });
  });
  socket.on('error', () => {});
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
