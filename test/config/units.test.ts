// Values with a unit are read exactly, and a wrong one is told what would be right.
import t from 'tap';
import {
  formatDuration,
  formatSize,
  parseCount,
  parseDuration,
  parsePercent,
  parseRate,
  parseSize,
  parseStatuses,
  quote,
  type Reading,
} from '../../src/config/units.ts';

const DAY = 86_400_000;
const all = { min: 0, max: Number.MAX_SAFE_INTEGER };

/** [text, value] or [text, what is wrong, what would be right]. */
type Row = readonly [text: string, value: unknown] | readonly [text: string, wrong: string, right: string];

function table(name: string, parse: (text: string) => Reading<unknown>, rows: readonly Row[]): void {
  t.test(name, async (t) => {
    for (const [text, value, right] of rows) {
      const expected = right === undefined ? { value } : { wrong: value, right };
      t.same(parse(text), expected, JSON.stringify(text));
    }
  });
}

table('durations have a unit', (text) => parseDuration(text, { min: 0, max: DAY }), [
  ['500ms', 500],
  ['2s', 2000],
  ['1.5m', 90_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1d', DAY],
  ['0', 0],
  ['0s', 0],
  ['30', '"30" has no unit', '30s'],
  ['5000', '"5000" has no unit', '5000ms'],
  ['2d', '"2d" is more than 1d', '0s to 1d'],
  ['1y', '"1y" is not a duration: "y" is no unit of it', '500ms, 2s, 5m, 1h or 1d'],
  ['1constructor', '"1constructor" is not a duration', '500ms, 2s, 5m, 1h or 1d'],
  ['-1s', '"-1s" is not a duration', '500ms, 2s, 5m, 1h or 1d'],
  ['', '"" is not a duration', '500ms, 2s, 5m, 1h or 1d'],
  ['1s ', '"1s " is not a duration', '500ms, 2s, 5m, 1h or 1d'],
  ['1e3s', '"1e3s" is not a duration', '500ms, 2s, 5m, 1h or 1d'],
]);

t.test('0 is refused where off is not allowed', async (t) => {
  t.same(parseDuration('0', { min: 1, max: 1000 }), { wrong: '"0" is less than 1ms', right: '1ms to 1s' });
});

table('sizes tell 1024 from 1000', (text) => parseSize(text, { min: 100, max: 1024 ** 3 }), [
  ['100B', 100],
  ['16KiB', 16_384],
  ['10MB', 10_000_000],
  ['1GiB', 1024 ** 3],
  ['0.5MiB', 524_288],
  ['16', '"16" has no unit', '16KiB'],
  ['16384', '"16384" has no unit', '16384B'],
  ['1B', '"1B" is less than 100B', '100B to 1GiB'],
  ['1TiB', '"1TiB" is more than 1GiB', '100B to 1GiB'],
  ['16k', '"16k" is not a size: "k" is no unit of it', '100B, 16KiB, 1MiB or 10MB'],
]);

table('rates end in /s', (text) => parseRate(text, { min: 1, max: 1024 ** 3 }), [
  ['240 B/s', 240],
  ['240B/s', 240],
  ['1KiB / s', 1024],
  ['240', '"240" has no unit', '240 B/s'],
  ['240B', '"240B" is not a rate, since it does not end in `/s`', '240 B/s or 1KiB/s'],
]);

table('shares have a percent sign', (text) => parsePercent(text, { min: 0, max: 1 }), [
  ['20%', 0.2],
  ['12.5 %', 0.125],
  ['0', 0],
  ['100%', 1],
  ['20', '"20" has no unit', '20%'],
  ['0.2', '"0.2" has no unit', '20%'],
  ['101%', '"101%" is more than 100%', '0% to 100%'],
  ['many', '"many" is not a share', '20%'],
]);

table('counts may be in thousands', (text) => parseCount(text, { min: 1, max: 10_000_000 }), [
  ['100', 100],
  ['100k', 100_000],
  ['1M', 1_000_000],
  ['0', '"0" is less than 1', '1 to 10000000'],
  ['11M', '"11M" is more than 10000000', '1 to 10000000'],
  ['1.5', '"1.5" is not a whole number', '100, 100k or 1M'],
  ['95 %', '"95 %" is not a whole number', '95'],
  ['-3', '"-3" is not a whole number', '100, 100k or 1M'],
]);

table('statuses are single, a range or a class', parseStatuses, [
  ['503', { from: 503, to: 503 }],
  ['200-399', { from: 200, to: 399 }],
  ['200 - 399', { from: 200, to: 399 }],
  ['5xx', { from: 500, to: 599 }],
  ['600', '"600" is outside 100-599', '200-399'],
  ['399-200', '"399-200" runs backwards', '200-399'],
  ['6xx', '"6xx" is not a status', '503, 200-399 or 5xx'],
]);

t.test('values are written with the largest unit that fits', async (t) => {
  const durations = [0, 1500, 2000, 90_000, 3_600_000, DAY].map(formatDuration);
  t.same(durations, ['0s', '1500ms', '2s', '90s', '1h', '1d']);
  t.same([0, 100, 16_384, 1024 ** 2, 1025].map(formatSize), ['0B', '100B', '16KiB', '1MiB', '1025B']);
});

t.test('what is written is read as the same', async (t) => {
  for (const ms of [1, 999, 1000, 61_000, 3_600_000, 36 * 3_600_000]) {
    t.same(parseDuration(formatDuration(ms), all), { value: ms });
  }
  for (const bytes of [1, 1023, 1024, 10_000_000, 1024 ** 4]) {
    t.same(parseSize(formatSize(bytes), all), { value: bytes });
  }
});

t.test('a quoted value is short, shows no password and moves no cursor', async (t) => {
  t.equal(quote('http://user:pa@ss@host/'), '"http://***@host/"');
  t.equal(quote('a\u001b[31m\u009b\u202e'), '"a\\u001b[31m??"');
  t.equal(quote('x'.repeat(100)).length, 62);
  t.equal(quote(`http://me:${'p'.repeat(200)}@host`), '"http://***@host"');
});
