// Finds where two observations of one shape part, each place by itself, so that each needs its own listed reason.
import { createHash } from 'node:crypto';
import { type Message, statusOf, values } from '../kit/http-message.ts';
import type { Observation } from './observation.ts';

/** Which part of what was seen differs. */
export type Kind =
  | 'outcome'
  | 'request.count'
  | 'request.method'
  | 'request.target'
  | 'request.version'
  | 'request.field'
  | 'request.names'
  | 'request.order'
  | 'request.framing'
  | 'request.body'
  | 'request.trailers'
  | 'request.rest'
  | 'answer.count'
  | 'answer.status'
  | 'answer.reason'
  | 'answer.version'
  | 'answer.field'
  | 'answer.names'
  | 'answer.order'
  | 'answer.framing'
  | 'answer.body'
  | 'answer.trailers'
  | 'answer.rest'
  | 'connection'
  | 'client.result';

/** One place where the two part. */
export interface Deviation {
  readonly kind: Kind;
  /** Name of the field in lower case; '' for what is no field. */
  readonly name: string;
  /** Index of the request or answer. */
  readonly index: number;
  readonly oracle: string;
  readonly limpet: string;
  /** The client's own request with this index, if it is one. */
  readonly sent: Message | undefined;
}

/** All places where the two part, in the order of the exchange. */
export function compare(oracle: Observation, limpet: Observation): Deviation[] {
  const found: Deviation[] = [];
  const note = (kind: Kind, index: number, a: string, b: string, name = ''): void => {
    if (a !== b) found.push({ kind, name, index, oracle: a, limpet: b, sent: limpet.sent[index] });
  };
  if (agreeing(oracle.outcomes, limpet.outcomes) < Math.max(oracle.outcomes.length, limpet.outcomes.length)) {
    note('outcome', 0, oracle.outcomes.join(', '), limpet.outcomes.join(', '));
  }
  // Where one proxy refuses, the messages behind that are no pair.
  const pairs = agreeing(oracle.outcomes, limpet.outcomes);
  const complete = found.length === 0;
  if (complete) note('request.count', 0, `${oracle.requests.length}`, `${limpet.requests.length}`);
  // What the table says of outcomes is only true of a refusal that lets nothing through.
  const passed = limpet.outcomes.filter(
    (outcome) => !/^(refused \d+ request\.|closed )/.test(outcome),
  ).length;
  if (limpet.requests.length > passed) {
    note('request.count', 0, `${passed} at most, by what Limpet answered`, `${limpet.requests.length}`);
  }
  const requests = Math.min(oracle.requests.length, limpet.requests.length, pairs);
  for (let i = 0; i < requests; i++) compareRequests(oracle.requests[i]!, limpet.requests[i]!, i, note);
  compareAnswers(oracle, limpet, pairs, complete, note);
  if (complete) {
    note('request.rest', 0, oracle.upstreamRest, limpet.upstreamRest);
    note('answer.rest', 0, oracle.clientRest, limpet.clientRest);
    note('connection', 0, oracle.ending, limpet.ending);
    note('client.result', 0, oracle.result, limpet.result);
  }
  return found;
}

type Note = (kind: Kind, index: number, oracle: string, limpet: string, name?: string) => void;

/** How many outcomes from the start agree. The code of a refusal is Limpet's alone. */
function agreeing(a: readonly string[], b: readonly string[]): number {
  const plain = (outcome: string | undefined): string | undefined =>
    outcome?.replace(/^(refused \d+) .*/, '$1');
  let i = 0;
  while (i < a.length && i < b.length && plain(a[i]) === plain(b[i])) i++;
  return i;
}

function compareRequests(a: Message, b: Message, index: number, note: Note): void {
  const [methodA = '', targetA = '', versionA = ''] = a.start.split(' ');
  const [methodB = '', targetB = '', versionB = ''] = b.start.split(' ');
  note('request.method', index, methodA, methodB);
  note('request.target', index, targetA, targetB);
  note('request.version', index, versionA, versionB);
  compareMessages(a, b, index, 'request', note);
}

function compareAnswers(
  oracle: Observation,
  limpet: Observation,
  pairs: number,
  complete: boolean,
  note: Note,
): void {
  const interim = (answers: readonly Message[]): string =>
    answers
      .map(statusOf)
      .filter((status) => status < 200)
      .join(' ');
  if (complete) note('answer.count', 0, interim(oracle.answers), interim(limpet.answers));
  const isFinal = (answer: Message): boolean => statusOf(answer) >= 200 || statusOf(answer) === 101;
  const a = oracle.answers.filter(isFinal);
  const b = limpet.answers.filter(isFinal);
  for (let i = 0; i < Math.min(pairs, a.length, b.length); i++) {
    // A proxy's own page is its own: that it refuses, and with which status, is what must agree.
    if (oracle.outcomes[i]!.startsWith('refused')) continue;
    const [versionA = '', statusA = '', ...reasonA] = a[i]!.start.split(' ');
    const [versionB = '', statusB = '', ...reasonB] = b[i]!.start.split(' ');
    note('answer.version', i, versionA, versionB);
    note('answer.status', i, statusA, statusB);
    note('answer.reason', i, reasonA.join(' '), reasonB.join(' '));
    compareMessages(a[i]!, b[i]!, i, 'answer', note);
  }
}

function compareMessages(
  a: Message,
  b: Message,
  index: number,
  side: 'request' | 'answer',
  note: Note,
): void {
  const names = new Set([...a.fields, ...b.fields].map(([name]) => name.toLowerCase()));
  for (const name of names) {
    note(`${side}.field`, index, lines(values(a, name)), lines(values(b, name)), name);
  }
  const shared = new Set(
    [...names].filter((name) => values(a, name).length > 0 && values(b, name).length > 0),
  );
  // Each hop writes its own.
  for (const name of HOP) shared.delete(name);
  const spelled = (message: Message): string[] => [
    ...new Set(message.fields.map(([name]) => name).filter((name) => shared.has(name.toLowerCase()))),
  ];
  note(`${side}.names`, index, spelled(a).sort(byLetters).join(' '), spelled(b).sort(byLetters).join(' '));
  const order = (message: Message): string =>
    [...new Set(spelled(message).map((name) => name.toLowerCase()))].join(' ');
  note(`${side}.order`, index, order(a), order(b));
  note(`${side}.framing`, index, a.framing, b.framing);
  note(`${side}.body`, index, digest(a.body), digest(b.body));
  note(`${side}.trailers`, index, JSON.stringify(a.trailers), JSON.stringify(b.trailers));
}

/** Fields of the connection (RFC 9110 section 7.6.1): their values are compared, their place and letters are not. */
const HOP = ['connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade'];

function byLetters(a: string, b: string): number {
  const x = a.toLowerCase();
  const y = b.toLowerCase();
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The lines of a field, each in quotation marks; '' when there is none. */
export function lines(all: readonly string[]): string {
  return all.map((text) => JSON.stringify(text)).join(' ');
}

function digest(body: Buffer): string {
  const shown = body.length > 60 ? `${body.length} bytes` : JSON.stringify(body.toString('latin1'));
  return `${shown} sha256 ${createHash('sha256').update(body).digest('hex').slice(0, 16)}`;
}
