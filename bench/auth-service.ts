// A session service as people write it: express-session's cookie, Redis, and a 200 with the user or a 401. For nginx's auth_request.
import { createServer } from 'node:http';
import { unsign } from 'cookie-signature';
import { Redis } from 'ioredis';

const [port, redisPort, secret = ''] = process.argv.slice(2);
const redis = new Redis({ port: Number(redisPort), host: '127.0.0.1', enableAutoPipelining: true });

createServer(async (request, response) => {
  const value = /(?:^|; )connect\.sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
  const id = value === undefined ? false : unsign(decodeURIComponent(value).slice(2), secret);
  const text = id === false ? null : await redis.get(`sess:${id}`);
  const user =
    text === null ? undefined : (JSON.parse(text) as { passport?: { user?: number } }).passport?.user;
  // nginx keeps the connection behind a subrequest only where the answer says that nothing follows.
  if (user === undefined) response.writeHead(401, { 'Content-Length': 0 }).end();
  else response.writeHead(200, { 'Content-Length': 0, 'X-User': `${user}` }).end();
}).listen(Number(port), '127.0.0.1');
