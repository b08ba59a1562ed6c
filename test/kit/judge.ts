// The verdicts that the rule tests share: what "refused" and "bad answer" mean on the wire, on both sides of the proxy.
import { type Message, statusOf, value } from './http-message.ts';
import type { RunningLimpet } from './limpet.ts';
import { type Bytes, bytesOf } from './peer.ts';
import { RawClient } from './raw-client.ts';
import type { RawUpstream } from './raw-upstream.ts';

/** What of a tap test the verdicts need. */
export interface Test {
  ok(value: unknown, why: string): unknown;
  equal(found: unknown, wanted: unknown, why: string): unknown;
}

/** Health that watches nothing, so that a pool of misbehaving upstreams stays in use and gets no probes among its requests. */
export const unwatched = { passive: false, suspicion: false } as const;

/** The bytes of a GET with a Host and these further lines. */
export function get(target: string, ...lines: readonly string[]): string {
  return request('GET', target, ...lines);
}

export function request(method: string, target: string, ...lines: readonly string[]): string {
  return `${method} ${target} HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** The bytes of a POST whose body goes by length. */
export function post(target: string, body: string, ...lines: readonly string[]): string {
  return request('POST', target, `Content-Length: ${body.length}`, ...lines) + body;
}

/** The bytes of a chunked POST; `chunks` stands as it is after the head. */
export function chunkedPost(target: string, chunks: string, ...lines: readonly string[]): string {
  return request('POST', target, 'Transfer-Encoding: chunked', ...lines) + chunks;
}

export interface RefusalCase {
  readonly name: string;
  readonly bytes: Bytes;
  /** The status of the refusal; 400 where none is given. Several where the rule leaves a choice. */
  readonly status?: number | readonly number[];
  /** The mistake stands behind a good head, which may have been forwarded: then the upstream must never see the message complete. */
  readonly midway?: boolean;
}

/**
 * A request is refused: the status named, `Connection: close`, the answer followed by an orderly end, nothing forwarded, or
 * nothing complete when the mistake came midway.
 */
export async function refuses(
  t: Test,
  limpet: RunningLimpet,
  upstream: RawUpstream,
  row: RefusalCase,
): Promise<void> {
  const allowed =
    row.status === undefined ? [400] : typeof row.status === 'number' ? [row.status] : row.status;
  const before = upstream.exchanges.length;
  const client = await RawClient.open(limpet.port);
  client.send(row.bytes);
  let outcome: string;
  try {
    const answer = await client.finalAnswer('GET', 3000);
    const status = statusOf(answer);
    const says = (value(answer, 'connection') ?? '').toLowerCase();
    await client.untilEnd(3000);
    outcome = allowed.includes(status) ? 'refused' : `answered ${status} instead of ${allowed.join(' or ')}`;
    if (outcome === 'refused' && says !== 'close') outcome = `${status} with Connection: ${says || '(none)'}`;
    if (outcome === 'refused' && client.ending === 'reset') outcome = `${status} and then a reset`;
    if (outcome === 'refused' && client.received.length > 0) outcome = `${status} and then ${client.text}`;
  } catch (error) {
    outcome = (error as Error).message;
  }
  client.destroy();
  const forwarded = upstream.exchanges.slice(before);
  if (!row.midway) {
    if (forwarded.length > 0) outcome += `; forwarded ${JSON.stringify(forwarded.map((e) => e.head.start))}`;
  } else {
    for (const exchange of forwarded) {
      await exchange.connection.untilEnd(3000).catch(() => {
        outcome += '; the upstream connection stayed open';
      });
      if (exchange.message)
        outcome += `; the upstream saw a complete ${JSON.stringify(exchange.message.body.toString('latin1'))}`;
    }
  }
  t.equal(outcome, 'refused', row.name);
}

/** A request is forwarded and answered 200: gives the request as the upstream saw it and the answer. */
export async function passes(
  t: Test,
  limpet: RunningLimpet,
  upstream: RawUpstream,
  name: string,
  bytes: Bytes,
  from?: string,
): Promise<{ seen: Message; answer: Message }> {
  const before = upstream.exchanges.length;
  const client = await RawClient.open(limpet.port, from === undefined ? {} : { from });
  const method = bytesOf(bytes).toString('latin1').trimStart().split(' ')[0]!;
  try {
    const answer = await client.ask(bytes, method, 5000);
    t.equal(statusOf(answer), 200, `${name}: answered`);
    const seen = upstream.exchanges[before]?.message;
    t.ok(seen, `${name}: forwarded`);
    if (!seen) throw new Error(`${name}: not forwarded`);
    return { seen, answer };
  } finally {
    client.destroy();
  }
}

export interface BadAnswerCase {
  readonly name: string;
  readonly bytes: Bytes;
  /** The request that it answers; a GET by default. */
  readonly request?: string;
}

/**
 * An answer is bad: the client gets 502 and nothing of the answer, the upstream connection is destroyed, and the request was
 * not sent again.
 */
export async function isBadAnswer(
  t: Test,
  limpet: RunningLimpet,
  upstream: RawUpstream,
  row: BadAnswerCase,
): Promise<void> {
  upstream.forget();
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send(row.bytes);
  };
  const asked = row.request ?? get('/bad-answer');
  const client = await RawClient.open(limpet.port);
  let outcome: string;
  try {
    const answer = await client.ask(asked, asked.split(' ')[0]!, 3000);
    outcome =
      statusOf(answer) === 502 ? 'bad answer' : `passed on: ${JSON.stringify(answer.raw.toString('latin1'))}`;
    await upstream.last.connection.untilEnd(3000).catch(() => {
      outcome += '; the upstream connection stayed open';
    });
    if (upstream.exchanges.length !== 1) outcome += `; sent ${upstream.exchanges.length} times`;
  } catch (error) {
    outcome = (error as Error).message;
  }
  client.destroy();
  t.equal(outcome, 'bad answer', row.name);
}
