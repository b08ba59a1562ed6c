// Sends one shape through one proxy and writes down both ends.
import { MalformedMessage, type Message, readHead, statusOf } from '../kit/http-message.ts';
import { type Bytes, bytesOf, PeerGone } from '../kit/peer.ts';
import { RawClient } from '../kit/raw-client.ts';
import type { Exchange, RawUpstream, Script } from '../kit/raw-upstream.ts';
import {
  type Observation,
  outcomeOf,
  persists,
  readAnswers,
  readRequests,
  withoutChance,
} from './observation.ts';
import { type AppAnswer, type ClientShape, DEFAULT_ANSWER, type Step, type WireShape } from './shape.ts';
import type { Wiretap } from './wiretap.ts';

/** One proxy with the upstream that is its alone. */
export interface Side {
  readonly name: string;
  readonly port: number;
  readonly upstream: RawUpstream;
}

/** Long enough for a starved machine; whoever waits so long has found a fault. */
const WAIT_MS = 15_000;
/** Asked on every connection that is said to go on: its answer must be the very next bytes. */
const NEXT_TARGET = '/the-next-request';
const NEXT = `GET ${NEXT_TARGET} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`;
const NEXT_ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext';

/** Sends the recorded bytes. Throws when a side does nothing for long, or says what is no HTTP. */
export async function observeWire(shape: WireShape, side: Side): Promise<Observation> {
  const { upstream } = side;
  const client = await RawClient.open(side.port);
  begin(upstream, shape.answer ?? DEFAULT_ANSWER, client);
  const steps: readonly Step[] =
    typeof shape.send === 'string' || shape.send instanceof Uint8Array ? [shape.send] : shape.send;
  const sent = readRequests(Buffer.concat(steps.filter(isBytes).map(bytesOf)));
  const methods = shape.methods ?? Array<string>(shape.answers ?? 1).fill(firstWord(steps));
  try {
    await takeSteps(steps, client, upstream).catch((error) => {
      // A proxy that has ended the connection is asked no more; what it said is read below.
      if (!(error instanceof PeerGone)) throw error;
    });
    const { answers, cut } = await readAll(client, methods, sent);
    if (cut !== '') {
      const both = await finish(shape.answer, upstream, answers);
      const outcomes = [...both.outcomes, cut];
      return { ...both, outcomes, sent, clientRest: '', ending: 'closes', result: '' };
    }
    const last = answers.at(-1)!;
    const minor = / HTTP\/1\.0\r\n/.test(firstText(steps)) ? 0 : 1;
    let ending = 'closes';
    if (statusOf(last) === 101) {
      ending = 'tunnel';
      await client.untilEnd(WAIT_MS);
    } else if (persists(last, minor) && !steps.includes('half-close')) {
      const next = await client.ask(NEXT, 'GET', WAIT_MS);
      ending = next.body.toString() === 'next' ? 'goes on' : `goes on with ${next.start}`;
    } else {
      ending = (await client.untilEnd(WAIT_MS)) === 'end' ? 'closes' : 'is reset';
    }
    const clientRest = statusOf(last) === 101 ? client.text : '';
    const both = await finish(shape.answer, upstream, answers);
    return { ...both, sent, clientRest, ending, result: '' };
  } finally {
    client.destroy();
  }
}

/** Reads a final answer to each method, or up to the one that ends the connection. `cut` says how that was cut short; else ''. */
async function readAll(
  client: RawClient,
  methods: readonly string[],
  sent: readonly Message[],
): Promise<{ answers: Message[]; cut: string }> {
  const answers: Message[] = [];
  for (const [i, method] of methods.entries()) {
    try {
      for (;;) {
        const found = await client.answer(method, WAIT_MS);
        answers.push(found);
        if (statusOf(found) === 101 || statusOf(found) >= 200) break;
      }
    } catch (error) {
      if (error instanceof MalformedMessage)
        return { answers, cut: `answered what is no HTTP: ${error.message}` };
      if (!(error instanceof PeerGone)) throw error;
      const head = readHead(client.received);
      return { answers, cut: head === null ? 'closed without an answer' : `cut within ${statusOf(head)}` };
    }
    if (!persists(answers.at(-1)!, sent[i]?.start.endsWith('1.0') ? 0 : 1)) break;
  }
  return { answers, cut: '' };
}

/** Lets the real client call. */
export async function observeClient(
  shape: ClientShape,
  side: Side,
  tap: Wiretap,
  folder: string,
): Promise<Observation> {
  tap.aim(side.port);
  begin(side.upstream, shape.answer ?? DEFAULT_ANSWER, null);
  const result = await shape.call({ url: `http://127.0.0.1:${tap.port}`, folder });
  const answers: Message[] = [];
  const sent: Message[] = [];
  let clientRest = '';
  for (const { fromClient, fromProxy } of tap.connections) {
    const asked = readRequests(fromClient.received);
    sent.push(...asked);
    const read = readAnswers(fromProxy.received, asked.map(methodOf));
    answers.push(...read.answers);
    clientRest += read.rest.toString('latin1');
  }
  const both = await finish(shape.answer, side.upstream, answers);
  return {
    ...both,
    sent: sent.map((found) => withoutChance(found)),
    clientRest,
    ending: '',
    result: JSON.stringify(result),
  };
}

function begin(upstream: RawUpstream, app: AppAnswer, client: RawClient | null): void {
  upstream.forget();
  const script = scriptOf(app, client);
  upstream.script = async (exchange) => {
    if (exchange.target !== NEXT_TARGET) return script(exchange);
    await exchange.whole();
    exchange.send(NEXT_ANSWER);
  };
}

function scriptOf(app: AppAnswer, client: RawClient | null): Script {
  if (typeof app === 'function') return app;
  return async (exchange: Exchange) => {
    await exchange.whole();
    if (isBytes(app)) return exchange.send(app);
    for (const [bytes, text] of app.pieces) {
      exchange.send(bytes);
      if (client === null) throw new Error('only recorded bytes are answered in pieces');
      await client.untilText(text, WAIT_MS);
    }
    if (app.end === 'reset') exchange.connection.reset();
  };
}

async function takeSteps(steps: readonly Step[], client: RawClient, upstream: RawUpstream): Promise<void> {
  for (const step of steps) {
    if (step === 'half-close') client.halfClose();
    else if (isBytes(step)) client.send(step);
    else if ('client' in step) await client.untilText(step.client, WAIT_MS);
    else await untilUpstreamHas(upstream, step.upstream);
  }
}

async function untilUpstreamHas(upstream: RawUpstream, text: string): Promise<void> {
  const { connection } = await upstream.request('', WAIT_MS);
  await connection.untilText(text, WAIT_MS);
}

/** What the upstream saw, once every request that began there is whole or cut. */
async function finish(
  app: AppAnswer | undefined,
  upstream: RawUpstream,
  answers: readonly Message[],
): Promise<Pick<Observation, 'requests' | 'answers' | 'outcomes' | 'upstreamRest'>> {
  const exchanges = upstream.exchanges.filter((exchange) => exchange.target !== NEXT_TARGET);
  for (const { connection, message } of exchanges) {
    if (message === null) await connection.untilEnd(WAIT_MS).catch(() => {});
  }
  const wrong = upstream.errors.splice(0)[0];
  if (wrong !== undefined && !(wrong instanceof MalformedMessage)) throw wrong;
  const given = app === undefined || typeof app === 'function' ? '' : givenText(app);
  const final = answers.filter((found) => statusOf(found) === 101 || statusOf(found) >= 200);
  const switched = final.some((found) => statusOf(found) === 101);
  return {
    requests: exchanges.flatMap(({ message }) => (message ? [withoutChance(message, upstream.port)] : [])),
    answers: answers.map((found) => withoutChance(found)),
    outcomes: [
      ...(wrong === undefined ? [] : [`sent what is no HTTP: ${wrong.message}`]),
      ...final.map((found) => outcomeOf(found, given)),
    ],
    upstreamRest: switched ? (exchanges.at(-1)?.connection.text ?? '') : '',
  };
}

function givenText(app: Exclude<AppAnswer, Script>): string {
  const parts = isBytes(app) ? [app] : app.pieces.map(([bytes]) => bytes);
  return parts.map((part) => bytesOf(part).toString('latin1')).join('');
}

function isBytes(step: unknown): step is Bytes {
  return (typeof step === 'string' && step !== 'half-close') || step instanceof Uint8Array;
}

function firstText(steps: readonly Step[]): string {
  const first = steps.find(isBytes);
  return first === undefined ? '' : bytesOf(first).toString('latin1').trimStart();
}

function firstWord(steps: readonly Step[]): string {
  return firstText(steps).split(' ')[0]!;
}

function methodOf(message: Message): string {
  return message.start.split(' ')[0]!;
}
