// One user's connection to the proxy: one request at a time, kept alive between them, its answers kept within a bound.
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { BODY_BYTES_KEPT } from './extract.ts';

/** A request as it is sent. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** It may be sent once more where an idle connection turned out to be closed, as browsers do. */
  readonly safe: boolean;
}

/** A whole answer. */
export interface Incoming {
  readonly status: number;
  /** The first value of a field; null without one. `name` is in lower case. */
  field(name: string): string | null;
  readonly setCookies: readonly string[];
  /** The first `BODY_BYTES_KEPT` bytes as UTF-8. */
  readonly body: string;
}

/** What came of a request: an answer, or why there is none. */
export type Outcome = { readonly incoming: Incoming } | { readonly why: string };

/** `send` must not be called again before `done` was. */
export interface Line {
  /** Calls `done` once, never before it has returned. */
  send(outgoing: Outgoing, done: (outcome: Outcome) => void): void;
  /** Gives the request under way up: it fails with `why`, and its connection is closed. Does nothing when there is none. */
  abort(why: string): void;
  /** Closes the connection. */
  close(): void;
}

const NO_ANSWER = 'connection closed without an answer';
const CUT_OFF = 'answer cut off';

/** A line over HTTP/1.1 or HTTPS to `target`, whose path is not looked at. Follows no redirect. */
export class HttpLine implements Line {
  readonly #target: URL;
  readonly #agent: HttpAgent;
  #request: ClientRequest | null = null;
  #finish: ((outcome: Outcome) => void) | null = null;
  /** How often an idle connection was found closed, and the request went again on a new one. */
  again = 0;

  constructor(target: URL) {
    this.#target = target;
    const options = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1, scheduling: 'fifo' } as const;
    this.#agent = target.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  send(outgoing: Outgoing, done: (outcome: Outcome) => void): void {
    this.#finish = done;
    this.#dispatch(outgoing, true);
  }

  #dispatch(outgoing: Outgoing, mayRepeat: boolean): void {
    const { hostname, port, protocol } = this.#target;
    const make = protocol === 'https:' ? httpsRequest : httpRequest;
    const request = make({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
      method: outgoing.method,
      path: outgoing.path,
      headers: outgoing.headers,
      agent: this.#agent,
    });
    this.#request = request;
    let begun = false;
    request.on('response', (response) => {
      begun = true;
      this.#read(request, response);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#request !== request) return;
      if (mayRepeat && outgoing.safe && request.reusedSocket && error.code === 'ECONNRESET') {
        this.again++;
        this.#dispatch(outgoing, false);
      } else {
        this.#end(request, { why: reasonOf(error) });
      }
    });
    // Told before the answer's own end where that is cut off; and all that is told of an answer such as 101.
    request.on('close', () => this.#end(request, { why: begun ? CUT_OFF : NO_ANSWER }));
    request.end(outgoing.body ?? undefined);
  }

  abort(why: string): void {
    const request = this.#request;
    if (request === null) return;
    this.#end(request, { why });
    request.destroy();
  }

  close(): void {
    this.abort('the drill ended');
    this.#agent.destroy();
  }

  #read(request: ClientRequest, response: IncomingMessage): void {
    const pieces: Buffer[] = [];
    let kept = 0;
    response.on('data', (piece: Buffer) => {
      if (kept >= BODY_BYTES_KEPT) return;
      pieces.push(piece.length > BODY_BYTES_KEPT - kept ? piece.subarray(0, BODY_BYTES_KEPT - kept) : piece);
      kept += piece.length;
    });
    response.on('error', () => this.#end(request, { why: CUT_OFF }));
    response.on('end', () => {
      const { headers, statusCode = 0 } = response;
      const field = (name: string): string | null => [headers[name]].flat()[0] ?? null;
      const body = Buffer.concat(pieces).toString('utf8');
      this.#end(request, {
        incoming: { status: statusCode, field, setCookies: headers['set-cookie'] ?? [], body },
      });
    });
  }

  /** The first end of a request counts; what an aborted one still says reaches nobody. */
  #end(request: ClientRequest, outcome: Outcome): void {
    if (this.#request !== request) return;
    this.#request = null;
    const finish = this.#finish;
    this.#finish = null;
    finish?.(outcome);
  }
}

/** A failed connection in words; few of them, since failures are grouped by them. */
function reasonOf(error: NodeJS.ErrnoException): string {
  const { code = '', message } = error;
  if (code === 'ECONNRESET') {
    return message === 'socket hang up' ? NO_ANSWER : 'connection reset';
  }
  if (code.startsWith('HPE_')) return `no valid HTTP (${code})`;
  return REASONS[code] ?? (code === '' ? message.slice(0, 80) : code);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EPIPE: 'connection closed while sending',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'the name of the host is not known',
  EMFILE: 'the drill has no descriptor left: fewer users, or a higher `ulimit -n`',
  EADDRNOTAVAIL: 'the drill has no port left to connect from',
};
