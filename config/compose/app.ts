// The sample app of compose.yaml: users log in, and their sessions are kept in Redis the way express-session with connect-redis keeps them.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { sign, unsign } from 'cookie-signature';
import { Redis } from 'ioredis';

const {
  APP_NAME = 'app',
  HOST = '0.0.0.0',
  PORT = '3000',
  REDIS_URL = '',
  SESSION_SECRET = '',
} = process.env;
if (REDIS_URL === '' || SESSION_SECRET === '') {
  console.error('the sample app needs REDIS_URL and SESSION_SECRET');
  process.exit(1);
}

const SESSION_S = 8 * 3600;
const BODY_BYTES_MAX = 4096;

const redis = new Redis(REDIS_URL);
redis.on('error', (error) => console.error(`redis: ${error.message}`));

/** Requests by user since this process began: what is lost when a user moves to another app. */
const served = new Map<string, number>();

/** The key of the session in Redis, or '' where the cookie is none that we signed. */
function sessionKey(request: IncomingMessage): string {
  const cookie = /(?:^|;\s*)connect\.sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  let value = '';
  try {
    value = decodeURIComponent(cookie);
  } catch {
    return '';
  }
  const id = value.startsWith('s:') ? unsign(value.slice(2), SESSION_SECRET) : false;
  return id === false ? '' : `sess:${id}`;
}

async function userOf(request: IncomingMessage): Promise<string> {
  const key = sessionKey(request);
  const text = key === '' ? null : await redis.get(key);
  const session: unknown = text === null ? null : JSON.parse(text);
  const isSession = typeof session === 'object' && session !== null && 'userId' in session;
  return isSession && typeof session.userId === 'string' ? session.userId : '';
}

async function logIn(user: string): Promise<string> {
  const id = randomBytes(24).toString('base64url');
  const session = {
    cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
    userId: user,
  };
  await redis.set(`sess:${id}`, JSON.stringify(session), 'EX', SESSION_S);
  const value = encodeURIComponent(`s:${sign(id, SESSION_SECRET)}`);
  return `connect.sid=${value}; Path=/; HttpOnly; SameSite=Lax`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(response: ServerResponse, status: number, body: string): void {
  const type = 'text/html; charset=utf-8';
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(`<!doctype html><html lang="en"><title>Limpet sample</title><main>${body}</main>\n`);
}

function goTo(response: ServerResponse, path: string, cookie?: string): void {
  response
    .writeHead(303, { location: path, ...(cookie === undefined ? {} : { 'set-cookie': cookie }) })
    .end();
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > BODY_BYTES_MAX) throw new Error('the body is too long');
  }
  return body;
}

const LOGIN = `<form method="post" action="/login"><label>Name <input name="user" value="Ada" maxlength="40"></label> <button>Log in</button></form>`;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (`${request.method} ${request.url?.split('?')[0]}`) {
    case 'GET /': {
      const user = await userOf(request);
      if (user === '') return goTo(response, '/login');
      const times = (served.get(user) ?? 0) + 1;
      served.set(user, times);
      const words = `<p>${escaped(user)}, ${APP_NAME} has answered you ${times} time${times === 1 ? '' : 's'}.</p>`;
      return page(
        response,
        200,
        `${words}<form method="post" action="/logout"><button>Log out</button></form>`,
      );
    }
    case 'GET /login':
      return page(response, 200, LOGIN);
    case 'POST /login': {
      const user = new URLSearchParams(await bodyOf(request)).get('user')?.trim().slice(0, 40) ?? '';
      return user === '' ? page(response, 400, LOGIN) : goTo(response, '/', await logIn(user));
    }
    case 'POST /logout': {
      const key = sessionKey(request);
      if (key !== '') await redis.del(key);
      return goTo(response, '/login', 'connect.sid=; Path=/; Max-Age=0');
    }
    case 'GET /health':
      return void response.end('well\n');
    default:
      return page(response, 404, 'There is nothing here.');
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: Error) => {
    console.error(error.message);
    if (!response.headersSent) page(response, 500, 'Something failed; the log says what.');
    else response.destroy();
  });
});
server.listen(Number(PORT), HOST, () => console.log(`${APP_NAME} listens on ${HOST}:${PORT}`));
// As process 1 of a container it would not hear the signal otherwise.
process.once('SIGTERM', () => {
  server.close(() => redis.disconnect());
  server.closeIdleConnections();
});
