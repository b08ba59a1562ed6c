// Small apps with a login, one for each of Node's session packages: `node node-app.js KIND PORT STORE SECRET…`. Nothing in them is for Limpet
// but `/told`, which answers without a session of its own what it was told of one.
import { Cluster, Redis } from 'ioredis';

const [kind, port, store, ...secrets] = process.argv.slice(2);
/** `redis://…`, `redis+sentinel://HOST:PORT/NAME` or `redis+cluster://HOST:PORT,…`, with keys in database 0. */
const redis = () => {
  const options = { maxRetriesPerRequest: null };
  const [, kind, hosts = '', name] = /^redis\+(sentinel|cluster):\/\/([^/]*)\/?(.*)$/.exec(store) ?? [];
  const nodes = hosts.split(',').map((at) => ({ host: at.split(':')[0], port: Number(at.split(':')[1]) }));
  if (kind === 'sentinel') return new Redis({ ...options, sentinels: nodes, name });
  if (kind === 'cluster') return new Cluster(nodes, { redisOptions: options });
  return new Redis(store, options);
};
/** What every app says of its user, and what it was told by whoever is in front of it: a status and a body. */
const me = (user, headers) => [
  user === undefined || user === null ? 401 : 200,
  {
    user: user ?? null,
    told: headers['limpet-user'] ?? null,
    verdict: headers['limpet-session'] ?? null,
  },
];

async function expressApp(session) {
  const { default: express } = await import('express');
  const app = express();
  app.get(['/told', '/free/told'], ({ headers }, response) => response.json(me(null, headers)[1]));
  app.use(session);
  app.get('/login', (request, response, next) => {
    const done = () => {
      request.session.userId = request.query.user === '42' ? 42 : request.query.user;
      response.json({ ok: true });
    };
    // A login gives a new id where sessions have one.
    if (typeof request.session.regenerate !== 'function') return done();
    request.session.regenerate((error) => (error ? next(error) : done()));
  });
  app.get('/me', (request, response) => {
    const [status, body] = me(request.session?.userId, request.headers);
    response.status(status).json(body);
  });
  app.get('/visit', (request, response) => {
    request.session.cart = [1];
    response.json({ ok: true });
  });
  app.get('/logout', (request, response) => {
    if (typeof request.session.destroy === 'function')
      request.session.destroy(() => response.json({ ok: true }));
    else {
      request.session = null;
      response.json({ ok: true });
    }
  });
  app.listen(Number(port), '127.0.0.1', () => console.log('ready'));
}

const kinds = {
  async 'express-redis'() {
    const { default: session } = await import('express-session');
    const { RedisStore } = await import('connect-redis');
    const client = redis();
    // connect-redis speaks node-redis; these are the three calls that it makes.
    const calls = {
      get: (key) => client.get(key),
      set: (key, value, { expiration } = {}) =>
        expiration === undefined ? client.set(key, value) : client.set(key, value, 'EX', expiration.value),
      expire: (key, s) => client.expire(key, s),
      del: (keys) => client.del(...[keys].flat()),
    };
    await expressApp(
      session({
        secret: secrets,
        store: new RedisStore({ client: calls }),
        resave: false,
        saveUninitialized: false,
      }),
    );
  },
  async 'express-pg'() {
    const { default: session } = await import('express-session');
    const { default: connect } = await import('connect-pg-simple');
    const PgStore = connect(session);
    const options = { conString: store, createTableIfMissing: true, pruneSessionInterval: false };
    await expressApp(
      session({
        secret: secrets,
        store: new PgStore(options),
        resave: false,
        saveUninitialized: false,
        cookie: { maxAge: 600_000 },
      }),
    );
  },
  async 'cookie-session'() {
    const { default: session } = await import('cookie-session');
    await expressApp(session({ keys: secrets }));
  },
  async koa() {
    await koaApp(undefined);
  },
  async 'koa-brief'() {
    await koaApp(undefined, 2000);
  },
  async 'koa-redis'() {
    const client = redis();
    await koaApp({
      get: async (key) => JSON.parse((await client.get(key)) ?? 'null'),
      set: (key, session, maxAge) => client.set(key, JSON.stringify(session), 'PX', maxAge),
      destroy: (key) => client.del(key),
    });
  },
  async fastify() {
    const { default: fastify } = await import('fastify');
    const { default: cookie } = await import('@fastify/cookie');
    const { default: session } = await import('@fastify/session');
    const client = redis();
    const app = fastify();
    await app.register(cookie);
    await app.register(session, {
      secret: secrets,
      cookie: { secure: false, maxAge: 600_000 },
      saveUninitialized: false,
      store: {
        get: (id, done) => client.get(`sess:${id}`).then((text) => done(null, JSON.parse(text)), done),
        set: (id, value, done) =>
          client.set(`sess:${id}`, JSON.stringify(value), 'EX', 600).then(() => done(), done),
        destroy: (id, done) => client.del(`sess:${id}`).then(() => done(), done),
      },
    });
    app.get('/login', async (request) => {
      await request.session.regenerate();
      request.session.userId = request.query.user === '42' ? 42 : request.query.user;
      return { ok: true };
    });
    app.get('/visit', async (request) => {
      request.session.cart = [1];
      return { ok: true };
    });
    app.get('/me', async (request, reply) => {
      const [status, body] = me(request.session.userId, request.headers);
      reply.code(status);
      return body;
    });
    app.get('/logout', async (request) => {
      await request.session.destroy();
      return { ok: true };
    });
    await app.listen({ port: Number(port), host: '127.0.0.1' });
    console.log('ready');
  },
};

async function koaApp(external, maxAge = 600_000) {
  const { default: Koa } = await import('koa');
  const { createSession, default: old } = await import('koa-session');
  const app = new Koa();
  app.keys = secrets;
  const options = external === undefined ? { maxAge } : { maxAge, store: external };
  app.use(createSession === undefined ? old(options, app) : createSession(options, app));
  app.use(async (context) => {
    const { path, query, session } = context;
    if (path === '/login') session.userId = query.user === '42' ? 42 : query.user;
    if (path === '/visit') session.cart = [1];
    if (path === '/logout') context.session = null;
    [context.status, context.body] =
      path === '/me' ? me(session.userId, context.headers) : [200, { ok: true }];
  });
  app.listen(Number(port), '127.0.0.1', () => console.log('ready'));
}

await kinds[kind]();
