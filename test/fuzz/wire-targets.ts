// Requests and answers, read by Limpet and by llhttp: what they make of the same bytes is the same, or explained.
import type { Chance } from './chance.ts';
import { CHUNK_WORDS } from './chunk-grammar.ts';
import { difference } from './compare.ts';
import { EXPLANATIONS, explanationOf } from './explained.ts';
import type { Explanation } from './explanation.ts';
import { LimpetReader } from './limpet-reading.ts';
import { LlhttpReader } from './llhttp-reading.ts';
import { MessageView } from './message-view.ts';
import { mutate } from './mutate.ts';
import type { Reading } from './reading.ts';
import { makeRequests } from './request-grammar.ts';
import { REQUEST_WORDS } from './request-pieces.ts';
import { makeAnswer, RESPONSE_WORDS } from './response-grammar.ts';
import type { FuzzTarget, Verdict } from './target.ts';

/** How a case is read by both: whole or in pieces by Limpet. */
interface Readers {
  limpet(bytes: Buffer, cuts?: readonly number[]): Reading;
  llhttp(bytes: Buffer): Reading;
}

const limpet = new LimpetReader();
const llhttp = new LlhttpReader();
const REQUESTS: Readers = {
  limpet: (bytes, cuts) => limpet.requests(bytes, cuts),
  llhttp: (bytes) => llhttp.requests(bytes),
};

function judge(
  side: Explanation['side'],
  readers: Readers,
  bytes: Buffer,
  cuts: readonly number[],
  toHead: boolean,
): Verdict {
  const ours = readers.limpet(bytes);
  if (!isSameReading(ours, readers.limpet(bytes, cuts))) {
    return { finding: 'cuts change what Limpet reads', kind: 'cut' };
  }
  const theirs = readers.llhttp(bytes);
  const found = difference(ours, theirs);
  if (found === null) return { finding: null, kind: ours.end === 'refused' ? 'both refuse' : 'alike' };
  if (ours.end === 'waits' && found.kind.startsWith('llhttp refuses')) {
    // Limpet judges a line when its end is there, llhttp each octet: the end is given, then both have to say.
    const more = Buffer.concat([bytes, bytes.at(-1) === 0x0d ? LINE_FEED : EMPTY_LINE]);
    const again = difference(readers.limpet(more), theirs);
    if (again?.kind !== found.kind || again.message !== found.message) {
      return { finding: null, kind: 'both refuse' };
    }
  }
  const before = ours.messages[found.message - 1] ?? theirs.messages[found.message - 1];
  const start = ours.messages[found.message - 1]?.end ?? 0;
  const interim = before?.start.startsWith('1') ?? false;
  const view = new MessageView(bytes.toString('latin1', start), toHead, interim);
  const explanation =
    explanationOf(side, found.kind, view) ?? explainedBefore(side, bytes, ours, found, toHead);
  return { finding: explanation === undefined ? found.kind : null, kind: explanation?.kind ?? found.kind };
}

/** llhttp refuses late what stands in the message before: there it has to be looked for. */
function explainedBefore(
  side: Explanation['side'],
  bytes: Buffer,
  ours: Reading,
  found: { readonly kind: string; readonly message: number },
  toHead: boolean,
): Explanation | undefined {
  if (!found.kind.startsWith('llhttp refuses HPE_CLOSED_CONNECTION') || found.message === 0) return undefined;
  const start = ours.messages[found.message - 2]?.end ?? 0;
  return explanationOf(side, found.kind, new MessageView(bytes.toString('latin1', start), toHead));
}

const LINE_FEED = Buffer.from('\n\r\n');
const EMPTY_LINE = Buffer.from('\r\n\r\n');

function isSameReading(a: Reading, b: Reading): boolean {
  if (a.end !== b.end || a.code !== b.code || a.messages.length !== b.messages.length) return false;
  return a.messages.every((one, i) => {
    const other = b.messages[i]!;
    return (
      one.start === other.start &&
      one.body === other.body &&
      one.minor === other.minor &&
      one.keepAlive === other.keepAlive &&
      one.upgrade === other.upgrade &&
      one.complete === other.complete &&
      one.end === other.end &&
      one.fields.join('\n') === other.fields.join('\n') &&
      one.trailers.join('\n') === other.trailers.join('\n')
    );
  });
}

const kindsOf = (side: Explanation['side']): string[] =>
  EXPLANATIONS.filter((one) => one.side === side).map((one) => one.kind);

/** How often a case is a mutation, and of those, how often one of the corpus. */
function make(chance: Chance, corpus: readonly Buffer[], text: string, words: readonly string[]): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (!chance.one(3)) return bytes;
  const from = corpus.length > 0 && chance.one(4) ? chance.pick(corpus) : bytes;
  return mutate(from, chance, words, corpus);
}

export const requestTarget: FuzzTarget = {
  name: 'request',
  about: 'streams of requests, read by Limpet and by llhttp',
  messagesInCi: 60_000,
  make: (chance, corpus) => make(chance, corpus, makeRequests(chance), WORDS_OF_REQUESTS),
  judge: (bytes, chance) => judge('request', REQUESTS, bytes, chance.cuts(bytes.length), false),
  explanations: kindsOf('request'),
};

export const responseTarget: FuzzTarget = {
  name: 'response',
  about: 'the answers to one request, read by Limpet and by llhttp',
  messagesInCi: 60_000,
  make: (chance, corpus) => make(chance, corpus, makeAnswer(chance), WORDS_OF_ANSWERS),
  judge: (bytes, chance) => {
    const toHead = chance.one(6);
    const ended = chance.one(2);
    const readers: Readers = {
      limpet: (all, cuts) => limpet.answer(all, toHead, ended, cuts),
      llhttp: (all) => llhttp.answer(all, toHead, ended),
    };
    return judge('response', readers, bytes, chance.cuts(bytes.length), toHead);
  },
  explanations: kindsOf('response'),
};

const WORDS_OF_REQUESTS = [...REQUEST_WORDS, ...CHUNK_WORDS];
const WORDS_OF_ANSWERS = [...RESPONSE_WORDS, ...CHUNK_WORDS];
