// @ts-check
// Everything that the page asks of the admin API: by fetch, with the token in a field, since no cookie is ever set.

const KEY = 'limpet-token';
/** A call that takes longer has failed, ms. */
const PATIENCE_MS = 10_000;

/** What the API refuses, in its own words. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @returns {string} the token of this tab, or '' */
export function token() {
  return sessionStorage.getItem(KEY) ?? '';
}

/** @param {string} value '' forgets it */
export function setToken(value) {
  if (value === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
}

/**
 * Asks, and resolves to the answer once its head is there. Rejects with Refused, or as fetch does.
 * @param {string} path
 * @param {{ method?: string, body?: unknown, accept?: string, signal?: AbortSignal }} [options]
 */
async function send(path, { method = 'GET', body, accept = 'application/json', signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept };
  if (token() !== '') headers.authorization = `Bearer ${token()}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  /** @type {RequestInit} */
  const init = { method, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal !== undefined) init.signal = signal;
  const response = await fetch(path, init);
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  throw new Refused(response.status, told?.error?.message ?? `Limpet answers ${response.status}.`);
}

/**
 * The answer as JSON; null where it has no body.
 * @param {string} path
 * @param {string} [method]
 * @param {unknown} [body]
 * @returns {Promise<any>} what the contract says
 */
export async function ask(path, method = 'GET', body = undefined) {
  const response = await send(path, { method, body, signal: AbortSignal.timeout(PATIENCE_MS) });
  return response.status === 204 ? null : response.json();
}

/**
 * Reads a stream of server-sent events until it ends, fails or is aborted. `EventSource` could not send the token.
 * @param {string} path
 * @param {AbortSignal} signal
 * @param {(event: string, data: any) => void} onEvent
 */
export async function stream(path, signal, onEvent) {
  const response = await send(path, { accept: 'text/event-stream', signal });
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      const of = (/** @type {string} */ name) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = of('data');
      if (data !== undefined) onEvent(of('event') ?? 'message', JSON.parse(data));
    }
  }
}

/**
 * The path of an upstream in the API.
 * @param {string} pool
 * @param {string} name
 */
export function upstreamPath(pool, name) {
  return `/api/v1/upstreams/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
}
