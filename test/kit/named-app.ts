// An app in the test's own process that says its name and what it was asked, and answers as the test wants.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an app saw of one request. */
export interface Seen {
  readonly app: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

export type Answer = (request: IncomingMessage, response: ServerResponse, app: string) => void;

export interface NamedApp {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  readonly seen: Seen[];
  server: Server;
  answer: Answer;
  /** Closes it with all its connections: whoever dials it afterwards is refused. */
  stop(): Promise<void>;
  /** Listens again on the same port. */
  start(): Promise<void>;
}

/** `health` for apps in the test's own process: they stand still whenever the test does, which would pass for hung. */
export const calm = { suspicion: false } as const;

/** Answers 200 with the app's name. */
export const sayName: Answer = (_request, response, app) => {
  response.end(app);
};

/** Starts one; stopped with `owner`. */
export async function startNamedApp(
  name: string,
  owner: { teardown(run: () => unknown): void },
): Promise<NamedApp> {
  const seen: Seen[] = [];
  const make = (): Server =>
    createServer((incoming, response) => {
      const { method = '', url = '', headers, rawHeaders } = incoming;
      seen.push({ app: name, method, url, headers, rawHeaders });
      app.answer(incoming, response, name);
    });
  const listen = (server: Server, port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  const server = make();
  await listen(server, 0);
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const app: NamedApp = {
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    seen,
    server,
    answer: sayName,
    stop: () =>
      new Promise((resolve) => {
        app.server.close(() => resolve());
        app.server.closeAllConnections();
      }),
    start: async () => {
      app.server = make();
      await listen(app.server, port);
    },
  };
  owner.teardown(() => app.stop());
  return app;
}

export interface Told {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly cookies: readonly string[];
  readonly body: string;
}

/** Asks once, on a connection of its own. */
export function askPath(
  port: number,
  path: string,
  headers: Record<string, string | string[]> = {},
  method = 'GET',
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          cookies: response.headers['set-cookie'] ?? [],
          body,
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** `name=value` of the cookie that an answer sets, or '' when it sets none of that name. */
export function cookieOf(told: Told, name = 'limpet'): string {
  const line = told.cookies.find((cookie) => cookie.startsWith(`${name}=`));
  return line?.split(';')[0] ?? '';
}

/**
 * How long a state is waited for, ms: three times what an upstream is kept out that a starved machine passed off as hung, so that no such
 * moment fails a test that is about something else.
 */
const PATIENCE_MS = 30_000;

/** Waits until `holds`; throws `what` when it is in vain. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
