// An Express app with a login in Redis and everything that stays open behind it: WebSockets, socket.io, events, a download.

import { createServer } from 'node:http';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';

const [port, store, secret] = process.argv.slice(2);
const client = new Redis(store, { maxRetriesPerRequest: null });
// connect-redis speaks node-redis; these are the calls that it makes.
const calls = {
  get: (key) => client.get(key),
  set: (key, value, { expiration } = {}) =>
    expiration === undefined ? client.set(key, value) : client.set(key, value, 'EX', expiration.value),
  expire: (key, s) => client.expire(key, s),
  del: (keys) => client.del(...[keys].flat()),
};
const app = express();
const server = createServer(app);
const withSession = session({
  secret,
  store: new RedisStore({ client: calls }),
  resave: false,
  saveUninitialized: false,
});
app.use(withSession);
app.get('/login', (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.userId = request.query.user;
    response.json({ ok: true });
  });
});
app.get('/logout', (request, response) => {
  request.session.destroy(() => response.send('goodbye'));
});
app.get('/events', (_request, response) => {
  response.set('Content-Type', 'text/event-stream').flushHeaders();
  response.write('data: hello\n\n');
});
app.get('/file', (_request, response) => {
  response.set('Content-Length', '1000000');
  response.write('hello');
});

const sockets = new WebSocketServer({ noServer: true });
sockets.on('connection', (socket) => {
  socket.send('hello');
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => {});
});
const io = new Server(server, { destroyUpgrade: false });
io.on('connection', (socket) => socket.on('say', (text, answer) => answer(text)));
server.on('upgrade', (request, socket, head) => {
  if (!request.url.startsWith('/ws')) return;
  sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
