// The demo's own little server behind the proxy: tells the page how the apps are, and does what its buttons say.
import { createServer, type Server } from 'node:http';
import type { Stage } from './stage.ts';

interface Seen {
  readonly name: string;
  readonly observed: string;
  readonly why: string;
  readonly users: number;
}

/** Serves `/_demo/…` on 127.0.0.1:`port`. `adminUrl`: where Limpet's own view of the apps is asked for. */
export function startControl(stage: Stage, port: number, adminUrl: string): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(body));
    };
    const parts = (request.url ?? '').split('?')[0]!.split('/').slice(1);
    if (request.method === 'GET' && parts[1] === 'apps') {
      look(adminUrl).then(
        (seen) => answer(200, describe(stage, seen)),
        () => answer(200, describe(stage, [])),
      );
      return;
    }
    if (request.method === 'GET' && parts[1] === 'members') {
      members(adminUrl).then(
        (seen) => answer(200, seen),
        () => answer(502, { error: 'the admin API does not answer' }),
      );
      return;
    }
    if (request.method === 'GET' && parts[1] === 'orders') {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
      response.end(stage.orders.map((id) => `${id}\n`).join(''));
      return;
    }
    // A page of another site can't send this field without being asked first, and the answer to that is no.
    if (request.method !== 'POST' || request.headers['x-limpet-demo'] !== 'yes') {
      answer(403, { error: 'only the demo page may do this' });
      return;
    }
    if (parts[1] === 'members' && parts[3] === 'revoke') {
      revoke(adminUrl, parts[2] ?? '').then(
        (ok) => answer(ok ? 200 : 502, {}),
        () => answer(502, { error: 'the admin API does not answer' }),
      );
      return;
    }
    const app = stage.app(parts[2] ?? '');
    if (app === undefined) {
      answer(404, { error: 'no such app' });
      return;
    }
    if (parts[3] === 'kill') stage.kill(app);
    else if (parts[3] === 'hang') stage.hang(app);
    else if (parts[3] === 'revive') stage.revive(app).catch(() => {});
    else {
      answer(404, { error: 'kill, hang or revive' });
      return;
    }
    answer(200, {});
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function look(adminUrl: string): Promise<readonly Seen[]> {
  const response = await fetch(`${adminUrl}/api/v1/upstreams`, { signal: AbortSignal.timeout(1000) });
  return (await response.json()) as readonly Seen[]; // our own admin API: its shape is contract
}

/** Ends all sessions of a user, by the same call as anybody's. `name`: as in the path, percent-encoded. */
async function revoke(adminUrl: string, name: string): Promise<boolean> {
  const response = await fetch(`${adminUrl}/api/v1/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: decodeURIComponent(name), reason: 'the switch of the demo' }),
    signal: AbortSignal.timeout(2000),
  });
  return response.ok;
}

interface SessionSeen {
  readonly checks: Readonly<Record<string, number>>;
  readonly cache: { readonly hits: number } | null;
}

async function members(adminUrl: string): Promise<{ checked: number; hits: number; refused: number }> {
  const response = await fetch(`${adminUrl}/api/v1/sessions`, { signal: AbortSignal.timeout(1000) });
  const [block] = (await response.json()) as readonly SessionSeen[]; // our own admin API: its shape is contract
  const { valid = 0, anonymous = 0, invalid = 0, unknown = 0 } = block?.checks ?? {};
  return { checked: valid + anonymous + invalid + unknown, hits: block?.cache?.hits ?? 0, refused: invalid };
}

function describe(stage: Stage, seen: readonly Seen[]): unknown {
  return stage.apps.map(({ name, colour, state }) => {
    const view = seen.find((upstream) => upstream.name === name);
    return {
      name,
      colour,
      process: state,
      observed: view?.observed ?? 'nothing yet',
      why: view === undefined || view.observed === 'up' ? '' : view.why,
      users: view?.users ?? 0,
    };
  });
}
