// One small question by HTTP to what is no upstream: the admin API, the demo's control page, a drill's ledger.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

const PATIENCE_MS = 5000;
const BYTES_MAX = 1024 * 1024;

/** What a question came to that nobody answered as it should. `message` says what is wrong; `hint`, if there is one, what would be right. */
export class AskError extends Error {
  override name = 'AskError';
  readonly hint: string;

  constructor(message: string, hint = '') {
    super(message);
    this.hint = hint;
  }
}

/** All in PEM. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** More of an answer is an error; default 1 MiB. */
  readonly bytesMax?: number;
  readonly patienceMs?: number;
  /** A unix socket to ask through; of the URL only the path counts then. */
  readonly socketPath?: string | undefined;
  /** Goes with `https:`. */
  readonly tls?: ClientTls;
}

/** The answer's status and text. Follows no redirect. Throws AskError when there is no answer, or it is too long. */
export function ask(url: URL, options: AskOptions = {}): Promise<{ status: number; text: string }> {
  const { method = 'GET', headers = {}, body, bytesMax = BYTES_MAX, patienceMs = PATIENCE_MS } = options;
  const { socketPath, tls = {} } = options;
  const where = socketPath === undefined ? url.origin : `unix:${socketPath}`;
  const at = socketPath === undefined ? {} : { socketPath };
  const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = make(url, { ...tls, ...at, method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > bytesMax) fail(`answers with more than ${bytesMax} bytes`);
        else pieces.push(piece);
      });
      response.on('error', (error) => fail(`does not answer to the end: ${error.message}`));
      response.on('end', () => {
        clearTimeout(late);
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') });
      });
    });
    const fail = (what: string): void => {
      clearTimeout(late);
      outgoing.destroy();
      reject(new AskError(`${where} ${what}`));
    };
    const late = setTimeout(() => fail(`does not answer within ${patienceMs / 1000} s`), patienceMs);
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      fail(`does not answer: ${error.code ?? error.message}`),
    );
    outgoing.end(body);
  });
}

/** The text as JSON; null where it is none. What it holds is for the caller to check. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
