// What one shape did through one proxy, as seen from both ends, in the words that two of them are compared by.
import { allFaults } from '../../build/error-docs.ts';
import { type Field, type Message, readAnswer, readRequest, statusOf, value } from '../kit/http-message.ts';

/** Both ends of one shape through one proxy. */
export interface Observation {
  /** What the client sent, as far as it is readable. */
  readonly sent: readonly Message[];
  /** The whole requests that the upstream got, in their order. */
  readonly requests: readonly Message[];
  /** The answers that the client got, interim ones included. */
  readonly answers: readonly Message[];
  /** For each final answer: what the upstream's script answered, or an answer of the proxy itself. */
  readonly outcomes: readonly string[];
  /** What the client got behind the last answer: the bytes of a tunnel, else nothing. */
  readonly clientRest: string;
  /** What the upstream got behind the last request. */
  readonly upstreamRest: string;
  /** What becomes of the client's connection. */
  readonly ending: string;
  /** What a real client made of it, in its own words. */
  readonly result: string;
}

const FAULTS = allFaults();

/** The code of a fault that an answer of Limpet tells, or '' for other answers and those without a body. */
function codeOf(answer: Message): string {
  const body = answer.body.toString('latin1');
  const status = statusOf(answer);
  return FAULTS.find((fault) => fault.status === status && body.includes(fault.text))?.code ?? '';
}

/**
 * Names what an answer is: `answered 200`, or `refused 400 request.framing.both` for a proxy's own. `given` is all that the
 * upstream's script answers: an error that it does not hold is the proxy's.
 */
export function outcomeOf(answer: Message, given: string): string {
  const status = statusOf(answer);
  const own = (status >= 400 || codeOf(answer) !== '') && !given.includes(`HTTP/1.1 ${status}`);
  return own ? `refused ${status} ${codeOf(answer)}`.trimEnd() : `answered ${status}`;
}

/** Whether the connection goes on behind this answer, by what the answer itself says (RFC 9112 section 9.3). */
export function persists(answer: Message, requestMinor: number): boolean {
  const options = (value(answer, 'connection') ?? '').toLowerCase().split(/\s*,\s*/);
  if (statusOf(answer) === 101 || options.includes('close') || answer.framing === 'close') return false;
  return requestMinor === 0 ? options.includes('keep-alive') : true;
}

/** Every whole request at the start of `bytes`; stops at what is no request. */
export function readRequests(bytes: Buffer): Message[] {
  const found: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const message = orNull(() => readRequest(bytes.subarray(at)));
    if (message === null) break;
    found.push(message);
    at += message.raw.length;
    if (value(message, 'upgrade') !== undefined) break;
  }
  return found;
}

/** Every answer at the start of `bytes`, which were sent to requests of these methods on a connection that has ended. */
export function readAnswers(bytes: Buffer, methods: readonly string[]): { answers: Message[]; rest: Buffer } {
  const answers: Message[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; ) {
    const message = readAnswer(bytes.subarray(at), methods[i] ?? 'GET', true);
    if (message === null) break;
    answers.push(message);
    at += message.raw.length;
    if (statusOf(message) >= 200) i++;
    if (statusOf(message) === 101) break;
  }
  return { answers, rest: bytes.subarray(at) };
}

function orNull<T>(read: () => T | null): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** As far as the clocks of a starved machine can be apart. */
const NOW_MS = 600_000;

/** The same in every run: a boundary that every upload draws anew, a key that every WebSocket does, the port of the upstream. */
export function withoutChance(message: Message, upstreamPort = 0): Message {
  const boundary = /boundary="?([^";]+)/.exec(value(message, 'content-type') ?? '')?.[1];
  const replaced = (text: string): string =>
    boundary === undefined ? text : text.replaceAll(boundary, 'b'.repeat(boundary.length));
  const fields = message.fields.map(([name, text]): Field => {
    // A recorded Date is long past; one of now was added on the way.
    if (/^date$/i.test(name) && Math.abs(Date.parse(text) - Date.now()) < NOW_MS) return [name, 'now'];
    if (/^sec-websocket-(key|accept)$/i.test(name)) return [name, 'drawn anew'];
    return [name, replaced(text).replace(`127.0.0.1:${upstreamPort}`, '127.0.0.1:(upstream)')];
  });
  const body =
    boundary === undefined ? message.body : Buffer.from(replaced(message.body.toString('latin1')), 'latin1');
  return { ...message, fields, body };
}
