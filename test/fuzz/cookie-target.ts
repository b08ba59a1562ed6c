// Cookies: pairs are found and taken out as a plain reader finds them.
import { ByteWriter, latin1Bytes } from '../../src/base/byte-writer.ts';
import { CookieCursor, copyWithout } from '../../src/wire/cookies.ts';
import { mutate } from './mutate.ts';
import { SURROUNDINGS, surrounded, trimmed } from './surroundings.ts';
import type { FuzzTarget, Verdict } from './target.ts';

const NAMES = ['limpet', 'sid'];
const NAME_BYTES = NAMES.map(latin1Bytes);
const PAIRS = [
  'limpet=a',
  'sid=b',
  'c=d',
  'e',
  '=f',
  'sid=',
  'limpet',
  'Sid=g',
  'limpet=h=i',
  ' sid = "j;k" ',
];
const COOKIE_WORDS = [...PAIRS, ';', '; ', '=', ' ', '\t', '"', ';;', ',', 'limpet', 'sid', '\0', '\x80'];
const cursor = new CookieCursor();
const out = new ByteWriter();

function sound(kind: string): Verdict {
  return { finding: null, kind };
}

function found(finding: string): Verdict {
  return { finding, kind: 'found' };
}

interface PlainPair {
  readonly text: string;
  /** Null for a pair without `=`. */
  readonly name: string | null;
  readonly value: string;
}

function plainPairs(text: string): PlainPair[] {
  return text
    .split(';')
    .map(trimmed)
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 0) return { text: pair, name: null, value: pair };
      return { text: pair, name: trimmed(pair.slice(0, equals)), value: trimmed(pair.slice(equals + 1)) };
    });
}

function judgePairs(bytes: Buffer): Verdict {
  const pairs = plainPairs(bytes.toString('latin1'));
  for (const around of SURROUNDINGS) {
    const room = surrounded(bytes, around);
    const start = around.length;
    const end = start + bytes.length;
    for (const [i, name] of NAMES.entries()) {
      const named = pairs.filter((pair) => pair.name === name);
      const is = cursor.find(room, start, end, NAME_BYTES[i]!);
      if (is !== named.length > 0 || cursor.count !== named.length) return found(`another count of ${name}`);
      if (is && room.toString('latin1', cursor.valueStart, cursor.valueEnd) !== named[0]!.value)
        return found(`another value of ${name}`);
    }
    out.reset();
    const kept = pairs.filter(({ name }) => name === null || !NAMES.includes(name));
    const written = copyWithout(out, room, start, end, NAME_BYTES, cursor);
    if (written !== kept.length) return found('another count of pairs left');
    if (Buffer.from(out.view()).toString('latin1') !== kept.map(({ text }) => text).join('; '))
      return found('other pairs left');
  }
  return sound(`${Math.min(pairs.length, 4)} pairs`);
}

export const cookieTarget: FuzzTarget = {
  name: 'cookie',
  about: 'cookies found and taken out, beside a plain reader',
  messagesInCi: 40_000,
  make: (chance, corpus) => {
    const pairs = Array.from({ length: chance.below(6) }, () => chance.pick(PAIRS));
    const bytes = Buffer.from(pairs.join(chance.pick(['; ', ';', ' ;', ';;'])), 'latin1');
    return chance.one(3) ? bytes : mutate(bytes, chance, COOKIE_WORDS, corpus);
  },
  judge: judgePairs,
  explanations: [],
};
