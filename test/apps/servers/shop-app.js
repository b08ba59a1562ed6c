// A shop on Express with a basket and a login, whose sessions are in its memory, in Redis or in the cookie: `node shop-app.js PORT NAME KIND REDIS`.
import { randomUUID } from 'node:crypto';
import express from 'express';

const [port, name, kind, redisUrl] = process.argv.slice(2);
const secret = 'the session secret of a shop in a test';

async function sessions() {
  if (kind === 'cookie') {
    const { default: session } = await import('cookie-session');
    return session({ name: 'sid', keys: [secret] });
  }
  const { default: session } = await import('express-session');
  const options = { name: 'sid', secret, resave: false, saveUninitialized: false };
  if (kind === 'memory') return session(options);
  const { RedisStore } = await import('connect-redis');
  const { Redis } = await import('ioredis');
  const client = new Redis(redisUrl);
  // connect-redis speaks node-redis; these are the calls that it makes.
  const calls = {
    get: (key) => client.get(key),
    set: (key, value, { expiration } = {}) =>
      expiration === undefined ? client.set(key, value) : client.set(key, value, 'EX', expiration.value),
    expire: (key, s) => client.expire(key, s),
    del: (keys) => client.del(...[keys].flat()),
  };
  return session({ ...options, store: new RedisStore({ client: calls }) });
}

/** Puts a user into a session with a new id, as a login should. */
function enter(request, user, done) {
  const put = () => {
    request.session.user = user;
    done();
  };
  if (typeof request.session.regenerate === 'function') request.session.regenerate(put);
  else put();
}

const app = express();
app.set('etag', false);
app.use(await sessions());
app.get('/', (request, response) => {
  request.session.basket ??= randomUUID();
  response.json({ app: name, basket: request.session.basket });
});
app.get('/about', (_request, response) => response.json({ app: name }));
app.get('/account', (request, response) => {
  if (request.session.user === undefined) response.redirect('/login?next=/account');
  else response.json({ app: name, user: request.session.user });
});
app.get('/login', (_request, response) => response.send('who are you?'));
app.post('/login', express.urlencoded(), (request, response) => {
  if (request.body.user === 'nobody') response.redirect(303, '/login?failed');
  else enter(request, request.body.user, () => response.redirect(303, '/account'));
});
app.post('/logout', (request, response) => {
  if (kind === 'cookie') {
    request.session = null;
    response.redirect(303, '/');
  } else request.session.destroy(() => response.clearCookie('sid').redirect(303, '/'));
});
// A link from an e-mail that logs in, and a new id now and then, as some apps give it.
app.get('/by-mail', (request, response) => enter(request, 'ann', () => response.json({ app: name })));
app.get('/fresh-id', (request, response) =>
  enter(request, request.session.user, () => response.json({ app: name })),
);
// The same session, spelt in another way, as frameworks do that encrypt their cookie anew each time.
app.get('/respell', (request, response) => {
  const value = /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  response.setHeader('set-cookie', `sid=${decodeURIComponent(value)}; Path=/`);
  response.json({ app: name });
});
// A fault of the app's own: the user's session is gone, and he has a guest's.
app.get('/mix-up', (request, response) =>
  request.session.regenerate(() => {
    request.session.basket = randomUUID();
    response.json({ app: name });
  }),
);
app.listen(Number(port), '127.0.0.1', () => console.log('ready'));
