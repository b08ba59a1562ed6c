// A Fastify app as its users write it: a login kept in the process's memory, uploads, downloads, events.
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import Fastify from 'fastify';

const [port, name] = process.argv.slice(2);
const sessions = new Map();
const listeners = new Set();
const app = Fastify();

const sessionOf = (request) => /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];

app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, async (_request, body) =>
  Object.fromEntries(new URLSearchParams(body)),
);
app.addContentTypeParser('application/octet-stream', async (_request, payload) => payload);

app.get('/', async () => name);
app.post('/login', async (request, reply) => {
  const id = randomUUID();
  sessions.set(id, request.body.user);
  reply.header('Set-Cookie', `sid=${id}; HttpOnly; Path=/`);
  return { app: name };
});
app.get('/me', async (request, reply) => {
  const user = sessions.get(sessionOf(request));
  return reply
    .code(user ? 200 : 401)
    .send({ app: name, user: user ?? null, cookie: request.headers.cookie ?? '' });
});
app.post('/upload', async (request) => {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of request.body) {
    bytes += piece.length;
    hash.update(piece);
  }
  return { bytes, sha256: hash.digest('hex') };
});
app.get('/download', async (request, reply) => {
  const body = Buffer.alloc(Number(request.query.bytes), 'limpet ');
  // A stream without a length: chunked.
  return reply.type('application/octet-stream').send(Readable.from([body]));
});
app.get('/events', (_request, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream' });
  reply.raw.write('data: hello\n\n');
  listeners.add(reply.raw);
  reply.raw.on('close', () => listeners.delete(reply.raw));
});
app.post('/tick', async () => {
  for (const listener of listeners) listener.write('data: tick\n\n');
  return { listeners: listeners.size };
});
await app.listen({ port: Number(port), host: '127.0.0.1' });
console.log('ready');
