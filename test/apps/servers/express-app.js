// An Express app as its users write it: a login kept in the process's memory, uploads, downloads, events.
import { createHash, randomUUID } from 'node:crypto';
import express from 'express';

const [port, name] = process.argv.slice(2);
const sessions = new Map();
const listeners = new Set();
const app = express();

const sessionOf = (request) => /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];

app.get('/', (_request, response) => response.send(name));
app.post('/login', express.urlencoded(), (request, response) => {
  const id = randomUUID();
  sessions.set(id, request.body.user);
  response.cookie('sid', id, { httpOnly: true }).json({ app: name });
});
app.get('/me', (request, response) => {
  const user = sessions.get(sessionOf(request));
  response
    .status(user ? 200 : 401)
    .json({ app: name, user: user ?? null, cookie: request.headers.cookie ?? '' });
});
app.post('/upload', (request, response) => {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (piece) => {
    bytes += piece.length;
    hash.update(piece);
  });
  request.on('end', () => response.json({ bytes, sha256: hash.digest('hex') }));
});
app.get('/download', (request, response) =>
  response.send(Buffer.alloc(Number(request.query.bytes), 'limpet ')),
);
app.get('/events', (_request, response) => {
  response.set('Content-Type', 'text/event-stream').flushHeaders();
  response.write('data: hello\n\n');
  listeners.add(response);
  response.on('close', () => listeners.delete(response));
});
app.post('/tick', (_request, response) => {
  for (const listener of listeners) listener.write('data: tick\n\n');
  response.json({ listeners: listeners.size });
});
app.listen(Number(port), '127.0.0.1', () => console.log('ready'));
