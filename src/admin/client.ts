// A running Limpet's admin API, for commands and drills: whatever is refused is told in the words of the API.
import { AskError, ask, jsonOf } from './ask.ts';

/** What a drill reads of an upstream; the rest of `GET /api/v1/upstreams` is left alone. */
export interface SeenUpstream {
  readonly pool: string;
  readonly name: string;
  readonly wanted: string;
  readonly observed: string;
}

/** Asks the admin API at `url`; every refusal is an AskError that says what it says. */
export class AdminClient {
  readonly #url: URL;
  readonly #socketPath: string | undefined;
  readonly #headers: Readonly<Record<string, string>>;

  /** `url`: `http:`, `https:` or `unix:/path`. `token`: of LIMPET_ADMIN_TOKEN, or undefined. */
  constructor(url: URL, token: string | undefined) {
    const isSocket = url.protocol === 'unix:';
    this.#url = isSocket ? new URL('http://localhost/') : url;
    this.#socketPath = isSocket ? decodeURIComponent(url.pathname) : undefined;
    this.#headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  }

  async upstreams(): Promise<SeenUpstream[]> {
    const list = await this.read('/api/v1/upstreams');
    if (!Array.isArray(list)) throw this.#stranger();
    return list.map((item: Record<string, unknown>) => ({
      pool: String(item.pool),
      name: String(item.name),
      wanted: String(item.wanted),
      observed: String(item.observed),
    }));
  }

  async setWanted(pool: string, name: string, wanted: string): Promise<void> {
    const path = `/api/v1/upstreams/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
    await this.change('PATCH', path, { wanted });
  }

  async reload(): Promise<void> {
    await this.change('POST', '/api/v1/reload');
  }

  /** What `GET` of this path tells. */
  async read(path: string): Promise<unknown> {
    const found = jsonOf(await this.#ask('GET', path));
    if (found === null) throw this.#stranger();
    return found;
  }

  /** Has something changed; what the answer says of it, or null. */
  async change(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<unknown> {
    return jsonOf(await this.#ask(method, path, body === undefined ? undefined : JSON.stringify(body)));
  }

  #stranger(): AskError {
    return new AskError(`${this.#url.origin} is not the admin API of a Limpet`);
  }

  async #ask(method: string, path: string, body?: string): Promise<string> {
    const url = new URL(path, this.#url);
    const { status, text } = await ask(url, {
      method,
      headers: { ...this.#headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
      socketPath: this.#socketPath,
    }).catch((error: unknown) => {
      if (!(error instanceof AskError)) throw error;
      throw new AskError(error.message, 'a Limpet that runs, and the address of its `admin.bind` in --admin');
    });
    if (status >= 200 && status < 300) return text;
    if (status === 401 || status === 403) {
      throw new AskError(
        `the admin API refuses ${method} ${path}: ${said(text)}`,
        'its token in LIMPET_ADMIN_TOKEN',
      );
    }
    throw new AskError(
      `the admin API answers ${method} ${path} with ${status}: ${said(text)}${codeOf(text)}`,
    );
  }
}

/** The code of an error of the admin API, for whoever looks it up. */
function codeOf(text: string): string {
  const body = jsonOf(text) as { error?: { code?: unknown } } | null;
  const code = typeof body === 'object' ? body?.error?.code : undefined;
  return typeof code === 'string' ? ` (${code})` : '';
}

/** The message of an error of the admin API, or the beginning of whatever came. */
function said(text: string): string {
  const body = jsonOf(text) as { error?: { message?: unknown } } | null;
  const message = typeof body === 'object' ? body?.error?.message : undefined;
  return typeof message === 'string' ? message : text.trim().slice(0, 200).replace(/\s+/g, ' ');
}
