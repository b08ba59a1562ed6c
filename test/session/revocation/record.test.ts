// A revocation's text: what is written is read again, by both readers alike, and what nobody of us wrote is none.
import t from 'tap';
import { DigestWords, digestOf } from '../../../src/session/revocation/digest-words.ts';
import {
  namesOf,
  type Revocation,
  type RevocationCore,
  readCore,
  readDigest,
  readRecord,
  renewed,
  textOf,
} from '../../../src/session/revocation/record.ts';
import { readSlice } from '../../../src/session/revocation/record-slice.ts';

const record = (over: Partial<Revocation> = {}): Revocation => ({
  ...namesOf('u', [digestOf('x')]),
  letter: 'u',
  timeMs: 1_700_000_000_123,
  untilS: 1_800_000_000,
  atMs: 1_700_000_000_123,
  by: 'ops',
  user: 'ada',
  reason: 'lost phone',
  ...over,
});

/** What `readSlice` tells of records: each as `id letter time until`, by its first four words of digest. */
function sliced(pairs: readonly (readonly [string, string])[]): string[] | null {
  const told: string[] = [];
  const bytes = Buffer.from(pairs.flat().join('\n'), 'latin1');
  const isRead = readSlice(bytes, pairs.length, new DigestWords(), {
    row: ({ a, b, c, d }, letter, timeMs, untilS) =>
      void told.push([a, b, c, d, letter, timeMs, untilS].join(' ')),
    core: (core) => void told.push(lineOf(core)),
    garbage: () => void told.push('garbage'),
  });
  return isRead ? told : null;
}
function lineOf(core: RevocationCore): string {
  const words = new DigestWords();
  readDigest(core, 0, words);
  const { a, b, c, d } = words;
  return [a, b, c, d, core.letter, core.timeMs, core.untilS].join(' ');
}

t.test('a record is read as it was written', async (t) => {
  for (const one of [
    record(),
    record({ user: '', reason: '', by: 'local' }),
    record({ user: 'größe 100% ✓\u00a0.-', reason: 'a b  c', by: 'x y' }),
    record({ ...namesOf('t', [digestOf('a'), digestOf('b'), digestOf('a'), digestOf('c')]), letter: 't' }),
    record({ ...namesOf('a', [digestOf('everybody')]), letter: 'a', timeMs: 0, untilS: 0xffff_ffff }),
  ]) {
    const text = textOf(one);
    t.notMatch(text, /[^\x21-\x7e ]/);
    t.same(readRecord(one.id, text), one);
    t.same(sliced([[one.id, text]]), [lineOf(one)]);
  }
  const two = namesOf('t', [digestOf('a'), digestOf('b'), digestOf('a')]);
  t.equal(two.more.length, 1, 'each digest once');
});

t.test('what is no record is none', async (t) => {
  const { id, ...rest } = record();
  const text = textOf({ id, ...rest });
  for (const [otherId, other] of [
    [id, ''],
    [id, 'nonsense'],
    [id, text.replace('u ', 'x ')],
    [id, text.replace('u ', 'toString ')],
    [id, text.replace('u ', 'b ')],
    [id, text.replace('1700000000123', '-1')],
    [id, text.replace('1700000000123', '99999999999999999999')],
    [id, text.replace('1700000000123', '5000000000000')],
    [id, text.replace('1800000000', '4294967296')],
    [id, text.replace('1800000000', '1e9')],
    [id, text.replace('1800000000 ', '1800000000 short')],
    [id.slice(0, -1), text],
    [`${id}A`, text],
    [id.replace(/.$/, '!'), text],
    ['', text],
  ] as const) {
    t.equal(readCore(otherId, other), null, `${otherId} ${other}`);
    t.equal(readRecord(otherId, other), null, `${otherId} ${other}`);
    t.same(
      sliced([
        [id, text],
        [otherId, other],
        [id, text],
      ])?.[1],
      'garbage',
      `${otherId} ${other}`,
    );
  }
  t.equal(readRecord(id, `${text} more`), null);
  t.equal(readRecord(id, text.replace('ada', '%E0%A4%A')), null, 'an escape that is none');
});

t.test('a slice in which a line’s end hides is not read by lines', async (t) => {
  const { id } = record();
  t.equal(sliced([[id, `${textOf(record())}\nu 1 2`]]), null);
  t.same(sliced([]), []);
});

t.test('what is revoked twice ends what either ended', async (t) => {
  const older = record({ timeMs: 5000, untilS: 900, more: ['A'.repeat(22)], reason: 'old' });
  const newer = record({ timeMs: 4000, untilS: 800, more: ['B'.repeat(22)], reason: 'new' });
  t.match(renewed(older, newer), { timeMs: 5000, untilS: 900, reason: 'new' });
  t.same(renewed(older, newer).more, ['B'.repeat(22), 'A'.repeat(22)]);
});
