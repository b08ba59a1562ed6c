// A running Limpet's admin API, for commands and drills: whatever is refused is told in the words of the API.
import { AskError, ask, type ClientTls, jsonOf } from './ask.ts';

/** What a drill reads of an upstream; the rest of `GET /api/v1/upstreams` is left alone. */
export interface SeenUpstream {
  readonly pool: string;
  readonly name: string;
  readonly wanted: string;
  readonly observed: string;
}

/** Names are looked up and stores opened meanwhile, and a worker that has just died is waited for. */
const RELOAD_PATIENCE_MS = 60_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A config that the running Limpet did not take; what it runs by is as it was. */
export class RefusedReload extends AskError {
  override name = 'RefusedReload';
  /** What the API told. */
  readonly told: unknown;

  constructor(why: string, told: unknown) {
    super(`the config was not reloaded, and nothing has changed: ${why}`);
    this.told = told;
  }
}

export interface AdminClientOptions {
  /** How long an answer may take; default 5 s. */
  readonly patienceMs?: number;
  /** Certificates of authorities that are trusted beside Node's, and one of our own that is shown to the API, in PEM. */
  readonly tls?: ClientTls;
}

/** Asks the admin API at `url`; every refusal is an AskError that says what it says. */
export class AdminClient {
  readonly #url: URL;
  readonly #socketPath: string | undefined;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #options: AdminClientOptions;

  /** `url`: `http:`, `https:` or `unix:/path`. `token`: of LIMPET_ADMIN_TOKEN, or undefined. */
  constructor(url: URL, token: string | undefined, options: AdminClientOptions = {}) {
    this.#options = options;
    const isSocket = url.protocol === 'unix:';
    this.#url = isSocket ? new URL('http://localhost/') : url;
    this.#socketPath = isSocket ? decodeURIComponent(url.pathname) : undefined;
    this.#headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  }

  async upstreams(): Promise<SeenUpstream[]> {
    const list = await this.read('/api/v1/upstreams');
    if (!Array.isArray(list)) throw this.stranger();
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

  /** Resolves when the file is in force, to what the answer says; throws a RefusedReload where it cannot be. */
  async reload(): Promise<unknown> {
    const path = '/api/v1/reload';
    const answer = await this.#send('POST', path, undefined, RELOAD_PATIENCE_MS);
    const told = jsonOf(answer.text);
    if (answer.status >= 200 && answer.status < 300) return told;
    if (answer.status === 422) throw new RefusedReload(said(answer.text), told);
    throw this.#wrong('POST', path, answer);
  }

  /** What `GET` of this path tells. */
  async read(path: string): Promise<unknown> {
    const found = jsonOf(await this.#ask('GET', path));
    if (found === null) throw this.stranger();
    return found;
  }

  /** Has something changed; what the answer says of it, or null. */
  async change(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<unknown> {
    return jsonOf(await this.#ask(method, path, body === undefined ? undefined : JSON.stringify(body)));
  }

  /** What to throw where something else answers there. */
  stranger(): AskError {
    const where = this.#socketPath === undefined ? this.#url.origin : `unix:${this.#socketPath}`;
    return new AskError(
      `${where} is not the admin API of a Limpet`,
      'the address of its `admin.bind` in --admin',
    );
  }

  async #ask(method: string, path: string, body?: string): Promise<string> {
    const answer = await this.#send(method, path, body);
    const { status, text } = answer;
    if (status >= 200 && status < 300) return text;
    throw this.#wrong(method, path, answer);
  }

  async #send(method: string, path: string, body?: string, patienceMs?: number): Promise<Answer> {
    const url = new URL(path, this.#url);
    const answer = await ask(url, {
      ...this.#options,
      ...(patienceMs === undefined ? {} : { patienceMs }),
      method,
      headers: { ...this.#headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
      socketPath: this.#socketPath,
    }).catch((error: unknown) => {
      if (!(error instanceof AskError)) throw error;
      throw new AskError(error.message, awayHint(error.message));
    });
    return answer;
  }

  #wrong(method: string, path: string, { status, text }: Answer): AskError {
    const code = codeOf(text);
    // A Limpet names every refusal.
    if (code === '') return this.stranger();
    if (status === 401 || status === 403) {
      const hint = code === 'host.foreign' ? 'its IP address or localhost in --admin' : TOKEN_HINT;
      return new AskError(`the admin API refuses ${method} ${path}: ${said(text)}`, hint);
    }
    return new AskError(`the admin API answers ${method} ${path} with ${status}: ${said(text)} (${code})`);
  }
}

const TOKEN_HINT = 'its token in LIMPET_ADMIN_TOKEN';

/** What would be right where no answer came. */
function awayHint(message: string): string {
  if (/CERT|SIGNED|ISSUER|SIGNATURE/.test(message))
    return "the authority of the API's certificate, in PEM, in the file that LIMPET_ADMIN_CA names";
  if (/EPROTO|WRONG_VERSION|HPE_INVALID|ECONNRESET/.test(message))
    return 'https:// in --admin where `admin.tls` is set, else http://; and LIMPET_ADMIN_CERT where it asks for one';
  return 'a Limpet that runs, and the address of its `admin.bind` in --admin';
}

/** The code of an error of the admin API, for whoever looks it up; empty for what is no error of one. */
function codeOf(text: string): string {
  const body = jsonOf(text) as { error?: { code?: unknown } } | null;
  const code = typeof body === 'object' ? body?.error?.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** The message of an error of the admin API, or the beginning of whatever came. */
function said(text: string): string {
  const body = jsonOf(text) as { error?: { message?: unknown } } | null;
  const message = typeof body === 'object' ? body?.error?.message : undefined;
  return typeof message === 'string' ? message : text.trim().slice(0, 200).replace(/\s+/g, ' ');
}
