// A Limpet's admin API, as far as a drill needs it: what it sees of its upstreams, draining one, a reload.
import { ask, jsonOf } from './ask.ts';
import { DrillError } from './drill-error.ts';

/** What a drill reads of an upstream; the rest of `GET /api/v1/upstreams` is left alone. */
export interface SeenUpstream {
  readonly pool: string;
  readonly name: string;
  readonly wanted: string;
  readonly observed: string;
}

/** Asks the admin API at `url`; every refusal is a DrillError that says what it says. */
export class AdminClient {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;

  /** `token`: of LIMPET_ADMIN_TOKEN, or undefined. */
  constructor(url: URL, token: string | undefined) {
    this.#url = url;
    this.#headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  }

  async upstreams(): Promise<SeenUpstream[]> {
    const list = jsonOf(await this.#ask('GET', '/api/v1/upstreams'));
    if (!Array.isArray(list)) throw new DrillError(`${this.#url.origin} is not the admin API of a Limpet`);
    return list.map((item: Record<string, unknown>) => ({
      pool: String(item.pool),
      name: String(item.name),
      wanted: String(item.wanted),
      observed: String(item.observed),
    }));
  }

  async setWanted(pool: string, name: string, wanted: string): Promise<void> {
    const path = `/api/v1/upstreams/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
    await this.#ask('PATCH', path, JSON.stringify({ wanted }));
  }

  async reload(): Promise<void> {
    await this.#ask('POST', '/api/v1/reload');
  }

  async #ask(method: string, path: string, body?: string): Promise<string> {
    const url = new URL(path, this.#url);
    const { status, text } = await ask(url, {
      method,
      headers: { ...this.#headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
    });
    if (status >= 200 && status < 300) return text;
    if (status === 401 || status === 403) {
      throw new DrillError(
        `the admin API refuses ${method} ${path}: ${said(text)}`,
        'its token in LIMPET_ADMIN_TOKEN',
      );
    }
    throw new DrillError(`the admin API answers ${method} ${path} with ${status}: ${said(text)}`);
  }
}

/** The message of an error of the admin API, or the beginning of whatever came. */
function said(text: string): string {
  const body = jsonOf(text) as { error?: { message?: unknown } } | null;
  const message = typeof body === 'object' ? body?.error?.message : undefined;
  return typeof message === 'string' ? message : text.trim().slice(0, 200).replace(/\s+/g, ' ');
}
