// The same app on plain node:http, without a framework.
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const [port, name] = process.argv.slice(2);
const sessions = new Map();
const listeners = new Set();

const sessionOf = (request) => /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
const json = (response, value, status = 200) => {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
};
async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

const routes = {
  'GET /': (_request, response) => response.end(name),
  'POST /login': async (request, response) => {
    const id = randomUUID();
    sessions.set(id, new URLSearchParams((await bodyOf(request)).toString()).get('user'));
    response.setHeader('Set-Cookie', [`sid=${id}; HttpOnly; Path=/`, 'theme=dark; Path=/']);
    json(response, { app: name });
  },
  'GET /me': (request, response) => {
    const user = sessions.get(sessionOf(request));
    json(response, { app: name, user: user ?? null, cookie: request.headers.cookie ?? '' }, user ? 200 : 401);
  },
  'POST /upload': async (request, response) => {
    const body = await bodyOf(request);
    json(response, { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') });
  },
  'GET /download': (request, response) => {
    const bytes = Number(new URL(request.url, 'http://app').searchParams.get('bytes'));
    response.writeHead(200, { 'Content-Length': bytes });
    response.end(Buffer.alloc(bytes, 'limpet '));
  },
  'GET /events': (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: hello\n\n');
    listeners.add(response);
    response.on('close', () => listeners.delete(response));
  },
  'POST /tick': (_request, response) => {
    for (const listener of listeners) listener.write('data: tick\n\n');
    json(response, { listeners: listeners.size });
  },
};

const server = createServer((request, response) => {
  const route = routes[`${request.method} ${request.url.split('?')[0]}`];
  if (route) route(request, response);
  else json(response, { app: name }, 404);
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
