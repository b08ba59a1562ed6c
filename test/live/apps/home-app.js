// An app that keeps something of each session in its own memory beside the store: `node home-app.js NAME PORT STORE SECRET`. Nothing in it is for Limpet.
import { createServer } from 'node:http';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { Redis } from 'ioredis';

const [name, port, store, secret] = process.argv.slice(2);
const client = new Redis(store, { maxRetriesPerRequest: null });
// connect-redis speaks node-redis; these are the three calls that it makes.
const calls = {
  get: (key) => client.get(key),
  set: (key, value, { expiration } = {}) =>
    expiration === undefined ? client.set(key, value) : client.set(key, value, 'EX', expiration.value),
  expire: (key, s) => client.expire(key, s),
  del: (keys) => client.del(...[keys].flat()),
};
/** How often each session was here, by its id. */
const memory = new Map();

const app = express();
const moved = ({ headers }) => headers['limpet-affinity'] ?? null;
// Before the session is read, so that it is answered without the store.
app.get('/*path/bare', (request, response) => response.json({ app: name, moved: moved(request) }));
app.use(
  session({ secret, store: new RedisStore({ client: calls }), resave: false, saveUninitialized: false }),
);
app.get('/*path/visit', (request, _response, next) => {
  request.session.cart = [1];
  next();
});
app.get('/*path/login', (request, _response, next) => {
  const before = memory.get(request.sessionID) ?? 0;
  // A login gives a new id, and what is in memory goes with it.
  request.session.regenerate((error) => {
    request.session.userId = request.query.user;
    memory.set(request.sessionID, before);
    next(error);
  });
});
app.get('/*path', (request, response) => {
  const visits = (memory.get(request.sessionID) ?? 0) + 1;
  memory.set(request.sessionID, visits);
  const told = { app: name, user: request.session.userId ?? null, visits, moved: moved(request) };
  response.json({ ...told, cookies: request.headers.cookie ?? '' });
});

const server = createServer(app);
server.on('upgrade', (request, socket) => {
  const lines = [`Upgrade: ${request.headers.upgrade}`, 'Connection: Upgrade', `X-App: ${name}`];
  socket.end(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
