// An upstream that answers with what the response target makes, and the clients that must not be fooled by it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MalformedMessage, type Message, statusOf } from '../kit/http-message.ts';
import { PeerGone } from '../kit/peer.ts';
import { RawClient } from '../kit/raw-client.ts';
import type { Exchange, RawUpstream } from '../kit/raw-upstream.ts';
import { Chance } from './chance.ts';
import type { Replayed } from './hostile-clients.ts';
import { LimpetReader } from './limpet-reading.ts';
import { mutate } from './mutate.ts';
import type { ProxyFindings } from './proxy-findings.ts';
import { ANSWER_MARK, makeAnswer, RESPONSE_WORDS } from './response-grammar.ts';

/** Requests below this path are answered here. */
export const HOSTILE_PATH = '/hostile/';
const MARK = /id(\d+)z/g;
const WAIT_MS = 60_000;
const reader = new LimpetReader();

/** What is sent for one request, and what it has to look like to the client. */
interface Plan {
  readonly number: number;
  readonly bytes: Buffer;
  /** Where the pieces end. Whatever stands behind the final answer comes with its end, as no proxy can tell what comes later. */
  readonly cuts: readonly number[];
  readonly ending: 'keep' | 'end' | 'reset';
  /** The final answer, if it is one. */
  readonly whole: { readonly status: number; readonly body: string } | null;
}

const METHODS = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'];

/** What is sent for each number: drawn from the seed, or found earlier. */
export class HostileAnswers {
  readonly seed: number;
  /** Answers that were found earlier, by the number that they have in this run. */
  readonly replays = new Map<number, Replayed>();
  /** The numbers that the upstream had a chance to answer. */
  readonly served = new Set<number>();

  constructor(seed: number) {
    this.seed = seed;
  }

  bytes(number: number): Buffer {
    const found = this.replays.get(number);
    if (found !== undefined) return found.bytes;
    const chance = new Chance(~this.seed, number);
    const made = Buffer.from(makeAnswer(chance), 'latin1');
    return chance.one(4) ? mutate(made, chance, RESPONSE_WORDS, []) : made;
  }

  /** What follows from seed and number whatever the bytes are, so that the same ones are always asked for, cut and ended alike. */
  chance(number: number): Chance {
    const { seed, number: first } = this.replays.get(number) ?? { seed: this.seed, number };
    return new Chance(seed, first);
  }
}

/** The bytes of an answer as they are kept: the mark of its number is the next run's to set. */
export function unmarked(bytes: string, number: number): Buffer {
  return Buffer.from(bytes.replaceAll(markOf(number), ANSWER_MARK), 'latin1');
}

const markOf = (number: number): string => `X-A:id${number}z`;

function planOf(answers: HostileAnswers, number: number, method: string): Plan {
  const chance = answers.chance(number);
  const text = answers.bytes(number).toString('latin1');
  const bytes = Buffer.from(text.replaceAll(ANSWER_MARK, markOf(number)), 'latin1');
  const toHead = method === 'HEAD';
  const drawn = chance.pick(['keep', 'end', 'end', 'reset'] as const);
  const open = reader.answer(bytes, toHead, false);
  // A reset takes what was not read yet with it: only what is broken all the same may end so.
  const ending = drawn === 'reset' && open.end === 'closed' ? 'end' : drawn;
  const reading = ending === 'end' ? reader.answer(bytes, toHead, true) : open;
  const last = reading.messages.at(-1);
  const whole = reading.end === 'closed' && last !== undefined ? last : null;
  const cutsMax = whole === null || whole.end < 0 ? bytes.length : whole.end;
  return {
    number,
    bytes,
    cuts: chance.cuts(Math.min(cutsMax, 200)),
    ending,
    whole: whole === null ? null : { status: Number(whole.start.slice(0, 3)), body: whole.body },
  };
}

/** Makes `upstream` send them. */
export function makeHostile(upstream: RawUpstream, answers: HostileAnswers): void {
  upstream.script = async (exchange: Exchange) => {
    await exchange.whole(600_000);
    const number = Number(exchange.target.slice(HOSTILE_PATH.length));
    const plan = planOf(answers, number, exchange.method);
    // The connection was ended behind the answer before, which this request crossed on its way.
    if (!exchange.connection.socket.writable) return;
    answers.served.add(number);
    let at = 0;
    for (const cut of [...plan.cuts, plan.bytes.length]) {
      exchange.send(plan.bytes.subarray(at, cut));
      at = cut;
      await nextTurn();
    }
    if (plan.ending === 'end') exchange.connection.halfClose();
    if (plan.ending === 'reset') exchange.connection.reset();
  };
}

/** A client that asks for one hostile answer after another, on its connection for as long as that is kept. */
export class FooledClient {
  readonly #port: number;
  readonly #answers: HostileAnswers;
  readonly #findings: ProxyFindings;
  #client: RawClient | null = null;

  constructor(port: number, answers: HostileAnswers, findings: ProxyFindings) {
    this.#port = port;
    this.#answers = answers;
    this.#findings = findings;
  }

  async ask(number: number): Promise<void> {
    const method = this.#answers.chance(number).pick(METHODS);
    const planned = planOf(this.#answers, number, method);
    this.#client ??= await RawClient.open(this.#port, { owner: { teardown: () => {} } });
    const body = method === 'POST' ? 'Content-Length: 2\r\n\r\nhi' : '\r\n';
    this.#client.send(`${method} ${HOSTILE_PATH}${number} HTTP/1.1\r\nHost: a\r\n${body}`);
    const before = this.#client.received.length;
    const told = await this.#answer(this.#client, method);
    const plan = this.#answers.served.has(number) ? planned : { ...planned, whole: null };
    const wrong =
      told instanceof MalformedMessage ? `a malformed answer: ${told.message}` : wrongWith(plan, told);
    if (wrong !== null) this.#findings.add('answer', wrong, number, plan.bytes.toString('latin1'));
    if (before > 0) this.#findings.add('answer', 'bytes before the request', number);
    this.#judgeMarks(plan, told);
    this.#findings.count(
      told === null
        ? 'answers cut'
        : plan.whole === null
          ? 'broken answers told as 502 or 504'
          : 'answers passed',
    );
    if (told === null || told instanceof Error || this.#client.ending !== 'open') this.leave();
    else if (told.fields.some(([name, text]) => /^connection$/i.test(name) && text === 'close')) this.leave();
  }

  leave(): void {
    this.#client?.destroy();
    this.#client = null;
  }

  /** The final answer; null when it was cut. */
  async #answer(client: RawClient, method: string): Promise<Message | MalformedMessage | null> {
    try {
      return await client.finalAnswer(method, WAIT_MS);
    } catch (error) {
      if (error instanceof PeerGone) return null;
      if (error instanceof MalformedMessage) return error;
      throw error;
    }
  }

  #judgeMarks(plan: Plan, told: Message | Error | null): void {
    const rest = this.#client!.received;
    const all = told === null || told instanceof Error ? rest : Buffer.concat([told.raw, rest]);
    for (const [, number] of all.toString('latin1').matchAll(MARK)) {
      if (Number(number) !== plan.number) {
        this.#findings.add('answer', `bytes of answer ${number}`, plan.number, plan.bytes.toString('latin1'));
      }
    }
  }
}

/** Why a client must not have been told this, or null. */
function wrongWith({ whole }: Plan, told: Message | null): string | null {
  if (told === null) return whole === null ? null : 'a whole answer was cut';
  const status = statusOf(told);
  if (whole === null) {
    return status === 502 || status === 504 ? null : `a broken answer was told as a whole ${status}`;
  }
  if (status !== whole.status) return `a whole ${whole.status} was told as ${status}`;
  return told.body.toString('latin1') === whole.body ? null : 'a whole answer came with another body';
}
