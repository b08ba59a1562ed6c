// An app with a login page, as most are: `node login-app.js PORT STORE SECRET`. Who is logged in is sent on from it. Nothing in it is for Limpet.
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { Redis } from 'ioredis';

const [port, store, secret] = process.argv.slice(2);
const client = new Redis(store, { maxRetriesPerRequest: null });
// connect-redis speaks node-redis; these are the three calls that it makes.
const calls = {
  get: (key) => client.get(key),
  set: (key, value, { expiration } = {}) =>
    expiration === undefined ? client.set(key, value) : client.set(key, value, 'EX', expiration.value),
  expire: (key, s) => client.expire(key, s),
  del: (keys) => client.del(...[keys].flat()),
};

const app = express();
app.use(
  // Rolling: every answer sets the cookie again.
  session({
    secret,
    store: new RedisStore({ client: calls }),
    resave: false,
    saveUninitialized: false,
    rolling: true,
  }),
);
app.get('/login', (request, response) => {
  if (request.session.userId !== undefined) return response.redirect('/me');
  response.send('<form method=post>');
});
app.post('/login', (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.userId = request.query.user;
    response.redirect('/me');
  });
});
app.get('/me', ({ session: { userId }, headers }, response) => {
  const body = { user: userId ?? null, told: headers['limpet-user'] ?? null };
  response.status(userId === undefined ? 401 : 200).json(body);
});
app.listen(Number(port), '127.0.0.1', () => console.log('ready'));
