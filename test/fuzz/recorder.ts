// The upstream that tells what it was sent: each request is known by the address of the client that must have sent it.
import { type Message, value } from '../kit/http-message.ts';
import type { RawUpstream } from '../kit/raw-upstream.ts';
import { LimpetReader } from './limpet-reading.ts';
import type { ReadMessage } from './reading.ts';

/** Answers each request with the address that it came from, and keeps the requests by that address. */
export class Recorder {
  readonly #upstream: RawUpstream;
  readonly #seen = new Map<string, Message[]>();

  constructor(upstream: RawUpstream) {
    this.#upstream = upstream;
    upstream.script = async (exchange) => {
      const message = await exchange.whole(600_000);
      const from = value(message, 'x-forwarded-for') ?? '';
      const seen = this.#seen.get(from);
      if (seen === undefined) this.#seen.set(from, [message]);
      else seen.push(message);
      exchange.send(answerTo(message, from));
    };
  }

  /** What was malformed, or came from nobody. */
  get errors(): string[] {
    const strangers = [...this.#seen.keys()].filter((from) => !/^127\.\d+\.\d+\.\d+$/.test(from));
    return [
      ...this.#upstream.errors.map(({ message }) => message),
      ...strangers.map((from) => `a request from "${from}"`),
    ];
  }

  /** The whole requests that came from an address, in their order; forgets them. */
  take(from: string): readonly Message[] {
    const seen = this.#seen.get(from) ?? [];
    this.#seen.delete(from);
    return seen;
  }

  /** Forgets all that is over. */
  forget(): void {
    this.#seen.clear();
    this.#upstream.forget();
  }
}

/** What marks an answer as meant for one address. */
export const FROM = /from=([\d.]*);/g;

function answerTo(message: Message, from: string): string {
  const text = `from=${from};target=${message.start.split(' ')[1]};bytes=${message.body.length};`;
  const body = `${text}${'.'.repeat(text.length % 97)}`;
  const head = `HTTP/1.1 200 OK\r\nX-From: from=${from};\r\nContent-Length: ${body.length}\r\n\r\n`;
  return message.start.startsWith('HEAD ') ? head : head + body;
}

const reader = new LimpetReader();

/** The whole requests of a stream, as they were clearly sent: the readings of `request` show that llhttp sees them alike. */
export function clearlySent(stream: Buffer): ReadMessage[] {
  return reader.requests(stream, [], true).messages.filter(({ complete }) => complete);
}

/** Why `seen` is not what a client with these requests may have had forwarded, or null. Some may be missing, none added. */
export function strangeAmong(seen: readonly Message[], sent: readonly ReadMessage[]): string | null {
  let next = 0;
  for (const message of seen) {
    while (next < sent.length && !isForwarded(message, sent[next]!)) next++;
    if (next === sent.length) return `a request that was not sent: ${JSON.stringify(shown(message))}`;
    next++;
  }
  return null;
}

function shown({ raw }: Message): string {
  return raw.toString('latin1', 0, 1000);
}

/** What Limpet writes itself, or anew. */
const WRITTEN =
  /^(host|connection|content-length|transfer-encoding|expect|te|upgrade|cookie|forwarded|x-forwarded-.*|x-real-ip|x-request-id|traceparent)$/i;

function isForwarded(message: Message, sent: ReadMessage): boolean {
  const space = sent.start.indexOf(' ');
  const method = sent.start.slice(0, space);
  if (message.start !== `${method} ${originForm(sent.start.slice(space + 1))} HTTP/1.1`) return false;
  if (message.body.toString('latin1') !== sent.body) return false;
  const fields = new Set<string>();
  for (let i = 0; i < sent.fields.length; i += 2) fields.add(`${sent.fields[i]}: ${sent.fields[i + 1]}`);
  const trailers = new Set<string>();
  for (let i = 0; i < sent.trailers.length; i += 2) {
    trailers.add(`${sent.trailers[i]}: ${sent.trailers[i + 1]}`);
  }
  return (
    message.fields.every(([name, text]) => WRITTEN.test(name) || fields.has(`${name}: ${text}`)) &&
    message.trailers.every(([name, text]) => trailers.has(`${name}: ${text}`))
  );
}

function originForm(target: string): string {
  const parts = /^http:\/\/[^/?]*(.*)$/i.exec(target);
  if (parts === null) return target;
  return parts[1]!.startsWith('/') ? parts[1]! : `/${parts[1]}`;
}
