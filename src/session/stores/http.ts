// A session service behind HTTP, asked on connections that are kept; what it answers is judged by the format.
import { Agent, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { type Query, type StoredCell, type StoredValue, StoreFault } from '../store.ts';
import { codeOf, type DriverSpec, type StoreDriver, settleMs, tlsOptions } from './driver.ts';
import { StoreProblem } from './store-url.ts';

/** Longest body that is read, bytes: a session service says who it is, not what they bought. */
export const ANSWER_BYTES_MAX = 64 * 1024;

/** Makes ready to ask; no connection is made before the first question. Throws StoreProblem. */
export async function openHttp(spec: DriverSpec): Promise<StoreDriver> {
  const { url, tls } = spec;
  if (spec.replicas) throw new StoreProblem('a session service has no replicas', 'replicas: false');
  if (tls !== null && !url.tls)
    throw new StoreProblem('`tls` is given, and the URL is of http:', 'https://HOST/PATH');
  return new HttpStore(spec);
}

class HttpStore implements StoreDriver {
  readonly #agent: Agent;
  readonly #ask: typeof requestPlain;
  readonly #options: Parameters<typeof requestPlain>[1];
  readonly #settleMs: number;

  constructor({ url, tls, concurrency, deadlineMs }: DriverSpec) {
    const agent = { keepAlive: true, maxSockets: concurrency, maxFreeSockets: 16 };
    this.#agent = url.tls
      ? new TlsAgent({ ...agent, ...(tls === null ? {} : tlsOptions(tls, url.hosts[0]!.host)) })
      : new Agent(agent);
    this.#ask = url.tls ? requestTls : requestPlain;
    this.#settleMs = settleMs(deadlineMs);
    const [host] = url.hosts;
    const at = /^[^/?#]*\/\/[^/?#]*([^#]*)/.exec(url.text)?.[1] ?? '';
    this.#options = {
      agent: this.#agent,
      method: 'GET',
      host: host!.host,
      port: host!.port,
      path: at.startsWith('/') ? at : `/${at}`,
      maxHeaderSize: 32 * 1024,
      ...(url.username === null && url.password === null
        ? {}
        : { auth: `${url.username ?? ''}:${url.password ?? ''}` }),
    };
  }

  async get(query: Query): Promise<StoredValue | null> {
    if (query.kind !== 'ask') throw new StoreFault('malformed', 'a session service is asked, not read');
    const answer = await this.#exchange(query.fields);
    const { statusCode = 0, headers } = answer;
    if (statusCode >= 500 || statusCode === 429) {
      answer.destroy();
      throw new StoreFault('down', `http: it answered ${statusCode}`);
    }
    const cells = new Map<string, StoredCell>([['status', statusCode]]);
    for (const name of query.wanted) {
      const value = headers[name];
      if (typeof value === 'string') cells.set(name, value);
    }
    return { bytes: await body(answer), cells, flags: 0, mtimeS: null, endsAtS: null };
  }

  /** Any answer will do, also one that says that nobody is logged in. */
  async ping(): Promise<void> {
    const answer = await this.#exchange({});
    answer.destroy();
    if ((answer.statusCode ?? 0) >= 500)
      throw new StoreFault('down', `http: it answered ${answer.statusCode}`);
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }

  #exchange(fields: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(new StoreFault('down', `http: ${codeOf(error)}`));
      try {
        const headers = { accept: 'application/json', 'user-agent': 'limpet', ...fields };
        const asked = this.#ask({ ...this.#options, headers }, resolve);
        // Bounds head and body together: an answer that drips is cut off too.
        const timeout = setTimeout(
          () => asked.destroy(new StoreFault('down', 'no whole answer in time')),
          this.#settleMs,
        );
        asked.on('close', () => clearTimeout(timeout));
        asked.on('error', fail);
        asked.end();
      } catch (error) {
        // A field that Node refuses to send: what the client sent is at fault, not the service.
        reject(new StoreFault('malformed', `http: ${codeOf(error)}`));
      }
    });
  }
}

function body(answer: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) {
        reject(new StoreFault('malformed', 'http: the answer is longer than the bound'));
        answer.destroy();
      } else chunks.push(chunk);
    });
    answer.on('end', () => resolve(Buffer.concat(chunks)));
    answer.on('error', (error) => reject(new StoreFault('down', `http: ${codeOf(error)}`)));
    answer.on('close', () => reject(new StoreFault('down', 'http: the answer was cut off')));
  });
}
