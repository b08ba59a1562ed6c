// An app for drills, a process of its own: keeps logins in memory, and writes down outside of it which writes it has handled.
//
// `node drill-app.ts PORT NAME LEDGER`; says `ready` on stdout.
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';

const [port = '0', name = 'app', ledger = ''] = process.argv.slice(2);
const logins = new Set<string>();
/** How long it takes to answer, ms; set by `POST /delay/N`. */
let delayMs = 0;

function send(response: ServerResponse, status: number, body: unknown, cookie?: string): void {
  if (delayMs > 0) setTimeout(() => answer(response, status, body, cookie), delayMs);
  else answer(response, status, body, cookie);
}

function answer(response: ServerResponse, status: number, body: unknown, cookie?: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-instance': name,
    ...(cookie === undefined ? {} : { 'set-cookie': cookie }),
  });
  response.end(JSON.stringify(body));
}

createServer((request, response) => {
  const sid = /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  request.resume();
  request.on('end', () => {
    const delay = /^\/delay\/(\d+)$/.exec(request.url ?? '');
    if (request.method === 'POST' && delay !== null) {
      delayMs = 0;
      send(response, 200, {});
      delayMs = Number(delay[1]);
    } else if (request.method === 'POST' && request.url === '/login') {
      const id = randomUUID();
      logins.add(id);
      send(response, 200, {}, `sid=${id}; Path=/`);
    } else if (request.method === 'POST') {
      appendFileSync(ledger, `${name} handled ${String(request.headers['drill-request'])}\n`);
      send(response, 200, { instance: name });
    } else if (request.url === '/me' && !logins.has(sid)) {
      send(response, 401, { instance: name });
    } else {
      send(response, 200, { instance: name });
    }
  });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
