// What holds of Python's base64: what it skips, where it stops, and what it refuses.
import t from 'tap';
import { pythonBase64 } from '../../../src/session/decode/python-base64.ts';

const hex = (text: string, url?: boolean): string | null => pythonBase64(text, url)?.toString('hex') ?? null;

t.test('both alphabets are read, with and without padding', (t) => {
  t.equal(hex('-_8'), 'fbff');
  t.equal(hex('+/8='), 'fbff');
  t.equal(hex(''), '');
  t.end();
});

t.test('foreign characters are skipped, and nothing is read behind a padding', (t) => {
  t.equal(hex('Y W.I=', true), '6162');
  t.equal(hex('YWI=YWI='), '6162');
  t.equal(hex('Y WI=', false), '6162');
  t.end();
});

t.test('what Python cannot read is null', (t) => {
  t.equal(hex('A'), null);
  t.equal(hex('YWI', false), null);
  t.end();
});
