// Users who are logged in and go on asking, each on one connection of his own; and what became of all that they asked.
import { Agent, request } from 'node:http';
import type { Owner } from './child.ts';

/** One answer, as far as the session goes. */
export interface Asked {
  readonly status: number;
  /** `Limpet-Session` as the app was told it; empty where it was not asked. */
  readonly verdict: string;
  /** `Limpet-User`, likewise. */
  readonly user: string;
  /** The code of Limpet's refusal; empty where there was none. */
  readonly code: string;
  readonly retryAfter: string;
}

/** Between two questions of a user, ms. */
const PAUSE_MS = 20;

/** One connection, so that one worker of Limpet hears all that this user asks. */
export class KeptUser {
  readonly name: string;
  readonly asked: Asked[] = [];
  readonly #port: number;
  readonly #cookie: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #asking = false;

  constructor(owner: Owner, port: number, name: string, cookie: string) {
    this.#port = port;
    this.name = name;
    this.#cookie = cookie;
    owner.teardown(() => {
      this.#asking = false;
      this.#agent.destroy();
    });
  }

  /** Asks an app that answers `{ told, verdict }`, once. Errors of the connection count as an answer of status 0. */
  ask(path = '/told', host = 'members'): Promise<Asked> {
    return new Promise((resolve) => {
      const headers = { host, cookie: this.#cookie, accept: 'application/json' };
      const failed = (): void => resolve({ status: 0, verdict: '', user: '', code: '', retryAfter: '' });
      const outgoing = request(
        { host: '127.0.0.1', port: this.#port, path, headers, agent: this.#agent },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          answer.on('error', failed);
          answer.on('end', () =>
            resolve(readAnswer(answer.statusCode ?? 0, answer.headers['retry-after'] ?? '', text)),
          );
        },
      );
      outgoing.on('error', failed);
      outgoing.end();
    });
  }

  /** Goes on asking until `rest`. */
  keepAsking(path?: string, host?: string): void {
    this.#asking = true;
    const next = async (): Promise<void> => {
      while (this.#asking) {
        this.asked.push(await this.ask(path, host));
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    };
    void next();
  }

  rest(): void {
    this.#asking = false;
  }

  get last(): Asked | undefined {
    return this.asked.at(-1);
  }
}

/** What the app says (`told`, `verdict`), or Limpet in its place (`error.code`). */
function readAnswer(status: number, retryAfter: string, text: string): Asked {
  const body = (text.startsWith('{') ? JSON.parse(text) : {}) as {
    readonly told?: string | null;
    readonly verdict?: string | null;
    readonly error?: { readonly code: string };
  };
  return {
    status,
    verdict: body.verdict ?? '',
    user: body.told ?? '',
    code: body.error?.code ?? '',
    retryAfter,
  };
}
