// Clients that send what the request target makes, in pieces, and leave as they like; each from an address of its own.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MalformedMessage, readAnswer, statusOf } from '../kit/http-message.ts';
import { PeerGone } from '../kit/peer.ts';
import { RawClient } from '../kit/raw-client.ts';
import { Chance } from './chance.ts';
import type { ProxyFindings } from './proxy-findings.ts';
import type { ReadMessage } from './reading.ts';
import { clearlySent, FROM, type Recorder, strangeAmong } from './recorder.ts';
import { requestTarget } from './wire-targets.ts';

/** An address of 127/8 for each case; 127.0/16 is that of the others. */
export function addressOf(number: number): string {
  const rest = number % (250 * 250 * 250);
  return `127.${1 + Math.floor(rest / 62_500)}.${Math.floor(rest / 250) % 250}.${1 + (rest % 250)}`;
}

/** How a client leaves once all is sent. */
const ENDINGS = ['half-close', 'half-close', 'reset', 'destroy', 'wait'] as const;
/** How long a client that waits does so for something to come. */
const WAIT_MS = 150;
/** Longest that a client is held: beyond every timeout of the Limpet under test. */
const HELD_MS = 60_000;

/** One hostile connection. What it must not have done is found once Limpet is at rest: see `judgeStream`. */
export interface HostileStream {
  readonly number: number;
  readonly bytes: Buffer;
  readonly sent: readonly ReadMessage[];
  readonly received: Buffer;
}

/** Bytes that are sent again, with the seed and number that they were first sent under. */
export interface Replayed {
  readonly bytes: Buffer;
  readonly seed: number;
  readonly number: number;
}

/** Sends what the request target makes of seed and number, or `replay`, and leaves. How they are cut and how the client leaves follows from seed and number alone. */
export async function sendStream(
  port: number,
  seed: number,
  number: number,
  corpus: readonly Buffer[],
  replay?: Replayed,
): Promise<HostileStream> {
  const bytes = replay?.bytes ?? requestTarget.make(new Chance(seed, number), corpus);
  const chance = new Chance(~(replay?.seed ?? seed), replay?.number ?? number);
  const client = await RawClient.open(port, { from: addressOf(number), owner: NOBODY });
  let at = 0;
  for (const cut of [...chance.cuts(Math.min(bytes.length, 64)), bytes.length]) {
    client.send(bytes.subarray(at, cut));
    at = cut;
    if (chance.one(2)) await nextTurn();
  }
  await leave(client, chance.pick(ENDINGS));
  return { number, bytes, sent: clearlySent(bytes), received: client.received };
}

/** The sockets end by themselves: `leave` waits for it. */
const NOBODY = { teardown: () => {} };

async function leave(client: RawClient, ending: (typeof ENDINGS)[number]): Promise<void> {
  try {
    if (ending === 'wait') {
      const came = client.until(() => (client.received.length > 0 ? true : null), 'anything', WAIT_MS);
      // That nothing comes is as good.
      await came.catch(() => {});
    }
    if (ending === 'half-close' || ending === 'wait') {
      client.halfClose();
      await client.untilEnd(HELD_MS);
    } else if (ending === 'reset') client.reset();
  } catch (error) {
    if (!(error instanceof PeerGone)) throw error;
  } finally {
    client.destroy();
  }
}

/** Finds what came to the upstream or back to the client and should not have. */
export function judgeStream(stream: HostileStream, recorder: Recorder, findings: ProxyFindings): void {
  const { number, sent, received } = stream;
  const text = stream.bytes.toString('latin1');
  const own = addressOf(number);
  const seen = recorder.take(own);
  const strange = strangeAmong(seen, sent);
  if (strange !== null) findings.add('stream', strange, number, text);
  for (const [, from] of received.toString('latin1').matchAll(FROM)) {
    if (from !== own) findings.add('stream', `an answer meant for ${from}`, number, text);
  }
  const wrong = wrongWithAnswers(received, sent);
  if (wrong !== null) findings.add('stream', wrong, number, text);
  findings.count(`streams with ${Math.min(seen.length, 3)} requests forwarded`);
}

/** The answers are whole and sound, but for one that is cut. */
function wrongWithAnswers(received: Buffer, sent: readonly ReadMessage[]): string | null {
  let rest = received;
  try {
    for (let i = 0; rest.length > 0; ) {
      const method = sent[i]?.start.split(' ')[0] ?? 'GET';
      const answer = readAnswer(rest, method, false);
      if (answer === null) return null;
      rest = rest.subarray(answer.raw.length);
      if (statusOf(answer) >= 200) i++;
    }
    return null;
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return `a malformed answer: ${error.message}`;
  }
}
