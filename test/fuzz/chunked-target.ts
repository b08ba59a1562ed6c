// Chunked bodies: where they are cut changes nothing, nothing beyond what has come is looked at, and a plain reader agrees.
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for.
import { CHUNK, CHUNK_LIMITS, ChunkedDecoder } from '../../src/wire/chunked.ts';
import type { Chance } from './chance.ts';
import { CHUNK_WORDS, chunkedBody } from './chunk-grammar.ts';
import { mutate } from './mutate.ts';
import type { FuzzTarget, Verdict } from './target.ts';

interface Decoded {
  readonly state: 'waits' | 'done' | 'refused';
  readonly code: string;
  readonly body: string;
  readonly trailers: string;
  /** Offset behind the body, or of the byte that was refused. */
  readonly at: number;
}

const decoder = new ChunkedDecoder('request');
/** Behind what has come stands what would change the answer if it were looked at. */
const LURES = ['0\r\n\r\n', '\n\0\r\r'];

function decode(bytes: Buffer, cuts: readonly number[], lure: string): Decoded {
  decoder.reset(CHUNK_LIMITS);
  let body = '';
  let at = 0;
  let end = 0;
  for (let piece = 0; piece <= cuts.length; piece++) {
    const from = end;
    end = piece < cuts.length ? cuts[piece]! : bytes.length;
    // Each piece comes in memory of its own, as from a socket, a few bytes into it.
    const room = Buffer.alloc(end - from + 8, lure, 'latin1');
    bytes.copy(room, 4, from, end);
    const last = 4 + end - from;
    for (let i = 4; ; ) {
      const state = decoder.next(room, i, last);
      if (decoder.pos < i || decoder.pos > last) throw new RangeError('the decoder left its bytes');
      if (state === CHUNK.data && (decoder.dataStart < i || decoder.dataEnd > last)) {
        throw new RangeError('data beyond what has come');
      }
      i = decoder.pos;
      at = from + i - 4;
      if (state === CHUNK.more) break;
      if (state === CHUNK.data) {
        body += room.toString('latin1', decoder.dataStart, decoder.dataEnd);
        continue;
      }
      const trailers = Buffer.from(decoder.trailers).toString('latin1', 0, decoder.trailersLength);
      if (state === CHUNK.done) return { state: 'done', code: '', body, trailers, at };
      return { state: 'refused', code: decoder.fault?.code ?? 'no code', body, trailers: '', at };
    }
  }
  return { state: 'waits', code: '', body, trailers: '', at };
}

/** A whole body read by regular expressions (rules F6 to F8), or null when it is none. */
function plainly(text: string): { body: string; end: number } | null {
  const line = /([0-9a-f]{1,13})(;[^\x00-\x1f\x7f]{0,255})?\r\n/iy;
  let body = '';
  let extensions = 0;
  for (;;) {
    const found = line.exec(text);
    if (found === null || found[2]?.endsWith(' ')) return null;
    extensions += found[2]?.length ?? 0;
    if (extensions > CHUNK_LIMITS.extensionsBytes) return null;
    const size = Number.parseInt(found[1]!, 16);
    if (size === 0) break;
    const from = line.lastIndex;
    if (text.slice(from + size, from + size + 2) !== '\r\n') return null;
    body += text.slice(from, from + size);
    line.lastIndex = from + size + 2;
  }
  const trailers = /((?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n/y;
  trailers.lastIndex = line.lastIndex;
  const found = trailers.exec(text);
  if (found === null || found[0].length > CHUNK_LIMITS.trailerBytes) return null;
  if (found[1]!.split('\r\n').length - 1 > CHUNK_LIMITS.trailerFields) return null;
  return { body, end: trailers.lastIndex };
}

function judge(bytes: Buffer, chance: Chance): Verdict {
  const whole = decode(bytes, [], LURES[0]!);
  for (const [cuts, lure] of [
    [chance.cuts(bytes.length), LURES[1]!],
    [chance.cuts(bytes.length), LURES[0]!],
  ] as const) {
    const cut = decode(bytes, cuts, lure);
    if (
      cut.state !== whole.state ||
      cut.code !== whole.code ||
      cut.body !== whole.body ||
      cut.trailers !== whole.trailers ||
      cut.at !== whole.at
    ) {
      return { finding: 'cuts change what is decoded', kind: 'cut' };
    }
  }
  const plain = plainly(bytes.toString('latin1'));
  if ((plain !== null) !== (whole.state === 'done')) {
    return { finding: `${whole.state} ${whole.code}, unlike a plain reader`, kind: 'unlike' };
  }
  if (plain !== null && (plain.body !== whole.body || plain.end !== whole.at)) {
    return { finding: 'another body than a plain reader has', kind: 'unlike' };
  }
  return { finding: null, kind: whole.state === 'refused' ? whole.code : whole.state };
}

export const chunkedTarget: FuzzTarget = {
  name: 'chunked',
  about: 'chunked bodies in any cuts, and beside a plain reader',
  messagesInCi: 40_000,
  make: (chance, corpus) => {
    const bytes = Buffer.from(chunkedBody(chance), 'latin1');
    return chance.one(3) ? bytes : mutate(bytes, chance, CHUNK_WORDS, corpus);
  },
  judge,
  explanations: [],
};
