// Values with a unit, from text to number: durations, sizes, rates, shares, counts and statuses.
import type { StatusRange } from '../health/options.ts';
import { masked } from './sensitive.ts';

/** What came of reading a value: the value, or what is wrong with it and what would be right. */
export type Reading<T> = { readonly value: T } | Wrong;

export interface Wrong {
  readonly wrong: string;
  readonly right: string;
}

export function isWrong<T>(reading: Reading<T>): reading is Wrong {
  return 'wrong' in (reading as object);
}

/** Inclusive bounds in the unit that the value is kept in. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

const DURATION: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  KB: 1e3,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};
const COUNT: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6 };

/** Milliseconds of `500ms`, `2s`, `1.5m`, `1h`, `1d`. A number without a unit is refused, but for 0. */
export function parseDuration(text: string, bounds: Bounds): Reading<number> {
  return measure(text, DURATION, bounds, 'a duration', '500ms, 2s, 5m, 1h or 1d', formatDuration, [
    's',
    100,
    'ms',
  ]);
}

/** Bytes of `100B`, `16KiB`, `10MB`. A number without a unit is refused, but for 0. */
export function parseSize(text: string, bounds: Bounds): Reading<number> {
  return measure(text, SIZE, bounds, 'a size', '100B, 16KiB, 1MiB or 10MB', formatSize, ['KiB', 1024, 'B']);
}

/** Bytes a second of `240 B/s`, `1KiB/s`. */
export function parseRate(text: string, bounds: Bounds): Reading<number> {
  const rate = /^(.*\S)\s*\/\s*s$/.exec(text);
  const example = '240 B/s or 1KiB/s';
  const bare = /^\d+$/.test(text) && text !== '0';
  if (bare) return { wrong: `${quote(text)} has no unit`, right: `${text} B/s` };
  if (rate === null && text !== '0') {
    return { wrong: `${quote(text)} is not a rate, since it does not end in \`/s\``, right: example };
  }
  const size = rate === null ? text : rate[1]!;
  return measure(size, SIZE, bounds, 'a rate', example, (bytes) => `${formatSize(bytes)}/s`, [
    ' B/s',
    0,
    ' B/s',
  ]);
}

/** So many requests in so long. */
export interface RequestPace {
  readonly count: number;
  readonly perMs: number;
}

const PACE: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** How many requests in how long: `100/s`, `600/m`, `10/h`, `1k/d`. */
export function parsePace(text: string): Reading<RequestPace> {
  const right = '100/s, 600/m or 10/h';
  const match = /^(\S.*?)\s*\/\s*([a-z]+)$/.exec(text);
  if (match === null) return { wrong: `${quote(text)} does not say how many requests in how long`, right };
  const [, count, unit] = match;
  if (!Object.hasOwn(PACE, unit!)) return { wrong: `${quote(unit!)} is not s, m, h or d`, right };
  const reading = parseCount(count!, { min: 1, max: 1e6 });
  return isWrong(reading) ? { ...reading, right } : { value: { count: reading.value, perMs: PACE[unit!]! } };
}

/** The share, 0 … 1, of `20%`. Bounds are shares too. */
export function parsePercent(text: string, bounds: Bounds): Reading<number> {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)\s*%$/.exec(text);
  if (match === null) {
    const bare = /^\d{1,9}(\.\d{1,6})?$/.test(text);
    if (bare && Number(text) === 0 && bounds.min === 0) return { value: 0 };
    const why = bare ? 'has no unit' : 'is not a share';
    // Who writes 0.2 means a fifth, not a five-hundredth.
    const likely = Number(text) <= 1 ? Number((Number(text) * 100).toFixed(6)) : text;
    return { wrong: `${quote(text)} ${why}`, right: bare ? `${likely}%` : '20%' };
  }
  return bounded(Number(match[1]) / 100, bounds, text, formatPercent);
}

/** A whole number, also as `100k` or `1M`. */
export function parseCount(text: string, bounds: Bounds): Reading<number> {
  const match = /^(\d{1,15})\s*([kKM]?)$/.exec(text);
  if (match === null) {
    // A weight is often thought of as a share.
    const share = /^(\d{1,15})\s*%$/.exec(text);
    return { wrong: `${quote(text)} is not a whole number`, right: share?.[1] ?? '100, 100k or 1M' };
  }
  return bounded(Number(match[1]) * COUNT[match[2]!]!, bounds, text, String);
}

/** One status or a range of them: `503`, `200-399`, `5xx`. */
export function parseStatuses(text: string): Reading<StatusRange> {
  const match = /^(?:([1-5])xx|(\d{3})(?:\s*-\s*(\d{3}))?)$/i.exec(text);
  if (match === null) return { wrong: `${quote(text)} is not a status`, right: '503, 200-399 or 5xx' };
  const [, hundred, first, last] = match;
  if (hundred !== undefined)
    return { value: { from: Number(hundred) * 100, to: Number(hundred) * 100 + 99 } };
  const from = Number(first);
  const to = Number(last ?? first);
  if (from < 100 || to > 599) return { wrong: `${quote(text)} is outside 100-599`, right: '200-399' };
  if (from > to) return { wrong: `${quote(text)} runs backwards`, right: `${to}-${from}` };
  return { value: { from, to } };
}

function measure(
  text: string,
  units: Readonly<Record<string, number>>,
  bounds: Bounds,
  what: string,
  examples: string,
  format: (value: number) => string,
  likely: readonly [few: string, from: number, many: string],
): Reading<number> {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]{0,5})$/.exec(text);
  if (match === null) return { wrong: `${quote(text)} is not ${what}`, right: examples };
  const [, digits, unit] = match;
  if (unit === '') {
    if (Number(digits) !== 0)
      return {
        wrong: `${quote(text)} has no unit`,
        right: `${digits}${Number(digits) < likely[1] ? likely[0] : likely[2]}`,
      };
    return bounded(0, bounds, text, format);
  }
  const factor = Object.hasOwn(units, unit!) ? units[unit!] : undefined;
  if (factor === undefined) {
    return { wrong: `${quote(text)} is not ${what}: ${quote(unit!)} is no unit of it`, right: examples };
  }
  return bounded(Math.round(Number(digits) * factor), bounds, text, format);
}

/** Refuses what is outside `bounds`, and names the bound. */
export function bounded(
  value: number,
  bounds: Bounds,
  text: string,
  format: (value: number) => string,
): Reading<number> {
  const { min, max } = bounds;
  if (value >= min && value <= max) return { value };
  const range = max === Infinity ? `at least ${format(min)}` : `${format(min)} to ${format(max)}`;
  if (value < min) return { wrong: `${quote(text)} is less than ${format(min)}`, right: range };
  return { wrong: `${quote(text)} is more than ${format(max)}`, right: range };
}

/** `1500` → `1500ms`, `2000` → `2s`, `3600000` → `1h`: the largest unit that leaves no remainder. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  return largest(ms, ['d', 'h', 'm', 's', 'ms'], DURATION);
}

/** `16384` → `16KiB`. */
export function formatSize(bytes: number): string {
  return bytes === 0 ? '0B' : largest(bytes, ['TiB', 'GiB', 'MiB', 'KiB', 'B'], SIZE);
}

export function formatPercent(share: number): string {
  return `${Number((share * 100).toFixed(6))}%`;
}

function largest(value: number, names: readonly string[], units: Readonly<Record<string, number>>): string {
  for (const name of names) {
    const count = value / units[name]!;
    if (Number.isInteger(count)) return `${count}${name}`;
  }
  return String(value);
}

/**
 * A value in quotation marks for a message: at most 60 characters, control characters escaped, and the user part of a URL,
 * which may hold a password, blanked.
 */
export function quote(text: string): string {
  return visible(JSON.stringify(short(text)));
}

/** The same without quotation marks, for what is shown as it is written in the file. */
export function unquoted(text: string): string {
  return visible(short(text));
}

/** A text with `?` for each character that a terminal would act on. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

function short(text: string): string {
  const safe = masked(text.slice(0, 1000));
  return safe.length > 60 ? `${safe.slice(0, 57)}...` : safe;
}
