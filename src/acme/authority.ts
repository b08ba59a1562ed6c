// The one place that knows acme-client: one order of one certificate, from the account to the chain (RFC 8555, HTTP-01).
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import type { Authorization, Client, Order } from 'acme-client';
import type { AcmeOptions } from '../certificates/options.ts';
import { oneLine, type Problem, readProblem, sentenceOf } from './problem.ts';

/** What an authority asks for at `/.well-known/acme-challenge/TOKEN` (RFC 8555 section 8.3), and what it is answered. */
export interface Challenge {
  readonly token: string;
  readonly answer: string;
}

/** One order. */
export interface OrderInput {
  readonly options: AcmeOptions;
  /** PEM. */
  readonly accountKey: string;
  /** PEM; of the certificate to come. */
  readonly certificateKey: string;
  /** What the authority is told of the program that asks. */
  readonly userAgent: string;
  /** Resolves when every place that the authority may ask answers these. */
  readonly show: (challenges: readonly Challenge[]) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Orders a certificate: resolves to its chain, PEM. Rejects with an AcmeFault. */
export type OrderCertificate = (input: OrderInput) => Promise<string>;

/** Why there is no certificate, in one line for the reader. */
export class AcmeFault extends Error {
  override name = 'AcmeFault';
  /** The authority asks to be left alone for so long; 0: it does not say. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs = 0) {
    super(oneLine(message));
    this.retryAfterMs = retryAfterMs;
  }
}

/** One answer of an authority takes no longer, ms, and is no larger. */
const ANSWER_MS = 30_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
/** An order is looked at again after so long, which grows up to the second, ms. */
const POLL_MS = 500;
const POLL_MAX_MS = 5000;
/** A token is base64url of at least 128 bits; an answer is it, a dot and a hash (RFC 8555 section 8.1). */
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

/** What the requests of one order noted. */
interface Notes {
  /** Of the last answer; null: it was none. */
  problem: Problem | null;
  /** Why the last request had no answer. */
  unanswered: NodeJS.ErrnoException | null;
  retryAfterMs: number;
}

/** Only one order at a time: the package has one set of HTTP settings for all its clients. */
export const orderCertificate: OrderCertificate = async (input) => {
  const { options, signal } = input;
  const notes: Notes = { problem: null, unanswered: null, retryAfterMs: 0 };
  let leave = (): void => {};
  try {
    const acme = loadClient();
    leave = instruct(acme.axios, input, notes);
    const { eab } = options;
    const client = new acme.Client({
      directoryUrl: options.directory,
      accountKey: input.accountKey,
      ...(eab === null ? {} : { externalAccountBinding: { kid: eab.keyId, hmacKey: eab.secret } }),
    });
    await enter(client, options.email, notes);
    const identifiers = options.names.map((value) => ({ type: 'dns', value }));
    const order = await client.createOrder({ identifiers });
    if (order.status === 'pending') await prove(client, order, input);
    const ready = await settle(client, order, ['pending'], signal);
    const [, csr] = await acme.crypto.createCsr({ altNames: [...options.names] }, input.certificateKey);
    const asked = ready.status === 'ready' ? await client.finalizeOrder(ready, csr) : ready;
    const done = await settle(client, asked, ['pending', 'ready', 'processing'], signal);
    return await client.getCertificate(done);
  } catch (error) {
    throw faultOf(error, notes, signal);
  } finally {
    leave();
  }
};

/** Throws Node's error where it is not there. */
function loadClient(): AcmeClient {
  // Because: Node 20 gives an empty module for `import()` of this package in a process that has loaded as much as ours.
  return createRequire(import.meta.url)('acme-client') as AcmeClient; // its own types
}

type AcmeClient = typeof import('acme-client');
type Account = Awaited<ReturnType<Client['createAccount']>>;
type Axios = typeof import('acme-client')['axios'];

/**
 * Sets the package's HTTP client up for one order; what is returned ends that. Its own repetitions are off: they would sleep for as long as
 * an authority says, and lose the reason of what failed; whoever orders tries again later.
 */
function instruct(axios: Axios, { options, userAgent, signal }: OrderInput, notes: Notes): () => void {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 4,
    ...(options.ca === null ? {} : { ca: options.ca }),
  });
  // As its documentation has it, for which its types have no word.
  const { acmeSettings } = axios.defaults as unknown as { acmeSettings: { retryMaxAttempts: number } };
  acmeSettings.retryMaxAttempts = 0;
  const transport = {
    request(asked: RequestOptions, onAnswer: (answer: IncomingMessage) => void): ClientRequest {
      const out = request({ ...asked, agent, signal }, onAnswer);
      const late = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
      const timer = setTimeout(() => out.destroy(late), ANSWER_MS);
      out.once('close', () => clearTimeout(timer));
      out.once('error', (error) => {
        notes.unanswered = error;
      });
      return out;
    },
  };
  const asking = axios.interceptors.request.use((config) => {
    notes.unanswered = null;
    config.headers.set('User-Agent', userAgent);
    return Object.assign(config, {
      transport,
      proxy: false,
      maxRedirects: 0,
      maxContentLength: ANSWER_BYTES_MAX,
    });
  });
  const answered = axios.interceptors.response.use((answer) => {
    const problem = answer.status >= 400 ? readProblem(answer.data) : null;
    if (problem?.type !== 'badNonce') notes.problem = problem;
    notes.retryAfterMs = answer.status >= 400 ? waitOf(answer.headers['retry-after']) : 0;
    return answer;
  });
  return () => {
    axios.interceptors.request.eject(asking);
    axios.interceptors.response.eject(answered);
    agent.destroy();
  };
}

/** Finds the account of the key, or makes one (RFC 8555 section 7.3). */
async function enter(client: Client, email: string | null, notes: Notes): Promise<void> {
  const contact = email === null ? {} : { contact: [`mailto:${email}`] };
  let known: Account;
  try {
    // Because: for an account that exists the package writes what it is given over it, which some authorities refuse.
    known = await client.createAccount({ onlyReturnExisting: true });
  } catch (error) {
    if (notes.problem?.type !== 'accountDoesNotExist') throw error;
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
    return;
  }
  // One that tells no addresses keeps none.
  if (email !== null && known.contact !== undefined && known.contact[0] !== contact.contact?.[0])
    await client.updateAccount(contact);
}

/** Shows what the authority asks for, and tells it to look. */
async function prove(client: Client, order: Order, { show }: OrderInput): Promise<void> {
  const open = (await client.getAuthorizations(order)).filter(({ status }) => status === 'pending');
  const wanted = open.map((authorization) => {
    const challenge = authorization.challenges.find(({ type }) => type === 'http-01');
    const name = authorization.identifier.value;
    if (challenge === undefined) throw new AcmeFault(`the authority does not offer HTTP-01 for ${name}`);
    if (!TOKEN.test(challenge.token)) throw new AcmeFault(`the authority's token for ${name} is none`);
    return challenge;
  });
  const shown = wanted.map(async (challenge) => ({
    token: challenge.token,
    answer: await client.getChallengeKeyAuthorization(challenge),
  }));
  await show(await Promise.all(shown));
  for (const challenge of wanted) await client.completeChallenge(challenge);
}

/** Looks at the order until it is in none of the states `passing`. Rejects where the authority has given up on it. */
async function settle(
  client: Client,
  order: Order,
  passing: readonly Order['status'][],
  signal: AbortSignal,
): Promise<Order> {
  let now = order;
  for (let waitMs = POLL_MS; passing.includes(now.status); waitMs = Math.min(POLL_MAX_MS, waitMs * 1.5)) {
    await pause(waitMs, undefined, { signal });
    now = await client.getOrder(order);
  }
  if (now.status !== 'invalid') return now;
  const refused = readProblem(now.error);
  const why = (await client.getAuthorizations(now)).flatMap(whyRefused);
  if (refused !== null && why.length === 0) why.push(sentenceOf(refused));
  throw new AcmeFault(why.slice(0, 3).join('; ') || 'the authority refused the order and does not say why');
}

function whyRefused({ identifier, status, challenges }: Authorization): string[] {
  if (status === 'pending' || status === 'valid') return [];
  const problem = challenges.map(({ error }) => readProblem(error)).find((one) => one !== null);
  return [`${identifier.value}: ${problem === undefined ? status : sentenceOf(problem)}`];
}

function faultOf(error: unknown, notes: Notes, signal: AbortSignal): AcmeFault {
  if (error instanceof AcmeFault) return error;
  if (signal.aborted) return new AcmeFault('it took too long, or was given up');
  if (notes.unanswered !== null) {
    const { code, message } = notes.unanswered;
    return new AcmeFault(`the authority cannot be reached: ${message === '' ? code : message}`);
  }
  if (notes.problem !== null) return new AcmeFault(sentenceOf(notes.problem), notes.retryAfterMs);
  const { code = '', message } = error as NodeJS.ErrnoException; // the package throws nothing but errors
  if (code === 'MODULE_NOT_FOUND')
    return new AcmeFault('the package acme-client is not installed: npm install acme-client');
  return new AcmeFault(message, notes.retryAfterMs);
}

/** `Retry-After` in ms (RFC 9110 section 10.2.3); 0: none. */
function waitOf(field: unknown): number {
  if (typeof field !== 'string') return 0;
  const waitMs = /^\d{1,9}$/.test(field) ? Number(field) * 1000 : Date.parse(field) - Date.now();
  return Number.isFinite(waitMs) && waitMs > 0 ? waitMs : 0;
}
