// One sample app of the demo, a process of its own: keeps logins in memory, as many apps begin, and serves the page that shows it.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { memberCookie, NO_MEMBER_COOKIE, sendLive } from './members.ts';
import { MEMBERS_HTML } from './members-html.ts';
import { MEMBERS_SCRIPT } from './members-script.ts';
import { PAGE_CSS } from './page-css.ts';
import { PAGE_HTML } from './page-html.ts';
import { PAGE_SCRIPT } from './page-script.ts';

const [name = 'app', colour = '#888', port = '0'] = process.argv.slice(2);
/** What the cookie of the second scene is signed with. */
const memberSecret = process.env.DEMO_MEMBER_SECRET ?? '';

/** Most logins that are kept; the oldest goes first. */
const SESSIONS_MAX = 10_000;
const BODY_BYTES_MAX = 4096;
const ORDER_CHARS_MAX = 64;

interface Login {
  readonly user: string;
  visits: number;
}

/** Logins by session id. Gone when the process is: that is what affinity protects. */
const logins = new Map<string, Login>();

const CSP =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'";

function send(response: ServerResponse, status: number, type: string, body: string, cookie?: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy': CSP,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(cookie === undefined ? {} : { 'set-cookie': cookie }),
  });
  response.end(body);
}

function sessionId(request: IncomingMessage): string {
  return /(?:^|;\s*)sid=([0-9a-f]{32})/.exec(request.headers.cookie ?? '')?.[1] ?? '';
}

function me(request: IncomingMessage): string {
  const login = logins.get(sessionId(request));
  if (login !== undefined) login.visits++;
  return JSON.stringify({
    app: name,
    colour,
    user: login?.user ?? null,
    visits: login?.visits ?? 0,
    /** The browser holds a session that this process does not know: the login is lost. */
    lost: login === undefined && sessionId(request) !== '',
    moved: request.headers['limpet-affinity'] === 'moved',
  });
}

/**
 * A write that must be done once. The demo is told before the answer is, so that an app which is killed in between has done it for
 * all to see. `Drill-Request` is what `limpet drill` tells its writes apart by.
 */
function order(request: IncomingMessage): string {
  const id = String(request.headers['drill-request'] ?? '').slice(0, ORDER_CHARS_MAX);
  if (id !== '') process.send?.({ order: id });
  return JSON.stringify({ app: name, user: logins.get(sessionId(request))?.user ?? null });
}

/** Who a member is, as Limpet tells it: this app checks nothing itself. */
function member(request: IncomingMessage): string {
  const { 'limpet-user': user = null, 'limpet-session': verdict = null } = request.headers;
  return JSON.stringify({
    app: name,
    user: user === null ? null : decodeURIComponent(String(user)),
    verdict,
  });
}

function nameIn(body: string): string {
  return body.trim().slice(0, 40) || 'somebody';
}

function logIn(body: string): { cookie: string } {
  const user = nameIn(body);
  const id = randomBytes(16).toString('hex');
  if (logins.size >= SESSIONS_MAX) logins.delete(logins.keys().next().value ?? '');
  logins.set(id, { user, visits: 0 });
  return { cookie: `sid=${id}; Path=/; HttpOnly; SameSite=Lax` };
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
      if (body.length > BODY_BYTES_MAX) request.destroy();
    });
    request.on('end', () => resolve(body));
    request.on('error', reject);
  });
}

const server = createServer((request, response) => {
  const route = `${request.method} ${request.url?.split('?')[0]}`;
  switch (route) {
    case 'GET /':
      send(response, 200, 'text/html', PAGE_HTML);
      return;
    case 'GET /demo.css':
      send(response, 200, 'text/css', PAGE_CSS);
      return;
    case 'GET /demo.js':
      send(response, 200, 'text/javascript', PAGE_SCRIPT);
      return;
    case 'GET /me':
      send(response, 200, 'application/json', me(request));
      return;
    case 'GET /health':
      send(response, 200, 'text/plain', 'well\n');
      return;
    case 'POST /login':
      readBody(request).then(
        (body) => send(response, 200, 'application/json', '{}', logIn(body).cookie),
        () => response.destroy(),
      );
      return;
    case 'POST /order':
      readBody(request).then(
        () => send(response, 200, 'application/json', order(request)),
        () => response.destroy(),
      );
      return;
    case 'POST /logout':
      logins.delete(sessionId(request));
      send(response, 200, 'application/json', '{}', 'sid=; Path=/; Max-Age=0');
      return;
    case 'GET /members/':
      send(response, 200, 'text/html', MEMBERS_HTML);
      return;
    case 'GET /members/page.js':
      send(response, 200, 'text/javascript', MEMBERS_SCRIPT);
      return;
    case 'GET /members/me':
      send(response, 200, 'application/json', member(request));
      return;
    case 'GET /members/live':
      sendLive(response, name, colour);
      return;
    case 'POST /members/login':
      readBody(request).then(
        (body) => send(response, 200, 'application/json', '{}', memberCookie(nameIn(body), memberSecret)),
        () => response.destroy(),
      );
      return;
    case 'POST /members/logout':
      send(response, 200, 'application/json', '{}', NO_MEMBER_COOKIE);
      return;
    default:
      send(response, 404, 'text/plain', 'There is nothing here.\n');
  }
});

server.listen(Number(port), '127.0.0.1', () => process.send?.('ready'));
// Without the demo there is no reason to stay.
process.on('disconnect', () => process.exit(0));
