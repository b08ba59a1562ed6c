// Real apps in their own processes, and users who keep their cookies as a browser does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Dispatcher, request } from 'undici';
import { Child, type Owner } from './child.ts';
import { pinnedNode } from './limpet.ts';
import { freePort } from './ports.ts';

export type AppKind = 'express' | 'fastify' | 'http' | 'socket' | 'php' | 'python';

export interface RunningApp {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly child: Child;
}

const server = (file: string): string => fileURLToPath(new URL(`../apps/servers/${file}`, import.meta.url));

/** Starts one instance of an app and waits until it listens. `name` is what the instance calls itself in its answers. */
export async function startApp(
  kind: AppKind,
  name: string,
  options: { owner?: Owner; port?: number } = {},
): Promise<RunningApp> {
  const owner = options.owner ?? t;
  const port = options.port ?? (await freePort());
  const child = launch(kind, name, port, owner);
  // A PHP server says so in its own words.
  await child.wrote(/^ready$|Development Server .* started/m);
  return { name, port, url: `http://127.0.0.1:${port}`, child };
}

function launch(kind: AppKind, name: string, port: number, owner: Owner): Child {
  if (kind === 'python') return new Child('python3', [server('app.py'), String(port), name], { owner });
  if (kind !== 'php') return new Child(pinnedNode, [server(`${kind}-app.js`), String(port), name], { owner });
  const sessions = mkdtempSync(join(tmpdir(), 'limpet-php-'));
  owner.teardown(() => rmSync(sessions, { recursive: true, force: true }));
  const ini = ['-d', `session.save_path=${sessions}`, '-d', 'post_max_size=64M', '-d', 'memory_limit=256M'];
  return new Child('php', [...ini, '-S', `127.0.0.1:${port}`, server('app.php')], {
    owner,
    env: { APP_NAME: name },
  });
}

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
  readonly json: Record<string, unknown>;
}

export interface Ask {
  readonly method?: Dispatcher.HttpMethod;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | AsyncIterable<Buffer> | null;
}

/** Somebody with a browser: sends back the cookies that were set. Deletion and paths are left out, since the apps use neither. */
export class User {
  readonly base: string;
  readonly host: string | null;
  readonly cookies = new Map<string, string>();

  /** `host` is sent as `Host`, to choose among routes. */
  constructor(base: string, host: string | null = null) {
    this.base = base;
    this.host = host;
  }

  get cookieLine(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  get headers(): Record<string, string> {
    return {
      ...(this.host ? { host: this.host } : {}),
      ...(this.cookies.size > 0 ? { cookie: this.cookieLine } : {}),
    };
  }

  async ask(path: string, options: Ask = {}): Promise<Reply> {
    const body = options.body === undefined ? null : options.body;
    const answer = await request(this.base + path, {
      method: options.method ?? (body === null ? 'GET' : 'POST'),
      headers: { ...this.headers, ...options.headers },
      body: body !== null && typeof body !== 'string' && !Buffer.isBuffer(body) ? Readable.from(body) : body,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const pair = line.split(';')[0]!;
      const equals = pair.indexOf('=');
      this.cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
    }
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: bytes,
      get json() {
        return JSON.parse(bytes.toString()) as Record<string, unknown>;
      },
    };
  }

  /** Logs in by the apps' form; gives the name of the instance that took it. */
  async login(name: string): Promise<string> {
    const reply = await this.ask('/login', {
      body: `user=${name}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    return String(reply.json.app);
  }
}
