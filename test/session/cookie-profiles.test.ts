// One `Cookie` header, many readings: each profile reads what its framework's own parser reads, and where they differ it is known.
import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  type CookieProfile,
  cookieNames,
  cookieValue,
  cookieValues,
  isAmbiguous,
} from '../../src/session/cookie-profiles.ts';

interface Reading {
  readonly header: string;
  readonly cookie: string;
  /** What the real parsers gave: the values that the app would use, in order; none where it finds no such cookie. */
  readonly readings: readonly { readonly values: readonly string[]; readonly by: readonly CookieProfile[] }[];
}
const readings = JSON.parse(
  readFileSync(new URL('cookie-readings.json', import.meta.url), 'utf8'),
) as Reading[];
const PROFILES = [...new Set(readings.flatMap(({ readings }) => readings.flatMap(({ by }) => by)))];

t.test('every profile reads as the real parser does', async (t) => {
  t.equal(PROFILES.length, 11);
  for (const { header, cookie, readings: all } of readings) {
    for (const { values, by } of all) {
      for (const profile of by) {
        t.same(cookieValues(profile, header, cookie), values, `${profile}: ${JSON.stringify(header)}`);
      }
    }
  }
});

t.test(
  'what two parsers read differently is ambiguous, but for what each framework writes itself',
  async (t) => {
    for (const { header, cookie, readings: all } of readings) {
      // A header's value never begins with a blank (RFC 9110 section 5.5). `%` and `+` are decoded or not as the framework's own writer expects; names in other case or form are another cookie.
      if (all.length === 1 || /^a=x[%+]|^a\.b=1$|^a\[x\]=1$|^ /.test(header)) continue;
      t.ok(isAmbiguous(header, cookie), JSON.stringify(header));
    }
    for (const header of [
      'a=1',
      'b=2; a=1',
      'b=2;a=1; c="x"',
      'a=s%3Aid.sig%2B',
      'a=b=c',
      'A=1; b=2',
      'aa=1; ba=2',
      '',
    ]) {
      t.notOk(isAmbiguous(header, 'a'), JSON.stringify(header));
    }
    for (const header of [
      'x="; a=1',
      'a=1; x="',
      'x=1,a=2',
      'a=1,a=2',
      'a=1; a',
      'a=1\t',
      'a=\u0001',
      'a=ü',
      'a=1; a =2',
    ])
      t.ok(isAmbiguous(header, 'a'), JSON.stringify(header));
    t.ok(isAmbiguous('my.id=1; my_id=2', 'my_id'), 'PHP takes them for one');
  },
);

t.test('details of single parsers', async (t) => {
  t.same(cookieValues('php', 'a[x]=1; a=2', 'a'), [], 'an array is no cookie, and the name is taken');
  t.same(cookieValues('php', 'a=%00%zz', 'a'), ['\0%zz']);
  t.same(cookieValues('aspnet', 'b=2, a=%3D; a=2', 'a'), ['2']);
  t.same(cookieNames('npm-cookie', 'a=1; b=2; a=3; c'), ['a', 'b']);
  t.equal(cookieValue('werkzeug', 'a="x"y; b=1', 'a'), '"x"y');
  t.equal(cookieValue('werkzeug', 'a="open; b=1', 'b'), '1');
  t.equal(cookieValue('rack', 'a=%e4%zz+', 'a'), '%e4%zz+', 'one bad escape leaves all as it is');
  t.equal(cookieValue('go', 'a=bad"; a=good', 'a'), 'good');
  t.equal(cookieValue('npm-cookie', 'constructor=1', 'toString'), null);
});

t.test('nonsense of any length is read in linear time', async (t) => {
  const nonsense = ['"', '\\', ';', '=', ' ', '%', '"\\', 'a="', 'a=;', '\t', ',', 'a[', 'a=%'];
  for (const piece of nonsense) {
    const header = piece.repeat(Math.floor(32_768 / piece.length));
    const began = performance.now();
    for (const profile of [...PROFILES, 'aspnet' as const]) cookieValues(profile, header, 'a');
    isAmbiguous(header, 'a');
    t.ok(performance.now() - began < 2000, JSON.stringify(piece));
  }
});
