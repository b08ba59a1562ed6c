// Where the text of a key set comes from: a file, or a server that may hang, drip, lie or be gone.
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { codeOf } from '../stores/driver.ts';
import { SET_CHARACTERS_MAX } from './jwk-set.ts';

export interface KeyServer {
  readonly url: URL;
  /** For the whole exchange. */
  readonly deadlineMs: number;
  /** Certificates to trust in place of the system's, PEM; null: the system's. */
  readonly ca: string | null;
}

/** A server that answers, but not with a key set. Its message is for people, and holds nothing that the server said. */
class NoKeys extends Error {}

/** Why a reading failed: words of ours, or the error's code. */
export function whyUnread(error: unknown): string {
  return error instanceof NoKeys ? error.message : codeOf(error);
}

/** The text of a file. Rejects as the file system does. */
export function readKeyFile(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

/** The body of a 200. Rejects for any other answer, one over the deadline, one longer than the bound; redirects are not followed. */
export function fetchKeys({ url, deadlineMs, ca }: KeyServer): Promise<string> {
  const ask = url.protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/jwk-set+json, application/json', 'user-agent': 'limpet' };
    const asked = ask(url, { agent: false, headers, ...(ca === null ? {} : { ca }) }, (answer) => {
      if (answer.statusCode === 200) collect(answer, resolve, reject);
      else asked.destroy(new NoKeys(`it answered ${answer.statusCode}`));
    });
    // Bounds head and body together, so that an answer that drips is cut off too.
    const timeout = setTimeout(() => asked.destroy(new NoKeys('no whole answer in time')), deadlineMs);
    asked.on('close', () => {
      clearTimeout(timeout);
      reject(new NoKeys('the answer was cut off'));
    });
    asked.on('error', reject);
    asked.end();
  });
}

function collect(
  answer: IncomingMessage,
  resolve: (text: string) => void,
  reject: (why: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  answer.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > SET_CHARACTERS_MAX) answer.destroy(new NoKeys('the answer is longer than the bound'));
    else chunks.push(chunk);
  });
  answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  answer.on('error', reject);
}
